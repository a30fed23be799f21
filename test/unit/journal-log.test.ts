import { beforeEach, describe, expect, it, vi } from 'vitest';
import { CodecError } from '../../engine/codec.ts';
import { type Batch, type Fence, JOURNAL_RECORD } from '../../engine/journal.ts';
import type { FetchedRecord } from '../../kafka/client.ts';
import { JournalLog } from '../../kafka/journal-log.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { offlineEngineCodec } from '../support/engine-fixture.ts';
import { type Faults, faultyClient, unknownResults } from '../support/faulty-client.ts';
import { emptyBatch } from '../support/journal-entries.ts';

const TOPIC = 'x.counter.journal';
const codec = offlineEngineCodec();

const fenceOf = (member: string): Fence => ({
  application: 'counter',
  task: 0,
  member,
  host: 'h',
  generation: 1,
  deployment: 'fused',
  edges_hash: '',
  time: 1,
});

describe('a journal that is appended to', () => {
  let kafka: MemoryKafka;
  let faults: Faults;
  let voids: number;
  let log: JournalLog;

  beforeEach(async () => {
    kafka = new MemoryKafka();
    faults = {};
    voids = 0;
    await kafka
      .admin()
      .createTopic({ name: TOPIC, partitions: 1, replicationFactor: 1, configs: {} });
    log = new JournalLog({
      producer: faultyClient(kafka, faults).producer(),
      reader: kafka.reader(),
      codec,
      logicalTopic: 'counter.journal',
      topic: TOPIC,
      partition: 0,
      signal: new AbortController().signal,
      onVoid: (count) => (voids += count),
    });
  });

  const foreign = (record: string, entry: Batch | Fence): Promise<unknown> =>
    kafka.producer().send([
      {
        topic: TOPIC,
        partition: 0,
        key: null,
        value: codec.encode('counter.journal', record, entry),
        headers: {},
      },
    ]);

  const end = async (): Promise<number> => (await kafka.admin().offsets(TOPIC))[0]?.end ?? -1;

  it('J3c writes one record for a fence and one for each batch', async () => {
    const fence = await log.appendFence(fenceOf('A'));
    expect(await log.append(emptyBatch(fence, 1))).toBe(1);
    expect(await log.append(emptyBatch(fence, 2))).toBe(2);
    expect(await end()).toBe(3);
  });

  it('J3 finds another fence in a gap: fenced, and the batch behind it is not confirmed', async () => {
    const fence = await log.appendFence(fenceOf('A'));
    await foreign(JOURNAL_RECORD.fence, fenceOf('B'));
    await expect(log.append(emptyBatch(fence, 1))).rejects.toMatchObject({
      code: 'FENCED',
      reaction: 'retake',
      message: expect.stringContaining('by B on h'),
    });
  });

  it('J3 reads over the void batches of a gap, and counts them', async () => {
    const fence = await log.appendFence(fenceOf('A'));
    await foreign(JOURNAL_RECORD.batch, emptyBatch(99, 7));
    await foreign(JOURNAL_RECORD.batch, emptyBatch(99, 8));
    expect(await log.append(emptyBatch(fence, 1))).toBe(3);
    expect(await log.append(emptyBatch(fence, 2))).toBe(4);
    expect(voids).toBe(2);
  });

  it('J3 stops when the broker gives an offset that was given before', async () => {
    const fence = await log.appendFence(fenceOf('A'));
    await log.append(emptyBatch(fence, 1));
    faults.produce = async (records, send) =>
      (await send(records)).map((result) => ({ ...result, result: 'confirmed', baseOffset: 1 }));
    await expect(log.append(emptyBatch(fence, 2))).rejects.toMatchObject({
      code: 'JOURNAL_LOST_RECORDS',
      reaction: 'stop',
    });
  });

  it('J5c is as old as its newest confirmed append was sent ago, however late the answer is read', async () => {
    vi.useFakeTimers();
    try {
      const fence = await log.appendFence(fenceOf('A'));
      vi.advanceTimersByTime(500);
      expect(log.confirmedAgeMs).toBe(500);
      faults.produce = async (records, send) => {
        const results = await send(records);
        vi.advanceTimersByTime(9_000);
        return results;
      };
      await log.append(emptyBatch(fence, 1));
      expect(log.confirmedAgeMs).toBe(9_000);
      faults.produce = (records) => Promise.resolve(unknownResults(records));
      await log.append(emptyBatch(fence, 2)).catch(() => {});
      expect(log.confirmedAgeMs).toBe(9_000);
    } finally {
      vi.useRealTimers();
    }
  });

  it('J3a neither sends again nor reads the end after an unknown result', async () => {
    const fence = await log.appendFence(fenceOf('A'));
    let sends = 0;
    faults.produce = (records) => {
      sends += 1;
      return Promise.resolve(unknownResults(records));
    };
    await expect(log.append(emptyBatch(fence, 1))).rejects.toMatchObject({
      code: 'APPEND_UNKNOWN',
      reaction: 'retake',
    });
    expect(sends).toBe(1);
  });

  it('J3a stops by name when the broker refuses', async () => {
    faults.produce = async () => [
      { topic: TOPIC, partition: 0, result: 'refused', code: 'TOPIC_AUTHORIZATION_FAILED' },
    ];
    await expect(log.appendFence(fenceOf('A'))).rejects.toMatchObject({
      code: 'APPEND_REFUSED',
      reaction: 'stop',
    });
  });

  const recordOf = (value: Uint8Array): FetchedRecord => ({
    topic: TOPIC,
    partition: 0,
    offset: 5,
    leaderEpoch: 0,
    timestampMs: 0,
    key: null,
    value,
    headers: {},
  });

  it('stops at a record that is no journal entry, by its offset', async () => {
    const strange = recordOf(Buffer.from('strange'));
    for (const decode of [async () => log.decode(strange), () => log.decodeWhole(strange)])
      await expect(decode()).rejects.toMatchObject({
        code: 'JOURNAL_UNREADABLE',
        reaction: 'stop',
        message: expect.stringContaining('at offset 5'),
      });
  });

  it('does not take a registry that is away for an unreadable journal', async () => {
    const away = new CodecError('REGISTRY_AWAY', 'no answer');
    const waiting = new JournalLog({
      producer: kafka.producer(),
      reader: kafka.reader(),
      codec: {
        encode: (...args) => codec.encode(...args),
        decode: (bytes) => codec.decode(bytes),
        knows: () => false,
        learn: () => Promise.reject(away),
      },
      logicalTopic: 'counter.journal',
      topic: TOPIC,
      partition: 0,
      signal: new AbortController().signal,
      onVoid: () => {},
    });
    await expect(waiting.decode(recordOf(Buffer.from([0, 0, 0, 0, 99, 1])))).rejects.toBe(away);
  });
});
