import { json, REQUEST_ID, signedProblems } from '../openapi-answers.ts';
import { type JsonSchema, ref } from '../openapi-schemas.ts';

const TEXT = { type: 'string' };
const TEXT_OR_NULL = { type: ['string', 'null'] };
const COUNT = { type: 'integer', minimum: 0 };
const RATIO = {
  type: 'object',
  required: ['count', 'ratio'],
  properties: { count: COUNT, ratio: { type: 'number' } },
};

/** Schemas of what the routes of bots take and give. */
export const BOT_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  BotEvent: {
    type: 'object',
    description: 'An event as the rules have it: avro/rules/bot-events.v1.json.',
    required: ['event_id', 'event_type', 'event_version', 'ts_utc', 'payload'],
    properties: {
      event_id: TEXT,
      event_type: TEXT,
      correlation_id: TEXT,
      payload: { type: 'object' },
    },
  },
  BotIntake: {
    type: 'object',
    required: ['accepted', 'duplicates', 'rejected'],
    properties: {
      accepted: { ...COUNT, description: 'On the log, and not known before.' },
      duplicates: {
        ...COUNT,
        description: 'Of an event_id that the store, or the batch, has already.',
      },
      rejected: { type: 'array', items: ref('BotRejection') },
    },
    additionalProperties: false,
  },
  BotRejection: {
    type: 'object',
    required: ['index', 'event_id', 'field', 'code', 'message'],
    properties: {
      index: { ...COUNT, description: 'Place in the batch, from 0.' },
      event_id: TEXT_OR_NULL,
      field: { ...TEXT, description: 'ts_utc, payload.side; empty: the event as a whole.' },
      code: TEXT,
      message: TEXT,
    },
    additionalProperties: false,
  },
  BotFigures: {
    type: 'object',
    description:
      'source = stored + explained + unexplained; pending records are on the log and not yet read.',
    required: [
      'source',
      'stored',
      'delta',
      'explained',
      'unexplained',
      'missing_correlation',
      'invalid_schema',
      'lag_ms',
    ],
    properties: {
      source: COUNT,
      stored: COUNT,
      delta: COUNT,
      explained: {
        type: 'object',
        required: ['duplicate', 'conflict', 'invalid'],
        properties: { duplicate: COUNT, conflict: COUNT, invalid: COUNT },
      },
      unexplained: COUNT,
      missing_correlation: RATIO,
      invalid_schema: RATIO,
      lag_ms: {
        type: ['object', 'null'],
        description: 'p50, p95, min, max of ingest_ts_utc - ts_utc.',
      },
    },
  },
  BotReport: {
    type: 'object',
    required: [
      'from',
      'to',
      'instance',
      'total',
      'types',
      'instances',
      'unexplained',
      'log_gaps',
      'pending',
      'redelivered',
    ],
    properties: {
      from: TEXT_OR_NULL,
      to: TEXT_OR_NULL,
      instance: TEXT_OR_NULL,
      total: ref('BotFigures'),
      types: { type: 'object', additionalProperties: ref('BotFigures') },
      instances: { type: 'object', additionalProperties: { type: 'object' } },
      unexplained: { type: 'array', items: { type: 'object' } },
      log_gaps: { type: 'array', items: { type: 'object' } },
      pending: COUNT,
      redelivered: COUNT,
    },
  },
  BotChain: {
    type: 'object',
    required: ['correlation_id', 'events'],
    properties: { correlation_id: TEXT, events: { type: 'array', items: ref('BotEvent') } },
    additionalProperties: false,
  },
};

const ANY_EVENT = {
  description:
    'A BotEvent. Whatever is against the rules is set aside and reported in `rejected`; the others are taken all the same.',
};

function inQuery(name: string, description: string, pattern?: string): object {
  const schema = pattern === undefined ? TEXT : { ...TEXT, pattern };
  return { name, in: 'query', description, schema };
}

const YEAR = '(19[0-9]{2}|20[0-9]{2}|2100)';
/** Of each year; 29 February is looked up. */
const MONTH_AND_DAY =
  '((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))';
const TIME_OF_DAY = '([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+]00:00)';
/** Nothing, a day or a time, as `GET /bots/report` takes it. */
const DAY_OR_TIME = `^(${YEAR}-${MONTH_AND_DAY}(T${TIME_OF_DAY})?)?$`;

const SEND = {
  operationId: 'sendBotEvents',
  summary: 'Send events of bots; answered when the broker has them.',
  parameters: [REQUEST_ID],
  requestBody: {
    required: true,
    description: 'At most 5 MiB and 10,000 events.',
    content: {
      'application/json': { schema: { type: 'array', items: ANY_EVENT } },
      'application/x-ndjson': { schema: { type: 'string', description: 'One event a line.' } },
    },
  },
  responses: {
    200: json('Each event is on the log, or set aside for the reason given.', ref('BotIntake')),
    ...signedProblems(
      'FORBIDDEN',
      'BODY_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'MALFORMED_JSON',
      'BROKER_AWAY',
    ),
  },
};

const REPORT = {
  operationId: 'reportOnBots',
  summary: 'What bots sent, what of it is stored, and what became of the rest.',
  parameters: [
    inQuery('from', 'By ts_utc: a day or a time, in UTC.', DAY_OR_TIME),
    inQuery('to', 'Not included.', DAY_OR_TIME),
    inQuery('instance', 'instance_name.'),
    REQUEST_ID,
  ],
  responses: {
    200: json('By type and by instance.', ref('BotReport')),
    ...signedProblems('VALIDATION_FAILED', 'STORE_AWAY'),
  },
};

const CHAIN = {
  operationId: 'getBotChain',
  summary: 'The events of one correlation, by ts_utc, then as they came.',
  parameters: [
    { name: 'id', in: 'path', required: true, description: 'correlation_id.', schema: TEXT },
    REQUEST_ID,
  ],
  responses: {
    200: json('At most 10,000.', ref('BotChain')),
    ...signedProblems('UNKNOWN_CORRELATION', 'STORE_AWAY'),
  },
};

/** The routes of bots. */
export const BOT_PATHS: Readonly<Record<string, Readonly<Record<string, object>>>> = {
  '/bots/events': { post: SEND },
  '/bots/report': { get: REPORT },
  '/bots/chains/{id}': { get: CHAIN },
};
