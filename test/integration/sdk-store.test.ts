import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { botReport } from '../../apps/bot-reports.ts';
import { botReportRows } from '../../connectors/postgres/index.ts';
import { ROOT } from '../../cli/stack/programs.ts';
import { BOT_LANGUAGES, type BotPlan, BotProcess } from '../support/bot-process.ts';
import { BotRig } from '../support/bot-rig.ts';
import { eventually } from '../support/eventually.ts';

const LIMIT_MS = 240_000;

let rig: BotRig;
let folder: string;
beforeAll(async () => {
  rig = await BotRig.open('sdk-store');
  folder = await mkdtemp(join(tmpdir(), 'millrace-sdk-store-'));
}, 60_000);
afterAll(async () => {
  await rig?.close();
  await rm(folder, { recursive: true });
});

function startSink(): ChildProcess {
  const file = join(ROOT, 'test', 'support', 'bot-sink-process.ts');
  const args = [file, rig.names.prefix, rig.database.url];
  return spawn(process.execPath, args, { stdio: 'ignore' });
}

function startBots(name: string, over: Partial<BotPlan> = {}): readonly BotProcess[] {
  return BOT_LANGUAGES.map(
    (language) =>
      new BotProcess(language, {
        broker: process.env['KAFKA_BROKERS'] ?? '',
        registry: process.env['SCHEMA_REGISTRY_URL'] ?? '',
        prefix: rig.names.prefix,
        spool: join(folder, name, language),
        pauseMs: 1,
        ...over,
      }),
  );
}

interface Row {
  readonly [name: string]: unknown;
  readonly event_id: string;
  readonly instance_name: string;
  readonly producer_id: string;
  readonly ingest_order: string;
  /** Seconds. */
  readonly lag: number;
}

async function rowsSince(order: number): Promise<readonly Row[]> {
  return rig.database.query<Row>(
    `SELECT event_id::text, instance_name, producer_id, ingest_order,
       extract(epoch FROM ingest_ts_utc - ts_utc)::float8 AS lag
     FROM bot_events WHERE ingest_order > ${order} ORDER BY ingest_order`,
  );
}

async function lastOrder(): Promise<number> {
  const [row] = await rig.database.query<{ last: string }>(
    'SELECT coalesce(max(ingest_order), 0) AS last FROM bot_events',
  );
  return Number(row?.last ?? 0);
}

/** All that the bots said is stored once, and nothing is unexplained. */
async function expectStoredOnce(
  bots: readonly BotProcess[],
  after: number,
): Promise<readonly Row[]> {
  const rows = await rowsSince(after);
  const ids = new Set(rows.map(({ event_id }) => event_id));
  expect(ids.size).toBe(rows.length);
  const said = bots.flatMap((bot) => [...bot.ids('buffered'), ...bot.ids('confirmed')]);
  expect(said.filter((id) => !ids.has(id))).toEqual([]);
  expect(new Set(rows.map(({ instance_name }) => instance_name)).size).toBe(2);
  const query = { from: null, to: null, instance: null };
  const report = botReport(query, await botReportRows(rig.events.database, query), new Map());
  const stored = after + rows.length;
  expect(report.total).toMatchObject({
    source: stored,
    stored,
    explained: { duplicate: 0, conflict: 0, invalid: 0 },
    unexplained: 0,
  });
  const tables = await rig.database.query(
    `SELECT (SELECT count(*)::int FROM events) AS events, (SELECT count(*)::int FROM event_dedup) AS ids`,
  );
  expect(tables).toEqual([{ events: stored, ids: stored }]);
  return rows;
}

describe('bots of both languages and the store', () => {
  it(
    'S-36 S-41 S-43 what was emitted is stored once, over kills of the bots and of the sink, and nothing is unexplained',
    async () => {
      const sink = startSink();
      const exited = once(sink, 'exit');
      try {
        const killed = startBots('killed');
        const isStoring = async (): Promise<boolean> => (await lastOrder()) > 20;
        await eventually('the sink stores while they emit', isStoring, 60_000);
        sink.kill('SIGKILL');
        await exited;
        const before = killed.map((bot) => bot.ids('confirmed').length);
        await Promise.all(killed.map((bot, at) => bot.until('confirmed', (before[at] ?? 0) + 10)));
        await Promise.all(killed.map((bot) => bot.kill()));
        const ended = startBots('killed');
        await Promise.all(ended.map((bot) => bot.until('confirmed', 20)));
        await Promise.all(ended.map((bot) => bot.done()));
        await rig.drain();
        await expectStoredOnce([...killed, ...ended], 0);
      } finally {
        sink.kill('SIGKILL');
        await exited;
      }
    },
    LIMIT_MS,
  );

  it(
    'S-39 S-43 a clock that is wrong by hours, or set back, is told by the lag, and nothing is refused or counted anew',
    async () => {
      for (const clockHours of [5, -5]) {
        const after = await lastOrder();
        const name = `clock ${clockHours}`;
        const bots = startBots(name, { clockHours });
        await Promise.all(bots.map((bot) => bot.until('confirmed', 10)));
        await Promise.all(bots.map((bot) => bot.done()));
        // On the same spool, with the clock put back.
        const again = startBots(name, { clockHours: clockHours - 10 });
        await Promise.all(again.map((bot) => bot.until('confirmed', 3)));
        await Promise.all(again.map((bot) => bot.done()));
        await rig.drain();
        const rows = await expectStoredOnce([...bots, ...again], after);
        const hours = rows.map(({ lag }) => Math.round(lag / 3_600));
        expect(new Set(hours)).toEqual(new Set([-clockHours, 10 - clockHours]));
        // One incarnation each: the clock makes a new one greater, and is asked for nothing else.
        expect(new Set(rows.map(({ producer_id }) => producer_id)).size).toBe(2);
        const query = { from: null, to: null, instance: null };
        const { lags } = await botReportRows(rig.events.database, query);
        const all = lags.find(({ instance, type }) => instance === null && type === null);
        expect(all?.min).toBeLessThan(-4.9 * 3_600_000);
      }
    },
    LIMIT_MS,
  );
});
