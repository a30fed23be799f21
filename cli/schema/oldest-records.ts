import type { Config } from '../../apps/config.ts';
import { ALL_RECORDS } from '../../apps/records.ts';
import type { Codec } from '../../engine/codec.ts';
import type { LogSession } from '../log/log-session.ts';
import { RecordSource } from '../log/record-source.ts';
import { type OtherReader, otherReader } from './other-reader.ts';

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
 * still be unable to read what stands there. And reads it once more as other consumers do, which have only the registry:
 * they have to find the same event. Topics that are not there, and partitions without records, are left out.
 *
 * Throws: KafkaError; CodecError REGISTRY_AWAY.
 */
export async function oldestRecords(
  session: LogSession,
  { stores }: Config,
): Promise<readonly OldestRecord[]> {
  const { admin, names, codec } = session;
  const existing = new Set(await admin.listTopics());
  const topics = [...new Set(ALL_RECORDS.map(({ topic }) => topic))].filter((topic) =>
    existing.has(names.physical(topic)),
  );
  const source = new RecordSource(session);
  const other = await otherReader(stores.registryUrl);
  const found: OldestRecord[] = [];
  for (const topic of topics) {
    const offsets = await admin.offsets(names.physical(topic));
    for (const [partition, { start, end }] of offsets.entries()) {
      const record = start < end ? await source.at(topic, partition, start) : null;
      // A tombstone, or a hole that compaction left, says nothing.
      if (record === null || record.value === null) continue;
      const place = { topic, partition, offset: start };
      found.push({ ...place, ...(await readings(record.value, codec, other)) });
    }
  }
  return found;
}

async function readings(
  bytes: Uint8Array,
  codec: Codec,
  other: OtherReader,
): Promise<Pick<OldestRecord, 'record' | 'reason'>> {
  try {
    const { record, value } = codec.decode(bytes);
    const [own, others] = [idOf(value), idOf(await other(bytes))];
    if (own === others) return { record, reason: null };
    const reason = `other consumers read event ${others} where ${own} stands`;
    return { record: null, reason };
  } catch (error) {
    return { record: null, reason: (error as Error).message };
  }
}

function idOf(value: unknown): string {
  return String(
    (value as { readonly envelope?: { readonly event_id?: unknown } }).envelope?.event_id,
  );
}
