import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Fence, JOURNAL_RECORD } from '../../engine/journal.ts';
import { MemoryStateStore } from '../../engine/memory-state-store.ts';
import type { StateStore } from '../../engine/state-store.ts';
import { JournalLog } from '../../kafka/journal-log.ts';
import { SHELL_LIMITS } from '../../kafka/limits.ts';
import { restoreTask } from '../../kafka/restore.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { offlineEngineCodec } from '../support/engine-fixture.ts';
import { emptyBatch } from '../support/journal-entries.ts';

const ENTRIES = 30_000;
/** Of one request: what a megabyte holds. */
const ENTRIES_PER_SEND = 5_000;
/** What one entry takes, on a clock that only entries move. */
const ENTRY_MS = 0.5;
const TOPIC = 'counter.journal';
const codec = offlineEngineCodec();

const FENCE: Fence = {
  application: 'counter',
  task: 0,
  member: 'm',
  host: 'h',
  generation: 1,
  deployment: 'fused',
  edges_hash: '',
  time: 1,
};

const record = (name: string, entry: unknown) => ({
  topic: TOPIC,
  partition: 0,
  key: null,
  value: codec.encode(TOPIC, name, entry),
  headers: {},
});

/** A journal of so many batches, each with a state of its own, and the fence of who restores. */
async function journalOf(entries: number): Promise<MemoryKafka> {
  const kafka = new MemoryKafka();
  const topic = { name: TOPIC, partitions: 1, replicationFactor: 1, configs: {} };
  await kafka.admin().createTopic(topic);
  const batches = Array.from({ length: entries }, (_, nth) =>
    record(
      JOURNAL_RECORD.batch,
      emptyBatch(0, nth + 1, {
        states: [{ actor: 'adder', key: `key-${nth}`, version: 1, value: '{"total":1}' }],
      }),
    ),
  );
  const fence = record(JOURNAL_RECORD.fence, FENCE);
  const records = [fence, ...batches, fence];
  for (let at = 0; at < records.length; at += ENTRIES_PER_SEND) {
    const [sent] = await kafka.producer().send(records.slice(at, at + ENTRIES_PER_SEND));
    // What is refused would be waited for: a restore ends at its fence.
    expect(sent?.result).toBe('confirmed');
  }
  return kafka;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a restore', () => {
  it.each([
    ['into memory', (): StateStore | null => null],
    ['into a store', (): StateStore | null => new MemoryStateStore()],
  ] as const)(
    'J5a lets others run after 20 ms of entries at most, over 30,000 of them, %s',
    async (_where, storeOf: () => StateStore | null) => {
      const kafka = await journalOf(ENTRIES);
      const reader = kafka.reader();
      let [read, mostAtOnce, readAtTurn, turns] = [0, 0, 0, 0];
      let isOver = false;
      vi.spyOn(performance, 'now').mockImplementation(() => read * ENTRY_MS);
      const onTurn = (): void => {
        mostAtOnce = Math.max(mostAtOnce, read - readAtTurn);
        readAtTurn = read;
        turns += 1;
        if (!isOver) setImmediate(onTurn);
      };
      const journal = new JournalLog({
        ...{ codec, reader, producer: kafka.producer(), topic: TOPIC, logicalTopic: TOPIC },
        ...{ partition: 0, signal: new AbortController().signal, onVoid: () => {} },
      });
      const decode = journal.decode.bind(journal);
      journal.decode = (of) => {
        read += 1;
        return decode(of);
      };
      onTurn();
      const { journal: restored } = await restoreTask(
        {
          ...{ application: 'counter', partition: 0, journalTopic: TOPIC, journal, reader },
          ...{ admin: kafka.admin(), names: new TopicNames(''), store: storeOf() },
          signal: new AbortController().signal,
          onStoreDiscarded: () => {},
          onStoreFailed: (error) => {
            throw error;
          },
          onProgress: () => {},
        },
        ENTRIES + 1,
        FENCE,
      );
      isOver = true;
      expect(restored.state.n).toBe(ENTRIES);
      expect(mostAtOnce).toBeLessThanOrEqual(SHELL_LIMITS.breathEveryMs / ENTRY_MS);
      expect(turns).toBeGreaterThanOrEqual(ENTRIES / (SHELL_LIMITS.breathEveryMs / ENTRY_MS));
    },
    60_000,
  );
});
