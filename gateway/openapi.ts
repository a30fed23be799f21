import { BOT_PATHS, BOT_SCHEMAS } from './bots/openapi.ts';
import { answer, json, problems, REQUEST_ID, signedProblems } from './openapi-answers.ts';
import { PAGE_PATHS } from './openapi-page.ts';
import { type AssetDecimals, schemasOf, ref } from './openapi-schemas.ts';

function pathId(description: string): object {
  return { name: 'id', in: 'path', required: true, description, schema: { type: 'string' } };
}

const UUID =
  '[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[1-8][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}';
const ULID = '[0-7][0-9A-HJKMNP-TV-Z]{25}';

const POSITION_PARAMETER = {
  name: 'X-Millrace-Position',
  in: 'header',
  description: 'Of a 202: waits at most 2 s until that write can be read.',
  schema: { type: 'string', pattern: `^intent-(${UUID}|${ULID})@[1-9][0-9]{0,8}$` },
};

const SUBMIT = {
  operationId: 'submitIntent',
  summary: 'Submit an intent; answered when the broker has it.',
  parameters: [
    REQUEST_ID,
    {
      name: 'X-Api-Key',
      in: 'header',
      description: 'Whom the rate limit counts for; without it, the remote address.',
      schema: { type: 'string' },
    },
    {
      name: 'Idempotency-Key',
      in: 'header',
      description:
        'One intent, however often it is sent: the id is made of the caller and this key. 1 to 255 printable characters without a space.',
      schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
    },
  ],
  requestBody: {
    required: true,
    description: 'At most 64 KiB.',
    content: { 'application/json': { schema: ref('IntentRequest') } },
  },
  responses: {
    202: json('Taken: intent.submitted is on the log.', ref('IntentTaken'), {
      Location: { description: 'Where its state will be.', schema: { type: 'string' } },
      'X-Millrace-Position': {
        description: 'Sent with a GET, that waits until this intent can be read.',
        schema: { type: 'string' },
      },
    }),
    ...signedProblems(
      'FORBIDDEN',
      'IDEMPOTENCY_CONFLICT',
      'BODY_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'VALIDATION_FAILED',
      'MALFORMED_JSON',
      'RATE_LIMITED',
      'BROKER_AWAY',
    ),
  },
};

const GET_INTENT = {
  operationId: 'getIntent',
  summary: 'The state of an intent.',
  parameters: [pathId('intent_id of the 202.'), REQUEST_ID, POSITION_PARAMETER],
  responses: {
    200: json('Its read model.', ref('Intent')),
    ...signedProblems('POSITION_NOT_REACHED', 'UNKNOWN_INTENT', 'READ_MODEL_AWAY'),
  },
};

const GET_PLAN = {
  operationId: 'getPlan',
  summary: 'The state of a plan.',
  parameters: [pathId('latest_plan_id of an intent.'), REQUEST_ID, POSITION_PARAMETER],
  responses: {
    200: json('Its read model.', ref('Plan')),
    ...signedProblems('POSITION_NOT_REACHED', 'UNKNOWN_PLAN', 'READ_MODEL_AWAY'),
  },
};

const GET_POSITIONS = {
  operationId: 'getPositions',
  summary: 'What the intents of a strategy that have ended came to.',
  parameters: [pathId('strategyId of its intents.'), REQUEST_ID],
  responses: {
    200: json('Its read model.', ref('Positions')),
    ...signedProblems('UNKNOWN_STRATEGY', 'READ_MODEL_AWAY'),
  },
};

const GET_HISTORY = {
  operationId: 'getIntentHistory',
  summary: 'All events of an intent, by sequence.',
  parameters: [pathId('intent_id of the 202.'), REQUEST_ID, POSITION_PARAMETER],
  responses: {
    200: json('The events as stored.', ref('History')),
    ...signedProblems('POSITION_NOT_REACHED', 'UNKNOWN_INTENT', 'STORE_AWAY'),
  },
};

const GET_HEALTH = {
  operationId: 'getHealth',
  summary: 'Whether the gateway and what it needs are usable.',
  parameters: [REQUEST_ID],
  responses: {
    200: json('All of it is.', ref('Health')),
    503: json('Something is away; it says what.', ref('Health')),
    ...problems(),
  },
};

const GET_LIVENESS = {
  operationId: 'getLiveness',
  summary: 'Whether the process still answers.',
  parameters: [REQUEST_ID],
  responses: { 200: json('It does.', ref('Alive')), ...problems() },
};

const GET_METRICS = {
  operationId: 'getMetrics',
  summary: 'Metrics for Prometheus.',
  parameters: [REQUEST_ID],
  responses: {
    200: answer('Text exposition format.', { 'text/plain': { schema: { type: 'string' } } }),
    ...problems(),
  },
};

const GET_DOCUMENT = {
  operationId: 'getOpenApi',
  summary: 'This document.',
  parameters: [REQUEST_ID],
  responses: { 200: json('OpenAPI 3.1.', { type: 'object' }), ...problems() },
};

const GET_STREAM = {
  operationId: 'openStream',
  summary: 'Events as they happen, over WebSocket.',
  description:
    'Send {"type":"subscribe","topics":["exec.*"],"correlationId":"…","resume":"<position>"}; frames are subscribed, event, dropped and error.',
  parameters: [REQUEST_ID],
  responses: {
    101: { description: 'The WebSocket is open.' },
    ...signedProblems('UPGRADE_REQUIRED'),
  },
};

const HMAC = {
  type: 'apiKey',
  in: 'header',
  name: 'X-Signature',
  description:
    'Hexadecimal HMAC-SHA256 over X-Timestamp, X-Nonce, method, path with query, and the SHA-256 of the body in hexadecimal, joined by line feeds; X-Api-Key names the secret. X-Timestamp is in seconds, at most 300 from now; X-Nonce is new each time.',
};

/** The API as OpenAPI 3.1; `assets` says which intents there can be. Routes that exist and are not in here fail a test, and the other way round. */
export function openApiDocument(
  version: string,
  assets: AssetDecimals | null = null,
): {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
  readonly [key: string]: unknown;
} {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Millrace gateway',
      version,
      summary: 'Submit trading intents and watch them to their end.',
      description:
        'Paths that do not exist are answered with 404 NOT_FOUND, methods that a path does not take with 405 METHOD_NOT_ALLOWED and Allow, both as problems.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    // Either way: a gateway with HMAC_REQUIRED takes nothing unsigned but probes and this document.
    security: [{}, { hmac: [] }],
    paths: {
      '/intents': { post: SUBMIT },
      '/intents/{id}': { get: GET_INTENT },
      '/intents/{id}/history': { get: GET_HISTORY },
      '/plans/{id}': { get: GET_PLAN },
      '/positions/{id}': { get: GET_POSITIONS },
      '/stream': { get: GET_STREAM },
      '/health': { get: GET_HEALTH },
      '/livez': { get: GET_LIVENESS },
      '/metrics': { get: GET_METRICS },
      '/openapi.json': { get: GET_DOCUMENT },
      ...BOT_PATHS,
      ...PAGE_PATHS,
    },
    components: {
      schemas: { ...schemasOf(assets), ...BOT_SCHEMAS },
      securitySchemes: { hmac: HMAC },
    },
  };
}
