import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { redisPart, redisUrl } from '../../cli/stack/redis.ts';
import { migrate } from '../../connectors/postgres/index.ts';
import { createDatabase, ownServer, type OwnDatabase, type OwnServer } from './own-servers.ts';

let database: OwnDatabase;
let server: OwnServer;
let redis: Redis;
beforeAll(async () => {
  [database, server] = await Promise.all([createDatabase('seen'), ownServer(redisPart)]);
  await Promise.all([migrate(database.url), server.start()]);
  redis = new Redis(redisUrl(server.port));
});
afterAll(async () => {
  await redis.quit();
  await Promise.all([database.drop(), server.remove()]);
});

/** A process that takes one record from the sink's stored position on, and may kill itself at a place. */
const SINK = `
  import { EventStore } from './connectors/postgres/index.ts';
  import { ReadModelWriter } from './connectors/redis/index.ts';
  const { databaseUrl, redisUrl, sink, eventId, dieBefore } = JSON.parse(process.argv[1]);
  const store = new EventStore(databaseUrl);
  const writer = await ReadModelWriter.open(redisUrl);
  const topic = { topic: 'intents', partition: 0 };
  const event = {
    eventId, occurredAtMicros: 1, type: 'intent.submitted', correlationId: eventId, causationId: null,
    payload: {}, version: 1, family: 'TRADING', sequence: 1,
  };
  const reach = (place) => { if (place === dieBefore) process.kill(process.pid, 'SIGKILL'); };
  await store.ensurePositions(sink, [topic]);
  const [{ next }] = await store.positions(sink);
  reach('commit');
  if (next === 0) await store.append({ sink, moves: [{ ...topic, from: 0, to: 1 }], events: [event] });
  reach('seen');
  await writer.seen([eventId]);
  await Promise.all([store.close(), writer.close()]);
`;

async function runSink(options: Record<string, string>): Promise<NodeJS.Signals | number> {
  const args = JSON.stringify({
    databaseUrl: database.url,
    redisUrl: redisUrl(server.port),
    ...options,
  });
  const child = spawn(process.execPath, ['--input-type=module', '-e', SINK, args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code, signal] = (await once(child, 'exit')) as [number, NodeJS.Signals | null];
  return signal ?? code;
}

it.each([
  ['before its commit', 'commit', 0],
  ['between its commit and seen', 'seen', 1],
])('X-11 B-65 stores an event once by a sink killed %s', async (_, dieBefore, rowsAtDeath) => {
  const ids = { sink: `sink-${dieBefore}`, eventId: `event-${dieBefore}` };
  const rows = (): Promise<unknown[]> =>
    database.query('SELECT 1 FROM events WHERE event_id = $1', [ids.eventId]);
  expect(await runSink({ ...ids, dieBefore })).toBe('SIGKILL');
  expect(await rows()).toHaveLength(rowsAtDeath);
  expect(await redis.exists(`events:seen:${ids.eventId}`)).toBe(0);
  expect(await runSink(ids)).toBe(0);
  expect(await rows()).toHaveLength(1);
  expect(await redis.exists(`events:seen:${ids.eventId}`)).toBe(1);
});

it('X-11 stores an event whose seen key stood before a commit that never came', async () => {
  await redis.set('events:seen:early', '1');
  expect(await runSink({ sink: 'sink-early', eventId: 'early' })).toBe(0);
  expect(await database.query(`SELECT 1 FROM events WHERE event_id = 'early'`)).toHaveLength(1);
});
