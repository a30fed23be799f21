import { afterAll, beforeAll, expect, it } from 'vitest';
import { runStore, storeLines } from '../../bench/bots/store.ts';
import { createDatabase, type OwnDatabase } from '../integration/own-servers.ts';

let database: OwnDatabase;
beforeAll(async () => {
  database = await createDatabase('bench_bots');
});
afterAll(() => database?.drop());

it('the benchmark of the store of bots counts every row and says the lag', async () => {
  const given = {
    broker: process.env['KAFKA_BROKERS'] ?? '',
    registryUrl: process.env['SCHEMA_REGISTRY_URL'] ?? '',
    databaseUrl: database.url,
  };
  const plan = { rate: 200, seconds: 1, backlog: 400, given };
  const report = await runStore(plan, () => {});
  const [row] = await database.query<{ rows: number; events: number; ids: number }>(
    `SELECT (SELECT count(*)::int FROM bot_events) AS rows, (SELECT count(*)::int FROM events) AS events,
       (SELECT count(*)::int FROM event_dedup) AS ids`,
  );
  expect(row).toEqual({ rows: 600, events: 600, ids: 600 });
  expect(report.flatOut).toBeGreaterThan(0);
  const { p50, max } = report.steady.lagMs;
  expect(p50).toBeGreaterThanOrEqual(0);
  expect(max).toBeGreaterThanOrEqual(p50);
  expect(storeLines(report).join('\n')).toMatch(
    /200 events\/s for 1 s: \d+ rows\/s; lag p50 \d+ ms/,
  );
});
