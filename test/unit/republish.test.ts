import { beforeEach, describe, expect, it } from 'vitest';
import { type Batch, type Fence, JOURNAL_RECORD } from '../../engine/journal.ts';
import { HEADER } from '../../engine/event.ts';
import { JournalLog } from '../../kafka/journal-log.ts';
import { emitsToRepublish } from '../../kafka/republish.ts';
import { type RestoreOptions, restoreTask } from '../../kafka/restore.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { offlineEngineCodec } from '../support/engine-fixture.ts';
import { emptyBatch } from '../support/journal-entries.ts';

const [JOURNAL, OUTPUT] = ['counter.journal', 'outputs'];
const codec = offlineEngineCodec();

const fenceOf = (member: string): Fence => ({
  application: 'counter',
  ...{ task: 0, member, host: 'h', generation: 1 },
  ...{ deployment: 'fused', edges_hash: '', time: 1 },
});

const emit = (index: number, text: string) => ({
  ...{ index, topic: OUTPUT, partition: 0 },
  key: Buffer.from('key'),
  value: Buffer.from(text),
  headers: { [HEADER.origin]: text },
});

let kafka: MemoryKafka;
let options: RestoreOptions;

beforeEach(async () => {
  kafka = new MemoryKafka();
  for (const name of [JOURNAL, OUTPUT])
    await kafka.admin().createTopic({ name, partitions: 1, replicationFactor: 1, configs: {} });
  const { signal } = new AbortController();
  const reader = kafka.reader();
  options = {
    ...{ application: 'counter', partition: 0, journalTopic: JOURNAL, reader, signal, store: null },
    ...{ admin: kafka.admin(), names: new TopicNames('') },
    journal: new JournalLog({
      ...{ codec, reader, producer: kafka.producer(), topic: JOURNAL, logicalTopic: JOURNAL },
      ...{ partition: 0, signal, onVoid: () => {} },
    }),
    onStoreDiscarded: () => {},
    onStoreFailed: () => {},
    onProgress: () => {},
  };
});

async function append(record: string, entry: Batch | Fence): Promise<void> {
  const value = codec.encode(JOURNAL, record, entry);
  const [sent] = await kafka
    .producer()
    .send([{ topic: JOURNAL, partition: 0, key: null, value, headers: {} }]);
  expect(sent?.result).toBe('confirmed');
}

/** What is published again of these batches, which stand behind the fence at 0. */
async function republished(...batches: readonly Batch[]) {
  await append(JOURNAL_RECORD.fence, fenceOf('before'));
  for (const batch of batches) await append(JOURNAL_RECORD.batch, batch);
  await append(JOURNAL_RECORD.fence, fenceOf('own'));
  const { journal } = await restoreTask(options, batches.length + 1, fenceOf('own'));
  return emitsToRepublish(options, journal);
}

describe('what is published again on takeover', () => {
  it('J5 are the emits whole, as their valid batches have them', async () => {
    const again = await republished(
      emptyBatch(0, 1, { emits: [emit(0, 'a'), emit(1, 'b')] }),
      emptyBatch(0, 1, { emits: [emit(0, 'void'), emit(1, 'void')] }),
      emptyBatch(0, 2, {
        emits: [emit(0, 'c')],
        watermarks: [{ topic: OUTPUT, partition: 0, offset: 0, n: 1, index: 0 }],
      }),
    );
    expect([...again]).toEqual([
      [
        `${OUTPUT}/0`,
        [
          { n: 1, emit: emit(1, 'b') },
          { n: 2, emit: emit(0, 'c') },
        ],
      ],
    ]);
  });

  it('is nothing where watermarks cover all, and the journal is not read again', async () => {
    const watermarks = [{ topic: OUTPUT, partition: 0, offset: 0, n: 1, index: 0 }];
    const batches = [emptyBatch(0, 1, { emits: [emit(0, 'a')] }), emptyBatch(0, 2, { watermarks })];
    options.journal.decodeWhole = () => Promise.reject(new Error('read again'));
    expect(await republished(...batches)).toEqual(new Map());
  });

  it('stops a task whose journal does not hold it any more', async () => {
    const batch = emptyBatch(0, 1, { emits: [emit(0, 'a')] });
    options.journal.decodeWhole = async () => ({ kind: 'batch', batch: emptyBatch(0, 1) });
    await expect(republished(batch)).rejects.toMatchObject({
      code: 'JOURNAL_UNREADABLE',
      reaction: 'stop',
    });
  });
});
