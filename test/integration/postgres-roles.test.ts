import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeRoles, postgresLoginUrl } from '../../cli/stack/postgres.ts';
import { BotStore, EventStore, migrate } from '../../connectors/postgres/index.ts';
import { createDatabase, type OwnDatabase } from './own-servers.ts';

const DENIED = '42501';
const APPEND_ONLY = '23001';

type Login = 'owner' | 'coordinator' | 'reader';

let database: OwnDatabase;
const clients = new Map<Login, pg.Client>();
const urlOf = (login: Login): string => postgresLoginUrl(database.url, login);

beforeAll(async () => {
  database = await createDatabase('roles');
  await makeRoles(database.url);
  await migrate(urlOf('owner'));
  await database.query(
    `INSERT INTO events (time, event_id, topic, correlation_id, payload, version, family)
     VALUES (now(), 'first', 'intent.submitted', 'intent-1', '{}', 1, 'TRADING')`,
  );
  await database.query(`INSERT INTO positions VALUES ('sink', 'intents', 0, 7)`);
  for (const login of ['owner', 'coordinator', 'reader'] as const) {
    const client = new pg.Client({ connectionString: urlOf(login) });
    await client.connect();
    clients.set(login, client);
  }
});
afterAll(async () => {
  for (const client of clients.values()) await client.end();
  await database.drop();
});

const ask = (login: Login, statement: string) => clients.get(login)?.query(statement);

const STORED = ['events', 'event_dedup', 'bot_events', 'bot_not_stored'];
const CHANGES = STORED.flatMap((table) => [
  `UPDATE ${table} SET event_id = NULL`,
  `DELETE FROM ${table}`,
  `TRUNCATE ${table}`,
]);
/** What an event of 2026 would be put into by itself. */
const INSERTS = [
  `INSERT INTO events SELECT now(), 'x', 't', 'c', NULL, '{}', 1, 'TRADING'`,
  `INSERT INTO event_dedup VALUES ('x')`,
  `INSERT INTO positions VALUES ('x', 'intents', 0, 0)`,
  `UPDATE positions SET next = 0`,
  `INSERT INTO bot_log_gaps VALUES ('orders', 0, 0, 1)`,
  `SELECT events_make_month('2031-01-01')`,
  `SELECT bot_events_make_day('2031-01-01')`,
  `SELECT bot_events_detach_before('2031-01-01')`,
];
/** Ways to be allowed all the same. */
const WAYS_AROUND = [
  'SET session_replication_role = replica',
  'SET ROLE millrace_owner',
  'SET SESSION AUTHORIZATION millrace_owner',
  'ALTER TABLE events DISABLE TRIGGER ALL',
  'DROP TRIGGER events_append_only ON events',
  'DROP TABLE events',
  'DROP FUNCTION refuse_change() CASCADE',
  'CREATE TABLE mine (n int)',
  'GRANT millrace_owner TO millrace_reader',
  'SELECT grant_roles()',
  'UPDATE schema_migrations SET checksum = name',
];

describe('millrace_reader', () => {
  it.each([...CHANGES, ...INSERTS, ...WAYS_AROUND])('B-40 is refused %s', async (statement) => {
    // What a client asks of its own transactions it may also take back; a right it cannot give itself.
    await ask('reader', 'SET default_transaction_read_only = off');
    await expect(ask('reader', statement)).rejects.toMatchObject({ code: DENIED });
  });

  it('reads histories, reports and positions', async () => {
    const store = new EventStore(urlOf('reader'), 'reads');
    expect(await store.history('intent-1')).toMatchObject([{ eventId: 'first' }]);
    expect(await store.positions('sink')).toMatchObject([{ next: 7 }]);
    expect(await new BotStore(store.database).unexplained()).toBe(0);
    await store.close();
  });
});

describe('millrace_coordinator', () => {
  it.each([...CHANGES, ...WAYS_AROUND])('B-66 is refused %s', async (statement) => {
    await expect(ask('coordinator', statement)).rejects.toMatchObject({ code: DENIED });
  });

  it('B-13 adds events, makes their partitions, and moves positions', async () => {
    const store = new EventStore(urlOf('coordinator'));
    await store.ensurePositions('own', [{ topic: 'intents', partition: 0 }]);
    const event = {
      eventId: 'second',
      occurredAtMicros: Date.UTC(2031, 5, 1) * 1_000,
      type: 'intent.accepted',
      correlationId: 'intent-2',
      causationId: null,
      payload: {},
      version: 1,
      family: 'TRADING',
      sequence: 3,
    };
    const moves = [{ topic: 'intents', partition: 0, from: 0, to: 1 }];
    expect(await store.append({ sink: 'own', moves, events: [event] })).toBe(1);
    expect(await store.history('intent-2')).toMatchObject([{ eventId: 'second', sequence: 3 }]);
    await store.close();
    const [row] = await database.query(
      `SELECT tableoid::regclass::text AS place FROM events WHERE event_id = 'second'`,
    );
    expect(row).toEqual({ place: 'events_203106' });
  });
});

describe('millrace_owner', () => {
  it.each(['UPDATE events SET version = 2', 'DELETE FROM events', 'TRUNCATE events, events_other'])(
    'B-66 owns the tables, and is refused %s by their triggers',
    async (statement) => {
      await expect(ask('owner', statement)).rejects.toMatchObject({ code: APPEND_ONLY });
    },
  );

  it('B-12 takes over what another login has made, and migrates on', async () => {
    const before = await createDatabase('handover');
    await migrate(before.url);
    await makeRoles(before.url);
    await makeRoles(before.url);
    const owner = postgresLoginUrl(before.url, 'owner');
    expect(await migrate(owner)).toEqual({ applied: [], warnings: [] });
    const foreign = await before.query(
      `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
       AND relowner <> 'millrace_owner'::regrole`,
    );
    expect(foreign).toEqual([]);
    await expect(before.query('DELETE FROM events; TRUNCATE events')).rejects.toMatchObject({
      code: APPEND_ONLY,
    });
    await before.drop();
  });
});

describe('a login of somebody’s own', () => {
  it('B-12 migrates, stores and reads by itself, and is told what it gives up', async () => {
    const own = await createDatabase('single');
    const login = `single_${crypto.randomUUID().slice(0, 8)}`;
    await own.query(`CREATE ROLE ${login} LOGIN PASSWORD 'single'`);
    const [{ name } = { name: '' }] = await own.query<{ name: string }>(
      'SELECT current_database() AS name',
    );
    await own.query(`ALTER DATABASE ${name} OWNER TO ${login}`);
    const url = new URL(own.url);
    url.username = login;
    url.password = 'single';
    await migrate(url.href);
    const store = new EventStore(url.href);
    await store.ensurePositions('own', [{ topic: 'intents', partition: 0 }]);
    expect(await store.positions('own')).toMatchObject([{ next: 0 }]);
    await store.close();
    await own.drop();
    await database.query(`DROP ROLE ${login}`);
  });
});
