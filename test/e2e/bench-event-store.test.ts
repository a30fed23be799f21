import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  eventStoreFigures,
  eventStoreLines,
  eventStoreTable,
  runEventStore,
} from '../../bench/event-store/run.ts';
import { goalsOf, judge } from '../../bench/goals.ts';
import { createDatabase, type OwnDatabase } from '../integration/own-servers.ts';

let database: OwnDatabase;
beforeAll(async () => {
  database = await createDatabase('bench_events');
});
afterAll(() => database?.drop());

it('the benchmark of the event store counts every row, reads whole histories, and judges by its goals', async () => {
  const size = { events: 2_000, rounds: 2, rows: 8_000, histories: 50 };
  const report = await runEventStore({ ...size, databaseUrl: database.url }, () => {});
  const [row] = await database.query<{ rows: number; events: number; ids: number }>(
    `SELECT (SELECT count(*)::int FROM bot_events) AS rows, (SELECT count(*)::int FROM events) AS events,
       (SELECT count(*)::int FROM event_dedup) AS ids`,
  );
  expect(row).toEqual({ rows: 4_000, events: 12_000, ids: 4_000 });
  expect(report.append.perSecond).toBeGreaterThan(0);
  expect(report.append.share).toBeGreaterThan(0);
  expect([report.history.count, report.roundTrip.count]).toEqual([50, 50]);
  expect(report.history.p99).toBeGreaterThanOrEqual(report.history.p50);
  expect(eventStoreLines(report).join('\n')).toMatch(/append: \d+ events\/s .*out of 8000/s);

  expect(eventStoreTable(report)).toContain(`| bare tables | ${report.append.barePerSecond} |`);

  const { append, history } = report;
  const metBy = (perSecond: number, p99: number): readonly boolean[] => {
    const other = { append: { ...append, perSecond }, history: { ...history, p99 } };
    const figures = eventStoreFigures({ ...report, ...other });
    return judge(goalsOf('event-store'), figures).map(({ isMet }) => isMet);
  };
  expect(metBy(20_000, 10)).toEqual([true, true]);
  expect(metBy(19_999, 10.01)).toEqual([false, false]);
});
