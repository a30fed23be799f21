import { ALL_RECORDS } from '../../apps/records.ts';
import type { LogSession } from '../log/log-session.ts';
import { RecordSource } from '../log/record-source.ts';

/** The oldest record that a partition still holds, and whether today's schemas read it. */
export interface OldestRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Full name of the Avro record; null: it cannot be read. */
  readonly record: string | null;
  /** Why not. */
  readonly reason: string | null;
}

/**
 * Reads the oldest record of each partition of the topics with events by today's schemas: what the registry accepts may
 * still be unable to read what stands there. Topics that are not there, and partitions without records, are left out.
 *
 * Throws: KafkaError; CodecError REGISTRY_AWAY.
 */
export async function oldestRecords(session: LogSession): Promise<readonly OldestRecord[]> {
  const { admin, names, codec } = session;
  const existing = new Set(await admin.listTopics());
  const topics = [...new Set(ALL_RECORDS.map(({ topic }) => topic))].filter((topic) =>
    existing.has(names.physical(topic)),
  );
  const source = new RecordSource(session);
  const found: OldestRecord[] = [];
  for (const topic of topics) {
    const offsets = await admin.offsets(names.physical(topic));
    for (const [partition, { start, end }] of offsets.entries()) {
      const record = start < end ? await source.at(topic, partition, start) : null;
      // A tombstone, or a hole that compaction left, says nothing.
      if (record === null || record.value === null) continue;
      const place = { topic, partition, offset: start };
      try {
        found.push({ ...place, record: codec.decode(record.value).record, reason: null });
      } catch (error) {
        found.push({ ...place, record: null, reason: (error as Error).message });
      }
    }
  }
  return found;
}
