import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventStore, migrate, type StoredEvent } from '../../connectors/postgres/index.ts';
import { createDatabase, type OwnDatabase } from './own-servers.ts';

let database: OwnDatabase;
let store: EventStore;
beforeAll(async () => {
  database = await createDatabase('store');
  await migrate(database.url);
  store = new EventStore(database.url);
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

function eventOf(fields: Partial<StoredEvent> = {}): StoredEvent {
  return {
    eventId: crypto.randomUUID(),
    occurredAtMicros: 1_767_225_600_123_456,
    type: 'intent.submitted',
    correlationId: 'intent-1',
    causationId: null,
    payload: { intentId: '1', amount_in: '0.10' },
    version: 1,
    family: 'TRADING',
    sequence: 1,
    ...fields,
  };
}

/** A sink of a test's own with all partitions at 0. */
async function newSink(...partitions: number[]): Promise<string> {
  const sink = `sink-${crypto.randomUUID()}`;
  const list = partitions.map((partition) => ({ topic: 'intents', partition }));
  await store.ensurePositions(sink, list);
  return sink;
}

const move = (partition: number, from: number, to: number) => ({
  topic: 'intents',
  partition,
  from,
  to,
});

async function rowsOf(...events: StoredEvent[]): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM events WHERE event_id = ANY($1)',
    [events.map(({ eventId }) => eventId)],
  );
  return row?.count ?? -1;
}

describe('append', () => {
  it('B-65 B-66 stores an event once, however often it is delivered', async () => {
    const sink = await newSink(0);
    const event = eventOf();
    const again = { ...event, occurredAtMicros: event.occurredAtMicros + 1 };
    expect(await store.append({ sink, moves: [move(0, 0, 2)], events: [event, again] })).toBe(1);
    expect(await store.append({ sink, moves: [move(0, 2, 3)], events: [event, eventOf()] })).toBe(
      1,
    );
    expect(await store.append({ sink, moves: [move(0, 3, 4)], events: [again] })).toBe(0);
    expect(await rowsOf(event)).toBe(1);
  });

  it('K-09 moves the positions of several partitions with their events', async () => {
    const sink = await newSink(0, 1, 2);
    const events = [eventOf(), eventOf()];
    await store.append({ sink, moves: [move(1, 0, 7), move(0, 0, 3)], events });
    expect(await store.positions(sink)).toEqual([
      { topic: 'intents', partition: 0, next: 3 },
      { topic: 'intents', partition: 1, next: 7 },
      { topic: 'intents', partition: 2, next: 0 },
    ]);
    await store.ensurePositions(sink, [{ topic: 'intents', partition: 1 }]);
    expect((await store.positions(sink))[1]).toMatchObject({ next: 7 });
  });

  it('K-09 stores nothing when one position is not where the writer left it', async () => {
    const sink = await newSink(0, 1);
    await store.append({ sink, moves: [move(1, 0, 5)], events: [] });
    const event = eventOf();
    const stale = store.append({ sink, moves: [move(0, 0, 1), move(1, 0, 1)], events: [event] });
    await expect(stale).rejects.toMatchObject({ code: 'POSITION_TAKEN', reaction: 'stop' });
    expect(await rowsOf(event)).toBe(0);
    expect((await store.positions(sink)).map(({ next }) => next)).toEqual([0, 5]);
  });

  it('K-09 lets one of two writers at the same position through', async () => {
    const sink = await newSink(0);
    const writers = Array.from({ length: 6 }, () => eventOf());
    const outcomes = await Promise.allSettled(
      writers.map((event) => store.append({ sink, moves: [move(0, 0, 1)], events: [event] })),
    );
    const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(lost.map(({ reason }) => (reason as { code: string }).code)).toEqual(
      Array(5).fill('POSITION_TAKEN'),
    );
    expect(await rowsOf(...writers)).toBe(1);
  });

  it('B-66 stores a batch of more rows than one statement takes', async () => {
    const sink = await newSink(0);
    const events = Array.from({ length: 12_001 }, () => eventOf({ correlationId: 'many' }));
    expect(await store.append({ sink, moves: [move(0, 0, 12_001)], events })).toBe(12_001);
    expect(await rowsOf(...events)).toBe(12_001);
  });

  it('lets writers of the same events in opposite order finish', async () => {
    const events = ['a', 'm', 'z'].map((id) => eventOf({ eventId: `ring-${id}` }));
    const blocker = await transaction(`INSERT INTO event_dedup VALUES ('ring-m')`);
    const writers = [events, events.toReversed()].map((order) =>
      store.append({ sink: 'any', moves: [], events: order }),
    );
    await expect.poll(() => waitingFor('INSERT INTO event_dedup')).toBe(2);
    await blocker.rollback();
    expect((await Promise.all(writers)).toSorted()).toEqual([0, 3]);
  });

  it.each([
    ['U+0000 in the payload', { payload: { note: 'a\u0000b' } }],
    ['half of a surrogate pair', { payload: { note: '\ud800' } }],
    ['U+0000 in an id', { correlationId: 'a\u0000' }],
    ['an id that no index takes', { correlationId: 'x'.repeat(5_000) }],
    ['a time that is no whole number', { occurredAtMicros: 0.5 }],
    ['a version over 32 bits', { version: 2 ** 31 }],
  ])('names the events that Postgres cannot hold: %s', async (_, fields) => {
    const [good, bad] = [eventOf(), eventOf(fields)];
    await expect(
      store.append({ sink: 'any', moves: [], events: [good, bad] }),
    ).rejects.toMatchObject({ code: 'INVALID', reaction: 'dead-letter', eventIds: [bad.eventId] });
    expect(await store.append({ sink: 'any', moves: [], events: [good] })).toBe(1);
  });

  it('stores text that only looks like what Postgres cannot hold', async () => {
    const payload = { note: '\\u0000 \\\\ud800 😀 \u0001 \u2028' };
    const correlationId = `intent-${crypto.randomUUID()}`;
    await store.append({ sink: 'any', moves: [], events: [eventOf({ payload, correlationId })] });
    expect((await store.history(correlationId))[0]?.payload).toEqual(payload);
  });
});

describe('the events table', () => {
  it.each([
    'UPDATE events SET version = 2',
    'DELETE FROM events',
    'TRUNCATE events',
    'DELETE FROM event_dedup',
    'TRUNCATE event_dedup',
  ])('B-66 is append-only: refuses %s', async (statement) => {
    await store.append({ sink: 'any', moves: [], events: [eventOf()] });
    await expect(database.query(statement)).rejects.toMatchObject({ code: '23001' });
  });
});

describe('history', () => {
  it('B-43 gives the events of a correlation in wire form, by sequence', async () => {
    const correlationId = `intent-${crypto.randomUUID()}`;
    const first = eventOf({ correlationId });
    const second = eventOf({ correlationId, sequence: 2, causationId: first.eventId });
    const uncounted = eventOf({ correlationId, sequence: null, occurredAtMicros: 0 });
    const tenth = eventOf({ correlationId, sequence: 10, occurredAtMicros: 1 });
    const events = [tenth, uncounted, second, eventOf(), first];
    await store.append({ sink: 'any', moves: [], events });
    const history = await store.history(correlationId);
    expect(history.map(({ sequence }) => sequence)).toEqual([1, 2, 10, null]);
    expect(history[1]).toEqual({
      eventId: second.eventId,
      timestamp: '2026-01-01T00:00:00.123456Z',
      topic: 'intent.submitted',
      correlationId,
      causationId: first.eventId,
      payload: { intentId: '1', amount_in: '0.10' },
      version: 1,
      sequence: 2,
    });
    expect(Object.keys(history[1] ?? {})).toEqual(
      'eventId timestamp topic correlationId causationId payload version sequence'.split(' '),
    );
    expect(await store.history('intent-unknown')).toEqual([]);
  });

  it.each([
    [0, '1970-01-01T00:00:00.000000Z'],
    [1, '1970-01-01T00:00:00.000001Z'],
    [-1, '1969-12-31T23:59:59.999999Z'],
    [1_767_225_599_999_999, '2025-12-31T23:59:59.999999Z'],
    [Number.MAX_SAFE_INTEGER, '2255-06-05T23:47:34.740991Z'],
  ])('B-43 keeps the microseconds of %d', async (occurredAtMicros, timestamp) => {
    const event = eventOf({ occurredAtMicros, correlationId: `intent-${crypto.randomUUID()}` });
    await store.append({ sink: 'any', moves: [], events: [event] });
    expect(await store.history(event.correlationId)).toMatchObject([{ timestamp }]);
  });

  it('B-09 reads a correlation by its index', async () => {
    const events = Array.from({ length: 5_000 }, (_, n) =>
      eventOf({ correlationId: `intent-${n}` }),
    );
    await store.append({ sink: 'any', moves: [], events });
    await database.query('ANALYZE events');
    const plan = await database.query(
      `EXPLAIN SELECT * FROM events WHERE correlation_id = 'intent-77' ORDER BY sequence`,
    );
    // Of the months that hold more than a page.
    expect(JSON.stringify(plan)).toMatch(/Index Scan using events_\w*correlation_\w*time/);
  });
});

describe('history', () => {
  it('B-09 is planned once for all partitions, however often it is asked for', async () => {
    const reader = new EventStore(database.url, 'reads');
    try {
      for (let asked = 0; asked < 10; asked++) await reader.history('intent-77');
      // One connection was enough for them.
      const [seen] = await reader.database.query<{ planned: number; reused: number }>(
        'looking at plans',
        `SELECT custom_plans::int AS planned, generic_plans::int AS reused
         FROM pg_prepared_statements WHERE name = 'history'`,
      );
      expect(seen).toEqual({ planned: 5, reused: 5 });
    } finally {
      await reader.close();
    }
  });
});

describe('find', () => {
  it('finds a correlation by its own id, and by that of its intent, an event or its plan', async () => {
    const [id, planId] = [crypto.randomUUID(), crypto.randomUUID()];
    const correlationId = `intent-${id}`;
    const created = { type: 'plan.created', payload: { intentId: id, planId }, sequence: 4 };
    const events = [eventOf({ correlationId }), eventOf({ correlationId, ...created })];
    await store.append({ sink: await newSink(0), moves: [move(0, 0, 2)], events });
    const found = (given: string) => store.find(given);
    expect(await found(correlationId)).toEqual({ correlationId, foundBy: 'correlation_id' });
    expect(await found(id)).toEqual({ correlationId, foundBy: 'intent_id' });
    expect(await found(planId)).toEqual({ correlationId, foundBy: 'plan_id' });
    const eventId = events[1]?.eventId ?? '';
    expect(await found(eventId)).toEqual({ correlationId, foundBy: 'event_id' });
    expect(await found(crypto.randomUUID())).toBeNull();
    expect(await found('\u0000')).toBeNull();
  });

  it('reads a plan by its index', async () => {
    const events = Array.from({ length: 5_000 }, (_, n) =>
      eventOf({ type: 'plan.created', payload: { planId: `plan-${n}` } }),
    );
    await store.append({ sink: 'any', moves: [], events });
    await database.query('ANALYZE events');
    const plan = await database.query(
      `EXPLAIN SELECT correlation_id FROM events
        WHERE topic = 'plan.created' AND payload ->> 'planId' = 'plan-77'`,
    );
    expect(JSON.stringify(plan)).toMatch(/events_plan|_expr_idx/);
  });
});

describe('a broken connection', () => {
  it('K-09 X-11 stores a batch whole after its connection broke inside the transaction', async () => {
    const sink = await newSink(0);
    const event = eventOf();
    const blocker = await transaction(`SELECT 1 FROM positions WHERE sink = '${sink}' FOR UPDATE`);
    const broken = store.append({ sink, moves: [move(0, 0, 1)], events: [event] });
    const outcome = expect(broken).rejects.toMatchObject({ code: 'STORE_AWAY', canRetry: true });
    await expect
      .poll(() => endBackends(`wait_event_type = 'Lock' AND query LIKE 'UPDATE positions%'`))
      .toBe(1);
    await outcome;
    await blocker.rollback();
    expect(await rowsOf(event)).toBe(0);
    expect(await store.positions(sink)).toMatchObject([{ next: 0 }]);
    await store.append({ sink, moves: [move(0, 0, 1)], events: [event] });
    expect(await rowsOf(event)).toBe(1);
  });

  it('goes on after every idle connection was ended', async () => {
    await store.ping(2_000);
    expect(await endBackends('true')).toBeGreaterThan(0);
    await expect.poll(() => store.ping(2_000).then(() => 'here', codeOf)).toBe('here');
  });
});

/** A transaction beside the store's, which holds what its statement locks. */
async function transaction(statement: string): Promise<{ rollback(): Promise<void> }> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('BEGIN');
  await client.query(statement);
  return { rollback: () => client.query('ROLLBACK').then(() => client.end()) };
}

/** How many connections wait for a lock in a statement that holds the text. */
async function waitingFor(text: string): Promise<number> {
  const rows = await database.query(
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
     AND wait_event_type = 'Lock' AND position($1 in query) > 0`,
    [text],
  );
  return rows.length;
}

/** Ends the other connections to the database for which the condition is true; gives their number. */
async function endBackends(condition: string): Promise<number> {
  const rows = await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND ${condition}`,
  );
  return rows.length;
}

function codeOf(error: unknown): string {
  return (error as { code: string }).code;
}
