import { beforeEach, describe, expect, it } from 'vitest';
import { HEADER } from '../../engine/event.ts';
import { JOURNAL_RECORD } from '../../engine/journal.ts';
import type { FetchedRecord, RecordToSend } from '../../kafka/client.ts';
import {
  type AnomalyCheckOptions,
  type AnomalyReport,
  checkAnomalies,
  isClean,
} from '../../testing/anomaly-checker.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { add } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { emptyBatch } from '../support/journal-entries.ts';

/*
 * A real run on the in-memory log, and then exactly one thing wrong with it: the checker must say so, and
 * nothing else.
 */

let kafka: MemoryKafka;
let fixture: EngineFixture;
let partition: number;

beforeEach(async () => {
  kafka = new MemoryKafka();
  fixture = await EngineFixture.start({ client: kafka });
  partition = fixture.partitionOf('a');
  const run = await fixture.running();
  for (const id of ['e1', 'e2', 'e3', 'e2']) await fixture.publish(add('a', id, { amount: 7 }));
  await fixture.publish(add('a', 'e4', { amount: 1, fail: 'effect' }));
  await fixture.publish({ ...add('a', 'e5', { amount: 1 }), payload: { amount: 2, fail: 'dead' } });
  await fixture.send({ ...fixture.recordOf(add('a', 'e6', { amount: 1 })), value: Buffer.of(9) });
  await eventually('all is published', async () => {
    const [totals, dead] = [await fixture.read('totals'), await fixture.read('dlq.count.add')];
    return totals.length === 4 && dead.length === 2;
  });
  await run.stop();
});

function check(options: Partial<AnomalyCheckOptions> = {}): Promise<AnomalyReport> {
  const { admin, codec, names } = fixture;
  const reader = kafka.reader();
  const topology = fixture.topology();
  return checkAnomalies({ topology, admin, reader, codec, names, settled: true, ...options });
}

async function verdicts(): Promise<readonly string[]> {
  return (await check()).anomalies.map(({ kind, what }) => `${kind}: ${what}`);
}

const physical = (topic: string): string => fixture.names.physical(topic);

/** Writes a topic anew, with its records as `change` leaves them; null leaves a hole. */
async function rewrite(
  topic: string,
  change: (records: readonly FetchedRecord[]) => readonly (RecordToSend | null)[],
): Promise<void> {
  const log = kafka.log(physical(topic), partition);
  const records = change(log.from(0));
  log.lose(0);
  for (const record of records)
    if (record === null) log.leaveHole();
    else await fixture.producer.send([record]);
}

function without(index: number) {
  return (records: readonly FetchedRecord[]) =>
    records.map((record, each) => (each === index ? null : record));
}

async function nextBatch() {
  const { state, lastFence } = await fixture.restored(partition);
  return { fence: lastFence?.offset ?? -1, n: state.n + 1, state };
}

describe('a run without faults', () => {
  it('is clean, and everything is counted', async () => {
    const report = await check();
    expect(report.anomalies).toEqual([]);
    expect(isClean(report)).toBe(true);
    // Three additions, an effect, its result and a dead letter; four of them with a total that is watched.
    expect(report).toMatchObject({ inputs: 10, outputs: 10, visibleDuplicates: 0, voidBatches: 0 });
    expect(report.pending).toEqual({ inputs: 0, outputs: 0 });
  });

  it('does not call lost what is still to come', async () => {
    await fixture.publish(add('a', 'e7', { amount: 7 }));
    const running = await check({ settled: false });
    expect(isClean(running)).toBe(true);
    expect(running.pending.inputs).toBe(1);
    expect(await verdicts()).toEqual(['lost: event e7 of key a was not handled by adder']);
  });

  it('J7a counts what stands twice by its origin, and calls it no anomaly', async () => {
    await rewrite('totals', (records) => [...records, ...records.slice(-2)]);
    const report = await check();
    expect(isClean(report)).toBe(true);
    expect(report.visibleDuplicates).toBe(2);
  });

  it('J2 counts void batches, and takes nothing from them', async () => {
    const { n } = await nextBatch();
    const stranger = emptyBatch(999, n, {
      states: [{ actor: 'adder', key: 'a', version: 1, value: '{"total":0}' }],
    });
    await fixture.appendToJournal(partition, JOURNAL_RECORD.batch, stranger);
    const report = await check();
    expect(isClean(report)).toBe(true);
    expect(report.voidBatches).toBe(1);
  });
});

describe('lost', () => {
  it('an output in the middle', async () => {
    await rewrite('totals', without(1));
    expect(await verdicts()).toEqual([
      expect.stringMatching(/^lost: emit \d+\/\d+\/0 is not there$/),
    ]);
  });

  it('an output at the end', async () => {
    await rewrite('totals', without(3));
    expect(await verdicts()).toEqual([expect.stringMatching(/^lost: emit/)]);
  });

  it('the newest value of a read model, while older ones may be compacted away', async () => {
    await rewrite('rm.count', (records) => records.slice(2));
    expect(await verdicts()).toEqual([]);
    await rewrite('rm.count', (records) => records.slice(0, -1));
    expect(await verdicts()).toContainEqual(expect.stringMatching(/^lost: emit/));
  });

  it('an input that the positions have passed', async () => {
    const { fence, n, state } = await nextBatch();
    await fixture.publish(add('a', 'e7', { amount: 7 }));
    const position = state.positions.get('adds');
    if (position === undefined) throw new Error('There is no position.');
    const positions = [{ ...position, offset: position.offset + 1 }];
    const batch = emptyBatch(fence, n, { positions });
    await fixture.appendToJournal(partition, JOURNAL_RECORD.batch, batch);
    expect(await verdicts()).toEqual(['lost: event e7 of key a was not handled by adder']);
  });

  it('J4 a source that is shorter than what was read of it', async () => {
    kafka.log(physical('adds'), partition).lose(6);
    expect(await verdicts()).toContain('lost: the journal says that 7 were read');
  });

  it('J4 a source that was deleted and made again', async () => {
    await fixture.admin.deleteTopics([physical('adds')]);
    await fixture.createTopic('adds');
    expect(await verdicts()).toEqual(['lost: the topic was deleted and made again']);
  });

  it('a batch of a journal, so that its owner’s next ones count for nothing', async () => {
    const { fence, n } = await nextBatch();
    await fixture.appendToJournal(partition, JOURNAL_RECORD.batch, emptyBatch(fence, n + 1));
    expect(await verdicts()).toEqual([`lost: the next batch under the same fence is ${n + 1}`]);
  });

  it('J6 an event that its emit calls handled', async () => {
    const { fence, n } = await nextBatch();
    const [total] = (await fixture.read('totals')).slice(-1);
    if (total === undefined) throw new Error('There is no total.');
    const { key, value } = total;
    const headers = {
      ...total.headers,
      [HEADER.eventId]: 'other',
      origin: `counter/${partition}/${n}/0`,
    };
    const emit = { index: 0, topic: 'totals', partition, key, value, headers };
    const batch = emptyBatch(fence, n, { emits: [emit] });
    await fixture.appendToJournal(partition, JOURNAL_RECORD.batch, batch);
    await fixture.producer.send([{ ...emit, topic: physical('totals') }]);
    expect(await verdicts()).toEqual(['lost: watcher has not handled fused event other']);
  });
});

describe('duplicate', () => {
  /** The journal's first handled addition once more, as a batch of the current owner. */
  async function handleAgain(emits: boolean): Promise<void> {
    const { fence, n } = await nextBatch();
    const entries = (await fixture.journal(partition)).map(([, entry]) => entry);
    const first = entries.flatMap((entry) => (entry.kind === 'batch' ? [entry.batch] : []))[0];
    if (first === undefined) throw new Error('There is no batch.');
    const again = first.emits.map((emit) => ({
      ...emit,
      headers: { ...emit.headers, [HEADER.origin]: `counter/${partition}/${n}/${emit.index}` },
    }));
    const batch = emptyBatch(fence, n, emits ? { emits: again } : { inputs: first.inputs });
    await fixture.appendToJournal(partition, JOURNAL_RECORD.batch, batch);
    if (!emits) return;
    await fixture.producer.send(again.map((each) => ({ ...each, topic: physical(each.topic) })));
  }

  it('an input handled twice', async () => {
    await handleAgain(false);
    expect(await verdicts()).toContain('duplicate: adder handles event e1 of key a again');
  });

  it('an event published from two batches', async () => {
    await handleAgain(true);
    expect(await verdicts()).toContainEqual(
      expect.stringMatching(/^duplicate: event .* has two origins$/),
    );
  });

  it('J4 a position that goes back', async () => {
    const { fence, n, state } = await nextBatch();
    const position = state.positions.get('adds');
    if (position === undefined) throw new Error('There is no position.');
    const batch = emptyBatch(fence, n, { positions: [{ ...position, offset: 1 }] });
    await fixture.appendToJournal(partition, JOURNAL_RECORD.batch, batch);
    expect(await verdicts()).toContain('duplicate: the position of adds goes back from 7 to 1');
  });

  it('an effect settled twice', async () => {
    const { fence, n } = await nextBatch();
    const effects = [{ actor: 'adder', key: 'a', id: 'double', request: null }];
    const batch = emptyBatch(fence, n, { effects });
    await fixture.appendToJournal(partition, JOURNAL_RECORD.batch, batch);
    expect(await verdicts()).toEqual(['duplicate: effect adder|a|double is settled again']);
  });
});

describe('reordered', () => {
  it('J5 two outputs that have changed places', async () => {
    await rewrite('totals', ([first, second, ...rest]) =>
      [second, first, ...rest].filter((each) => each !== undefined),
    );
    expect(await verdicts()).toEqual([
      expect.stringMatching(/^reordered: emit .* stands after a later one$/),
    ]);
  });

  it('two inputs of a key that were handled the other way round', async () => {
    const { fence, n, state } = await nextBatch();
    await fixture.publish(add('a', 'e7', { amount: 7 }), add('a', 'e8', { amount: 7 }));
    const position = state.positions.get('adds');
    if (position === undefined) throw new Error('There is no position.');
    const input = { kind: 'record' as const, actor: 'adder', key: 'a', data: null, time: 1 };
    const place = { ...input, topic: 'adds', partition, references: [] };
    const batch = emptyBatch(fence, n, {
      inputs: [
        { ...place, event_id: 'e8', offset: 8 },
        { ...place, event_id: 'e7', offset: 7 },
      ],
      positions: [{ ...position, offset: 9 }],
    });
    await fixture.appendToJournal(partition, JOURNAL_RECORD.batch, batch);
    expect(await verdicts()).toEqual(['reordered: key a of adds: offset 7 is handled after 8']);
  });
});

describe('torn', () => {
  it('J1 an output that is in no valid batch', async () => {
    const [total] = (await fixture.read('totals')).slice(-1);
    if (total === undefined) throw new Error('There is no total.');
    const headers = { ...total.headers, [HEADER.origin]: `counter/${partition}/99/0` };
    await fixture.producer.send([{ ...total, headers }]);
    expect(await verdicts()).toEqual([`torn: emit counter/${partition}/99/0 is in no valid batch`]);
  });

  it('J5 an output with other bytes than were journaled', async () => {
    await rewrite('totals', (records) =>
      records.map((record, index) => (index === 1 ? { ...record, key: Buffer.from('b') } : record)),
    );
    expect(await verdicts()).toContainEqual(
      expect.stringMatching(/^torn: emit .* was journaled with other bytes$/),
    );
  });

  it('a journal that names another event than stands on the source', async () => {
    const swap = (records: readonly FetchedRecord[]): readonly RecordToSend[] =>
      records.map((record, index) =>
        index === 0 ? fixture.recordOf(add('a', 'other', { amount: 1 })) : record,
      );
    await rewrite('adds', swap);
    expect(await verdicts()).toContain('torn: event other stands where e1 was handled');
  });

  it('a journal that names a record that is not there', async () => {
    await rewrite('adds', (records) => records.slice(0, 6));
    const { fence, n } = await nextBatch();
    const input = { kind: 'record' as const, actor: 'adder', key: 'a', event_id: 'e9' };
    const place = { topic: 'adds', partition, offset: 6, references: [], data: null, time: 1 };
    const batch = emptyBatch(fence, n, { inputs: [{ ...input, ...place }] });
    await fixture.appendToJournal(partition, JOURNAL_RECORD.batch, batch);
    expect(await verdicts()).toContain(
      'torn: event e9 was handled, and no such record stands there',
    );
  });

  it('a read model that does not follow from the state', async () => {
    const last = (state: unknown): number => (state as { seen: number[] }).seen.at(-1) ?? 0;
    const rule = { topic: 'rm.count', actor: 'watcher' };
    const right = { ...rule, value: (state: unknown) => ({ total: last(state) }) };
    const wrong = { ...rule, value: (state: unknown) => ({ total: last(state) + 1 }) };
    expect((await check({ readModelRules: [right] })).anomalies).toEqual([]);
    expect((await check({ readModelRules: [wrong] })).counts).toMatchObject({ torn: 1 });
  });
});
