import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { botReport } from '../../apps/bot-reports.ts';
import { botReportRows } from '../../connectors/postgres/index.ts';
import { BOT_LANGUAGES, BotProcess } from '../support/bot-process.ts';
import { BotRig } from '../support/bot-rig.ts';

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

describe('bots of both languages and the store', () => {
  it(
    'S-36 S-41 S-43 what was emitted is stored once, over a kill of the bots, and the report leaves nothing unexplained',
    async () => {
      const start = (): readonly BotProcess[] =>
        BOT_LANGUAGES.map(
          (language) =>
            new BotProcess(language, {
              broker: process.env['KAFKA_BROKERS'] ?? '',
              registry: process.env['SCHEMA_REGISTRY_URL'] ?? '',
              prefix: rig.names.prefix,
              spool: join(folder, language),
              pauseMs: 1,
            }),
        );
      const killed = start();
      await Promise.all(killed.map((bot) => bot.until('confirmed', 20)));
      await Promise.all(killed.map((bot) => bot.kill()));
      const ended = start();
      await Promise.all(ended.map((bot) => bot.until('confirmed', 20)));
      await Promise.all(ended.map((bot) => bot.done()));
      await rig.drain();
      const rows = await rig.database.query<{ event_id: string; instance_name: string }>(
        'SELECT event_id::text, instance_name FROM bot_events',
      );
      const ids = new Set(rows.map(({ event_id }) => event_id));
      expect(ids.size).toBe(rows.length);
      const said = [...killed, ...ended].flatMap((bot) => [
        ...bot.ids('buffered'),
        ...bot.ids('confirmed'),
      ]);
      expect(said.filter((id) => !ids.has(id))).toEqual([]);
      expect(new Set(rows.map(({ instance_name }) => instance_name)).size).toBe(2);
      const query = { from: null, to: null, instance: null };
      const report = botReport(query, await botReportRows(rig.events.database, query), new Map());
      expect(report.total).toMatchObject({
        source: rows.length,
        stored: rows.length,
        explained: { duplicate: 0, conflict: 0, invalid: 0 },
        unexplained: 0,
      });
    },
    LIMIT_MS,
  );
});
