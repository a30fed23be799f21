import type { Codec } from '../../engine/codec.ts';
import type { Topology } from '../../engine/topology.ts';
import type { FetchedRecord, KafkaAdmin, PartitionReader } from '../../kafka/client.ts';
import { readRange } from '../../kafka/read-range.ts';
import type { TopicNames } from '../../kafka/topic-names.ts';

/** What the checker looks through; nothing in it is written to. */
export interface LogView {
  readonly topology: Topology;
  readonly admin: KafkaAdmin;
  readonly reader: PartitionReader;
  readonly codec: Codec;
  readonly names: TopicNames;
  readonly signal: AbortSignal;
}

export interface Bounds {
  readonly start: number;
  readonly end: number;
}

/** Start and end of each partition, by logical topic; topics that do not exist have none. */
export async function boundsOf(
  { admin, names }: LogView,
  topics: readonly string[],
): Promise<ReadonlyMap<string, readonly Bounds[]>> {
  const existing = new Set(await admin.listTopics());
  const found = [...new Set(topics)].filter((topic) => existing.has(names.physical(topic)));
  const bounds = found.map(
    async (topic) => [topic, await admin.offsets(names.physical(topic))] as const,
  );
  return new Map(await Promise.all(bounds));
}

/** Every record of one partition in [from, until), in order. */
export function readPartition(
  { reader, names, signal }: LogView,
  place: { readonly topic: string; readonly partition: number } & Bounds,
  take: (record: FetchedRecord) => void | Promise<void>,
): Promise<void> {
  const { partition, start: from, end: until } = place;
  const topic = names.physical(place.topic);
  return readRange({ reader, topic, partition, from, until, signal }, take);
}

/** The value of a record, its schema looked up if need be. Throws: CodecError. */
export async function decodeValue(codec: Codec, value: Uint8Array) {
  if (!codec.knows(value)) await codec.learn(value);
  return codec.decode(value);
}
