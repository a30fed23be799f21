import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isUlid, isUuid, newCorrelationId } from '../avro/index.ts';
import { within } from './deadline.ts';
import { positionOf, reached } from './position.ts';
import { Problem, type ProblemCode } from './problem.ts';
import type { HistoryReads, IntentReads } from './ports.ts';

/** A store that is slower than this is treated as away. */
const READ_LIMIT_MS = 2_000;
const RETRY_AFTER_SECONDS = 1;
const JSON_TYPE = 'application/json; charset=utf-8';

/** What an intent may name as its strategy. */
const STRATEGY_ID = /^[A-Za-z0-9._-]{1,64}$/;

type ById = { Params: { id: string } };

export interface ReadRoutesOptions {
  readonly readModels: IntentReads;
  readonly store: HistoryReads;
}

/** Adds what answers from Redis and from the event store; what is answered is theirs, unchanged. */
export function registerReads(
  server: FastifyInstance,
  { readModels, store }: ReadRoutesOptions,
): void {
  const intentOf = (id: string): Promise<string | null> =>
    fromRedis('the read model of the intent', () => readModels.intent(id));
  const historyOf = (id: string): Promise<readonly object[]> =>
    fromStore(() => store.history(newCorrelationId(id)));
  // A read model of an intent is there from its first event on, and that is the one a write answers with.
  const projected = (request: FastifyRequest): Promise<void> =>
    reached(positionOf(request), async ({ intentId }) => (await intentOf(intentId)) !== null);

  server.get<ById>('/intents/:id', async (request, reply) => {
    const id = idOf(request, unknownIntent);
    await projected(request);
    const value = await intentOf(id);
    if (value === null) throw unknownIntent(id);
    return reply.type(JSON_TYPE).send(value);
  });

  server.get<ById>('/plans/:id', async (request, reply) => {
    const id = idOf(request, unknownPlan);
    await projected(request);
    const value = await fromRedis('the read model of the plan', () => readModels.plan(id));
    if (value === null) throw unknownPlan(id);
    return reply.type(JSON_TYPE).send(value);
  });

  server.get<ById>('/positions/:id', async ({ params: { id } }, reply) => {
    if (!STRATEGY_ID.test(id)) throw unknownStrategy(id);
    const value = await fromRedis('the positions of the strategy', () => readModels.positions(id));
    if (value === null) throw unknownStrategy(id);
    return reply.type(JSON_TYPE).send(value);
  });

  server.get<ById>('/intents/:id/history', async (request) => {
    const id = idOf(request, unknownIntent);
    await reached(positionOf(request), async ({ intentId, sequence }) => {
      return (await historyOf(intentId)).length >= sequence;
    });
    const events = await historyOf(id);
    if (events.length === 0) throw unknownIntent(id);
    return { intent_id: id, correlation_id: newCorrelationId(id), events };
  });
}

/** UUIDs are equal in any case and stored in lower case; ULIDs are stored in upper case. */
function idOf(request: FastifyRequest<ById>, unknown: (id: string) => Problem): string {
  const { id } = request.params;
  if (isUuid(id)) return id.toLowerCase();
  if (isUlid(id)) return id;
  throw unknown(id);
}

function unknownIntent(id: string): Problem {
  const detail = `No event of an intent ${quoted(id)} has been seen yet; use the intent_id of the 202, a moment later`;
  return new Problem('UNKNOWN_INTENT', detail);
}

function unknownPlan(id: string): Problem {
  const detail = `No plan ${quoted(id)} has been seen yet; use the latest_plan_id of its intent`;
  return new Problem('UNKNOWN_PLAN', detail);
}

function unknownStrategy(id: string): Problem {
  const detail = `No intent of a strategy ${quoted(id)} has ended yet; use the strategyId of its intents`;
  return new Problem('UNKNOWN_STRATEGY', detail);
}

function quoted(id: string): string {
  return JSON.stringify(id.length > 64 ? `${id.slice(0, 64)}…` : id);
}

/** What the event store says. Throws: Problem STORE_AWAY after 2 s. */
export function fromStore<Value>(read: () => Promise<Value>): Promise<Value> {
  return guarded('STORE_AWAY', 'the event store', read);
}

function fromRedis<Value>(what: string, read: () => Promise<Value>): Promise<Value> {
  return guarded('READ_MODEL_AWAY', what, read);
}

async function guarded<Value>(
  code: ProblemCode,
  what: string,
  read: () => Promise<Value>,
): Promise<Value> {
  try {
    return await within({ what, limitMs: READ_LIMIT_MS }, read());
  } catch (error) {
    throw new Problem(code, `It was not possible to read ${what}; ask again in a moment`, {
      cause: error,
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }
}
