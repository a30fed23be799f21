import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importFile, type ImportOptions, type ImportProgress } from '../../cli/bots/import-file.ts';
import { IMPORT_TEXT } from '../../cli/commands/bots.ts';
import { runCommand } from '../../cli/main.ts';
import { progressViewOf } from '../../cli/progress-view.ts';
import { BotIntake } from '../../gateway/index.ts';
import type { RecordToSend } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { botEvent, botEventWith } from '../support/bot-events.ts';
import { BotRig } from '../support/bot-rig.ts';

let rig: BotRig;
let folder: string;
beforeAll(async () => {
  rig = await BotRig.open('bots-import');
  folder = await mkdtemp(join(tmpdir(), 'millrace-import-'));
}, 60_000);
afterAll(async () => {
  await rig?.close();
  await rm(folder, { recursive: true, force: true });
});

async function fileOf(name: string, lines: readonly unknown[]): Promise<string> {
  const file = join(folder, name);
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  await writeFile(file, `${text.join('\n')}\n\n`);
  return file;
}

async function millrace(...args: string[]) {
  const lines: string[] = [];
  const url = new URL(rig.database.url);
  const env = {
    ...process.env,
    TOPIC_PREFIX: rig.names.prefix,
    DATABASE_URL: url.href,
    PARTITIONS: '2',
    MILLRACE_DATA: folder,
  };
  const io = { out: (line: string) => lines.push(line), err: () => {}, env };
  const code = await runCommand(args, io);
  return { code, text: lines.join('\n') };
}

/** A bar that goes on from where the import was, is full at the end, and is taken away. */
function expectBar(shown: readonly string[], from: number, to: number): void {
  const bars = shown.slice(0, -1).map((text) => {
    const [, bar = '', lines] = /^\r([█░]{30}) (\d+) lines sent, 0 rejected/.exec(text) ?? [];
    return { filled: bar.lastIndexOf('█') + 1, lines: Number(lines) };
  });
  expect(bars.length).toBeGreaterThan(1);
  expect(bars[0]?.lines).toBeGreaterThan(from);
  expect(bars[0]?.filled).toBe(Math.round(((bars[0]?.lines ?? 0) / to) * 30));
  expect(bars.at(-1)).toEqual({ filled: 30, lines: to });
  expect(shown.at(-1)).toBe('\r\u001b[K');
}

describe('millrace bots import', () => {
  it('S-17 S-34 S-37 takes legacy events without a correlation id, and sets aside what is no event', async () => {
    const instance_name = 'legacy-1';
    const whole = Array.from({ length: 8 }, () => botEvent('order_filled', { instance_name }));
    const absent = [1, 2].map(() =>
      botEvent('order_filled', { instance_name, correlation_id: undefined }),
    );
    const bad = { ...botEventWith('order_filled', { liquidity_side: 'x' }), instance_name };
    const file = await fileOf('legacy.ndjson', [...whole, ...absent, bad, '{"half":']);
    const first = await millrace('bots', 'import', file, '--json');
    expect(first.code).toBe(1);
    expect(JSON.parse(first.text)).toMatchObject({
      lines: 12,
      taken: 10,
      rejected: 2,
      rejections: [
        { line: 11, field: 'payload.liquidity_side', code: 'NOT_ALLOWED' },
        { line: 12, code: 'NOT_JSON' },
      ],
    });
    await rig.drain();
    const rows = await rig.database.query<{ id: string; correlation: string; source: string }>(
      `SELECT event_id AS id, correlation_id AS correlation, ingest_source AS source FROM bot_events
       WHERE schema_validation_status = 'backfilled'`,
    );
    expect(rows.map(({ id }) => id).sort()).toEqual(absent.map((each) => each['event_id']).sort());
    for (const row of rows)
      expect(row).toMatchObject({ correlation: row.id, source: 'legacy_file' });
    const report = await millrace('bots', 'report', '--instance', instance_name, '--json');
    expect(report.code).toBe(0);
    expect(JSON.parse(report.text)).toMatchObject({
      total: { source: 11, stored: 10, unexplained: 0, explained: { invalid: 1 } },
      types: { order_filled: { missing_correlation: { count: 2 } } },
    });
    const table = await millrace('bots', 'report');
    expect(table.text).toMatch(/order_filled +11 +10 +0 +0 +0 +2 \(18\.2 %\) +1 \(9\.1 %\)/);
  });

  it('S-36 goes on where it was cut off, and what was sent twice is stored once and counted once', async () => {
    const instance_name = 'legacy-2';
    const events = Array.from({ length: 2_500 }, () =>
      botEvent('risk_decision', { instance_name }),
    );
    const file = await fileOf('cut.ndjson', events);
    const intake = new BotIntake({ ...rig, partitions: 2, partitionOf, source: 'legacy_file' });
    const { names } = rig;
    let requests = 0;
    let unheard = 0;
    const cutOff = {
      ...rig.producer,
      // The second batch is on the log, and nobody heard of it.
      send: async (records: readonly RecordToSend[]) => {
        const results = await rig.producer.send(records);
        if (++requests < 2) return results;
        unheard = records.length;
        throw new Error('killed');
      },
    };
    const options: Omit<ImportOptions, 'producer'> = {
      file,
      stateFolder: join(folder, 'cut'),
      intake,
      names,
      onProgress: () => {},
    };
    await expect(importFile({ ...options, producer: cutOff })).rejects.toThrow('killed');
    const shown: string[] = [];
    const terminal = { isTTY: true, write: (text: string) => shown.push(text) };
    const view = progressViewOf(IMPORT_TEXT, terminal as never, () => {});
    const onProgress = (progress: ImportProgress): void => view.show(progress);
    const report = await importFile({ ...options, onProgress, producer: rig.producer });
    view.end();
    expectBar(shown, report.resumed, 2_500);
    expect(report).toMatchObject({ lines: 2_500, taken: 2_500, rejected: 0 });
    expect(report.resumed).toBeGreaterThan(0);
    expect(report.resumed).toBeLessThan(2_500);
    const again = await importFile({ ...options, producer: rig.producer });
    expect(again).toMatchObject({ resumed: 2_500 });
    await rig.drain();
    const { code, text } = await millrace('bots', 'report', '--instance', instance_name, '--json');
    expect(code).toBe(0);
    const { total, redelivered } = JSON.parse(text) as {
      readonly total: object;
      readonly redelivered: number;
    };
    expect(total).toMatchObject({
      source: 2_500,
      stored: 2_500,
      explained: { duplicate: 0 },
      unexplained: 0,
    });
    expect(unheard).toBeGreaterThan(0);
    expect(redelivered).toBe(unheard);
  });

  it('refuses a file that is not there, and a time that is none', async () => {
    expect((await millrace('bots', 'import', join(folder, 'nothing'))).code).toBe(2);
    expect((await millrace('bots', 'report', '--from', 'yesterday')).code).toBe(2);
  });
});
