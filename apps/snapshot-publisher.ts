import {
  type AvroCodec,
  envelope,
  eventDefinition,
  eventHeaders,
  type PoolSnapshotPayload,
} from '../avro/index.ts';
import type { PlainProducer } from '../kafka/client.ts';
import type { TopicNames } from '../kafka/topic-names.ts';

const TYPE = 'market.pool_snapshot';

/**
 * Puts a pool snapshot on the log, one copy on every partition, so that each task has its own.
 *
 * Throws: Error when a copy was not acknowledged; whoever has one copy more than others is only fresher.
 */
export function snapshotPublisher(options: {
  readonly producer: PlainProducer;
  readonly codec: AvroCodec;
  readonly names: TopicNames;
  readonly partitions: number;
}): (snapshot: PoolSnapshotPayload) => Promise<void> {
  const { codec, names, partitions, producer } = options;
  const { topic, record } = eventDefinition(TYPE);
  return async (snapshot) => {
    const { poolId } = snapshot;
    const facts = { correlationId: poolId, producer: 'pool-watcher' };
    const event = envelope(TYPE, { ...snapshot }, facts);
    const value = codec.encode(topic, record, event);
    const key = Buffer.from(poolId);
    const headers = eventHeaders(event.envelope);
    const copies = Array.from({ length: partitions }, (_, partition) => ({
      topic: names.physical(topic),
      partition,
      key,
      value,
      headers,
    }));
    const results = await producer.send(copies);
    const failed = results.find((result) => result.result !== 'confirmed');
    if (failed !== undefined)
      throw new Error(`${failed.topic}/${failed.partition} was not acknowledged`);
  };
}
