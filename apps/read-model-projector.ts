import {
  isReadModelTopic,
  type ProjectedEntry,
  type ReadModelWriter,
  readModelKey,
  type ReadModelTopic,
} from '../connectors/redis/index.ts';
import type { Codec } from '../engine/codec.ts';
import { originOf } from '../engine/origin.ts';
import { type FetchedRecord, type FetchPosition, KafkaError } from '../kafka/client.ts';
import type { SinkMove, SinkTarget } from '../kafka/sink.ts';

const PROJECTED_TOPICS: readonly ReadModelTopic[] = ['rm.intent', 'rm.plan', 'rm.positions'];

/**
 * Every record of the compacted read models to Redis, guarded by its version: the (n, index) it was published
 * from. A tombstone removes the key; one without an origin is an operator's and always applies.
 *
 * Source: K-08, B-76 … B-78; docs/protocol.md, J9b.
 */
export function readModelProjector(writer: ReadModelWriter, codec: Codec): SinkTarget {
  return {
    name: 'read-models',
    topics: PROJECTED_TOPICS,
    mayStartLate: true,
    async positions(partitions): Promise<readonly FetchPosition[]> {
      const byTopic = await Promise.all(
        PROJECTED_TOPICS.map(async (topic) => {
          const offsets = await writer.positions(topic, partitions);
          return partitions.map((partition, index) => ({
            topic,
            partition,
            offset: offsets[index] ?? 0,
          }));
        }),
      );
      return byTopic.flat();
    },
    async write(records: readonly FetchedRecord[], moves: readonly SinkMove[]): Promise<void> {
      for (const { topic, partition, from, to } of moves) {
        const own = records.filter((each) => each.topic === topic && each.partition === partition);
        const entries = await Promise.all(own.map((record) => toEntry(record, codec)));
        const stored = await writer.apply({ topic, partition, from, next: to, entries });
        if (stored < to) throw goneBack(topic, partition, stored, to);
      }
    },
  };
}

async function toEntry(record: FetchedRecord, codec: Codec): Promise<ProjectedEntry> {
  const { topic, offset, key, value, headers } = record;
  if (!isReadModelTopic(topic)) throw new Error(`${topic} is no read model`);
  const origin = originOf(headers);
  if (value !== null && !codec.knows(value)) await codec.learn(value);
  return {
    offset,
    redisKey: readModelKey(topic, Buffer.from(key ?? []).toString('utf8')),
    value: value === null ? null : JSON.stringify(codec.decode(value).value),
    version: origin === null ? null : [origin.n, origin.index],
  };
}

function goneBack(topic: string, partition: number, stored: number, to: number): KafkaError {
  return new KafkaError(
    'STORE_WENT_BACK',
    true,
    `Redis stands at ${stored} of ${topic}/${partition}, not at ${to}: it lost data. Projected again from there.`,
  );
}
