import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { botReport } from '../../apps/bot-reports.ts';
import { ROOT } from '../../cli/stack/programs.ts';
import { botReportRows } from '../../connectors/postgres/index.ts';
import type { RecordToSend } from '../../kafka/client.ts';
import { botEvent, botEventWith } from '../support/bot-events.ts';
import { BotRig } from '../support/bot-rig.ts';
import { eventually } from '../support/eventually.ts';

const BATCHES = 40;
/** Events of one. */
const BATCH = 100;
/** Each sends its share of the batches, and ends with a kill while they come. */
const ROUNDS = 3;

let rig: BotRig;
beforeAll(async () => {
  rig = await BotRig.open('bots-fault');
}, 60_000);
afterAll(() => rig?.close());

function startSink(): ChildProcess {
  const file = join(ROOT, 'test', 'support', 'bot-sink-process.ts');
  const args = [file, rig.names.prefix, rig.database.url];
  return spawn(process.execPath, args, { stdio: 'ignore' });
}

async function rows(): Promise<number> {
  const [row] = await rig.database.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM bot_events',
  );
  return row?.count ?? 0;
}

describe('the sink of bots, killed', () => {
  it('S-36 S-41 S-43 loses no event and stores none twice, with records sent again meanwhile', async () => {
    const sequences = [0, 0];
    const marked = (record: RecordToSend): RecordToSend => {
      const sequence = (sequences[record.partition] ?? 0) + 1;
      sequences[record.partition] = sequence;
      const marks = { producer_id: 'bot/1', producer_sequence: String(sequence) };
      return { ...record, headers: { ...record.headers, ...marks } };
    };
    let sentAgain = 0;
    let rejected = 0;
    const batches = Array.from({ length: BATCHES }, () =>
      Array.from({ length: BATCH }, () => marked(rig.avro(botEvent('order_filled')))),
    );
    const sendPart = async (part: number): Promise<void> => {
      for (const [at, batch] of batches.entries()) {
        if (at % ROUNDS !== part) continue;
        await rig.send(...batch);
        const bad = botEventWith('order_filled', { liquidity_side: 'x' });
        const sequence = String(++rejected);
        await rig.send(rig.json(bad, { producer_id: 'json/1', producer_sequence: sequence }));
        // What a producer sends again after an acknowledgement it did not hear.
        if (at % 4 !== 0) continue;
        await rig.send(...batch);
        sentAgain += batch.length;
      }
    };
    for (let round = 0; round < ROUNDS; round++) {
      const before = await rows();
      const sink = startSink();
      const exited = once(sink, 'exit');
      try {
        const sending = sendPart(round);
        const isStoring = async (): Promise<boolean> => (await rows()) > before;
        await eventually('the sink has stored something', isStoring, 60_000);
        sink.kill('SIGKILL');
        await sending;
      } finally {
        sink.kill('SIGKILL');
        await exited;
      }
    }
    await rig.drain();
    const query = { from: null, to: null, instance: null };
    const report = botReport(query, await botReportRows(rig.events.database, query), new Map());
    expect(report.total).toMatchObject({
      source: BATCHES * BATCH + BATCHES,
      stored: BATCHES * BATCH,
      explained: { duplicate: 0, conflict: 0, invalid: BATCHES },
      unexplained: 0,
    });
    expect(report.redelivered).toBe(sentAgain);
    const [events] = await rig.database.query<{ count: number }>(
      'SELECT count(DISTINCT event_id)::int AS count FROM events',
    );
    expect([await rows(), events?.count]).toEqual([BATCHES * BATCH, BATCHES * BATCH]);
    const letters = await rig.recordsOf('dlq.order_filled');
    const offsets = letters.map(({ headers }) => headers['x-original-offset']);
    expect(new Set(offsets).size).toBe(BATCHES);
  }, 180_000);
});
