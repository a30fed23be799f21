import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify';
import type { RecordToSend } from '../../kafka/client.ts';
import { microsOfUtc } from '../../processors/bots/index.ts';
import type { Authorize } from '../authorize.ts';
import { within } from '../deadline.ts';
import { answerError, methodGuard } from '../errors.ts';
import { apiKeyOf } from '../intents.ts';
import { PublishError } from '../ports.ts';
import { type FieldError, Problem } from '../problem.ts';
import type { BotIntake } from './bot-intake.ts';
import { MAX_BATCH_BYTES, splitBatch } from './split-batch.ts';

/** How long a batch may wait for the broker. */
const PUBLISH_LIMIT_MS = 10_000;
/** How long the store may take to say which events it has; without it only repeats within the batch are known. */
const KNOWN_LIMIT_MS = 1_000;
const REPORT_LIMIT_MS = 30_000;
const RETRY_AFTER_SECONDS = 5;

/** Which events and what of them; times in ISO 8601, UTC. */
export interface BotQuery {
  readonly from: string | null;
  readonly to: string | null;
  readonly instance: string | null;
}

/** What is known of bots. Throws whatever the store throws while it is away. */
export interface BotReads {
  report(query: BotQuery): Promise<object>;
  /** Those of the events that are stored. */
  known(eventIds: readonly string[]): Promise<readonly string[]>;
  /** The events of a correlation, by time. */
  chain(correlationId: string): Promise<readonly object[]>;
}

export interface BotRouteOptions {
  readonly intake: BotIntake;
  readonly publisher: { send(records: readonly RecordToSend[]): Promise<void> };
  readonly reads: BotReads;
}

/** Adds `POST /bots/events`, `GET /bots/report` and `GET /bots/chains/{id}`. Source: S-14, S-29, S-36. */
export function registerBots(
  server: FastifyInstance,
  options: BotRouteOptions & { readonly authorize: Authorize },
): void {
  // In a scope of its own: bodies are bytes here, and larger ones than elsewhere.
  void server.register(async (scope) => {
    const methods = methodGuard(scope);
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      ['application/json', 'application/x-ndjson'],
      { parseAs: 'buffer', bodyLimit: MAX_BATCH_BYTES },
      (_, body, done) => done(null, body),
    );
    scope.setErrorHandler<FastifyError>(async (error, request, reply) =>
      answerError(inWordsOfBots(error), request, reply),
    );
    registerIntake(scope, options);
    registerReads(scope, options.reads);
    methods.close();
  });
}

function inWordsOfBots(error: FastifyError): Error {
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new Problem(
      'BODY_TOO_LARGE',
      `The body is larger than ${MAX_BATCH_BYTES} bytes; send the events in several requests`,
    );
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return untyped();
  return error;
}

function untyped(): Problem {
  const detail = 'Send application/json (an array) or application/x-ndjson (one event a line)';
  return new Problem('UNSUPPORTED_MEDIA_TYPE', detail);
}

function registerIntake(
  scope: FastifyInstance,
  { intake, publisher, reads, authorize }: BotRouteOptions & { readonly authorize: Authorize },
): void {
  const admission = async (request: FastifyRequest): Promise<void> => {
    if (await authorize({ action: 'bots.write', apiKey: apiKeyOf(request) })) return;
    throw new Problem('FORBIDDEN', 'You may not send events; ask the operator for access');
  };
  const route = { preParsing: admission, bodyLimit: MAX_BATCH_BYTES };
  scope.post('/bots/events', route, async (request, reply) => {
    const type = request.headers['content-type'];
    if (type === undefined) throw untyped();
    const body = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
    const events = splitBatch(body, type.includes('ndjson') ? 'ndjson' : 'array');
    const { records, rejected } = intake.take(events);
    const ids = records.flatMap(({ eventId }) => (eventId === null ? [] : [eventId]));
    const stored = await knownOf(reads, ids);
    await published(
      publisher,
      records.map(({ record }) => record),
    );
    const fresh = new Set(ids.filter((id) => !stored.has(id)));
    const duplicates = ids.length - fresh.size;
    return reply.send({ accepted: fresh.size, duplicates, rejected });
  });
}

async function knownOf(reads: BotReads, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  try {
    const asked = { what: 'the event store', limitMs: KNOWN_LIMIT_MS };
    return new Set(await within(asked, reads.known(ids)));
  } catch {
    // The store finds them again when they reach it; here they are only counted.
    return new Set();
  }
}

async function published(
  publisher: BotRouteOptions['publisher'],
  records: readonly RecordToSend[],
): Promise<void> {
  if (records.length === 0) return;
  try {
    await within({ what: 'the broker', limitMs: PUBLISH_LIMIT_MS }, publisher.send(records));
  } catch (cause) {
    const isNone = cause instanceof PublishError && cause.delivery === 'none';
    const detail = isNone
      ? 'The broker took none of the events; send them again in a moment'
      : 'The broker did not acknowledge all of the events; send all of them again in a moment: what it has is recognised';
    throw new Problem('BROKER_AWAY', detail, { cause, retryAfterSeconds: RETRY_AFTER_SECONDS });
  }
}

function registerReads(scope: FastifyInstance, reads: BotReads): void {
  scope.get<{ Querystring: Record<string, unknown> }>('/bots/report', async (request) => {
    const query = queryOf(request.query);
    return fromStore(reads.report(query));
  });
  scope.get<{ Params: { id: string } }>('/bots/chains/:id', async ({ params: { id } }) => {
    const events = await fromStore(reads.chain(id));
    if (events.length > 0) return { correlation_id: id.toLowerCase(), events };
    const shown = id.length > 64 ? `${id.slice(0, 64)}…` : id;
    throw new Problem('UNKNOWN_CORRELATION', `No event of a bot has the correlation id ${shown}`);
  });
}

async function fromStore<Value>(asked: Promise<Value>): Promise<Value> {
  try {
    return await within({ what: 'the event store', limitMs: REPORT_LIMIT_MS }, asked);
  } catch (cause) {
    const detail = 'The event store does not answer; ask again in a moment';
    throw new Problem('STORE_AWAY', detail, { cause, retryAfterSeconds: RETRY_AFTER_SECONDS });
  }
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MAX_INSTANCE_CHARS = 200;

function queryOf(given: Readonly<Record<string, unknown>>): BotQuery {
  const errors: FieldError[] = [];
  const timeOf = (name: string): string | null => {
    const value = given[name];
    if (value === undefined || value === '') return null;
    const text = typeof value === 'string' && DAY.test(value) ? `${value}T00:00:00Z` : value;
    // A plus in a query is a space.
    const utc = typeof text === 'string' ? text.replace(' 00:00', '+00:00') : '';
    if (microsOfUtc(utc) !== null) return utc;
    const remedy = 'Write a day or a time in UTC, such as 2026-01-02 or 2026-01-02T03:04:05Z';
    const message = `${name} is no time: ${JSON.stringify(value)}`;
    errors.push({ field: name, code: 'NOT_A_UTC_TIMESTAMP', message, remedy });
    return null;
  };
  const query = { from: timeOf('from'), to: timeOf('to'), instance: instanceOf(given) };
  if (errors.length === 0) return query;
  const fields = errors.map(({ field }) => field).join(', ');
  throw new Problem('VALIDATION_FAILED', `Nothing was looked up. Correct: ${fields}`, { errors });
}

function instanceOf({ instance }: Readonly<Record<string, unknown>>): string | null {
  if (typeof instance !== 'string' || instance === '') return null;
  return instance.slice(0, MAX_INSTANCE_CHARS).replaceAll('\u0000', '');
}
