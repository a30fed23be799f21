import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BotStore,
  EventStore,
  migrate,
  MIGRATIONS_DIRECTORY,
  type StoredEvent,
} from '../../connectors/postgres/index.ts';
import { createDatabase, type OwnDatabase } from './own-servers.ts';

const DAY_MS = 86_400_000;

let database: OwnDatabase;
let store: EventStore;
beforeEach(async () => {
  database = await createDatabase('months');
  store = new EventStore(database.url);
});
afterEach(async () => {
  await store.close();
  await database.drop();
});

function eventAt(ms: number, fields: Partial<StoredEvent> = {}): StoredEvent {
  return {
    eventId: crypto.randomUUID(),
    occurredAtMicros: ms * 1_000,
    type: 'intent.submitted',
    correlationId: 'intent-1',
    causationId: null,
    payload: { at: ms },
    version: 1,
    family: 'TRADING',
    sequence: null,
    ...fields,
  };
}

const append = (...events: StoredEvent[]) => store.append({ sink: 'any', moves: [], events });

/** `events_202601`, in UTC. */
const monthOf = (ms: number): string =>
  `events_${new Date(ms).toISOString().slice(0, 7).replace('-', '')}`;

/** Where each row stands. */
async function placesOf(): Promise<Record<string, number>> {
  const rows = await database.query<{ place: string; count: number }>(
    'SELECT tableoid::regclass::text AS place, count(*)::int FROM events GROUP BY 1',
  );
  return Object.fromEntries(rows.map(({ place, count }) => [place, count]));
}

/** A database as it was before `events` was partitioned. */
async function migrateAsBefore(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-before-'));
  for (const name of ['0001_events.sql', '0002_read_models.sql', '0003_bot_events.sql'])
    await cp(join(MIGRATIONS_DIRECTORY, name), join(folder, name));
  await migrate(database.url, folder);
  await rm(folder, { recursive: true });
}

function insertAsBefore(events: readonly StoredEvent[]): Promise<unknown> {
  return database.query(
    `INSERT INTO events (time, event_id, topic, correlation_id, payload, version, family)
     SELECT timestamptz 'epoch' + ms * interval '1 ms', id, 'intent.submitted', 'intent-1', '{}', 1, 'TRADING'
     FROM unnest($1::bigint[], $2::text[]) AS given(ms, id)`,
    [
      events.map(({ occurredAtMicros }) => occurredAtMicros / 1_000),
      events.map(({ eventId }) => eventId),
    ],
  );
}

describe('events by month', () => {
  it('B-10 B-66 keeps each event in the partition of its month, and refuses to change it there', async () => {
    await migrate(database.url);
    const [first, last] = [Date.UTC(2025, 0, 1), Date.UTC(2025, 1, 1) - 1];
    await append(eventAt(first), eventAt(last), eventAt(last + 1), eventAt(first - 1));
    expect(await placesOf()).toEqual({ events_202412: 1, events_202501: 2, events_202502: 1 });
    for (const table of ['events', 'events_202501', 'events_other'])
      await expect(database.query(`TRUNCATE ${table}`)).rejects.toMatchObject({ code: '23001' });
    for (const change of ['UPDATE events_202501 SET version = 2', 'DELETE FROM events_202501'])
      await expect(database.query(change)).rejects.toMatchObject({ code: '23001' });
  });

  it('B-10 makes the months to come before their events do, once', async () => {
    await migrate(database.url);
    const bots = new BotStore(store.database);
    const now = Date.UTC(2026, 11, 20);
    const options = { nowMicros: now * 1_000, daysAhead: 0, retentionDays: 0 };
    expect(await bots.keepPartitions(options)).toMatchObject({ months: 3 });
    expect(await bots.keepPartitions(options)).toMatchObject({ months: 0 });
    await append(eventAt(now), eventAt(now + 31 * DAY_MS), eventAt(now + 62 * DAY_MS));
    expect(await placesOf()).toEqual({ events_202612: 1, events_202701: 1, events_202702: 1 });
  });

  it('stores events of more months than get partitions', async () => {
    await migrate(database.url);
    await database.query(
      `SELECT events_make_month((date '2000-01-01' + month * interval '1 month')::date)
       FROM generate_series(0, 237) AS month`,
    );
    const events = [2010, 2020, 2021, 2022].map((year) => eventAt(Date.UTC(year, 0, 2)));
    expect(await append(...events)).toBe(4);
    expect(await placesOf()).toEqual({ events_201001: 1, events_202001: 1, events_other: 2 });
    expect(await store.history('intent-1')).toHaveLength(4);
  });
});

describe('a database from before', () => {
  it('B-10 B-12 keeps its rows, takes new ones beside them, and none twice', async () => {
    await migrateAsBefore();
    const now = Date.now();
    const old = [now - 400 * DAY_MS, now - DAY_MS, now].map((ms) => eventAt(ms));
    const later = eventAt(now + 70 * DAY_MS);
    await insertAsBefore([...old, later]);
    await database.query('INSERT INTO event_dedup SELECT event_id FROM events');

    const { applied } = await migrate(database.url);
    expect(applied[0]).toBe('0004_events_by_month.sql');
    expect(await placesOf()).toEqual({ events_before: 3, events_other: 1 });

    const next = Date.UTC(new Date(now).getUTCFullYear(), new Date(now).getUTCMonth() + 1, 3);
    const fresh = [eventAt(now - 400 * DAY_MS), eventAt(next)];
    expect(await append(...fresh, ...old, later)).toBe(2);
    expect(await placesOf()).toEqual({ events_before: 4, [monthOf(next)]: 1, events_other: 1 });
    const history = await store.history('intent-1');
    expect(new Set(history.map(({ eventId }) => eventId))).toEqual(
      new Set([...old, later, ...fresh].map(({ eventId }) => eventId)),
    );
  });

  it('B-09 B-66 keeps its indexes, and its rows from change', async () => {
    await migrateAsBefore();
    await insertAsBefore([eventAt(Date.now())]);
    await migrate(database.url);
    const indexes = await database.query(
      `SELECT inhparent::regclass::text AS whole FROM pg_inherits
       WHERE inhrelid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'events_before'::regclass)
       ORDER BY 1`,
    );
    expect(indexes.map(({ whole }) => whole as string)).toEqual([
      'events_correlation_time',
      'events_pkey',
      'events_plan',
      'events_topic_time',
    ]);
    const changes = ['UPDATE events SET version = 2', 'DELETE FROM events', 'TRUNCATE events'];
    for (const change of [...changes, 'TRUNCATE events_before', 'DELETE FROM events_before'])
      await expect(database.query(change)).rejects.toMatchObject({ code: '23001' });
  });
});
