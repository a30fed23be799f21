import { Consumer } from '@platformatic/kafka';
import type {
  FetchedPartition,
  FetchedRecord,
  FetchPosition,
  KafkaClientOptions,
  PartitionReader,
} from '../client.ts';
import { errorsWithin, toKafkaError } from './errors.ts';
import { nameOf } from './producer.ts';

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>;
type ResponsePartition = FetchResponse['responses'][number]['partitions'][number];

const MAX_BYTES = 8 * 1024 * 1024;
const PARTITION_BYTES = 1024 * 1024;
/** Bit of a batch's attributes: its records are markers of the broker. */
const IS_CONTROL = 0x20;

/**
 * Fetches partitions by topic id, without a group, read_uncommitted. What a session did not answer anew is
 * left out of the result; what the broker refuses comes back by name, never as a jump (J4).
 */
export function partitionReader(options: KafkaClientOptions): PartitionReader {
  const consumer = new Consumer({
    clientId: options.clientId,
    groupId: `${options.clientId}-reads-without-a-group`,
    bootstrapBrokers: [...options.brokers],
    requestTimeout: options.requestTimeoutMs ?? 10_000,
    connectTimeout: 3_000,
    autocommit: false,
    isolationLevel: 0,
    retries: 0,
    maxWaitTime: 500,
    minBytes: 1,
    maxBytes: MAX_BYTES,
  });
  const fetchFrom = async (
    node: number,
    positions: readonly FetchPosition[],
    ids: ReadonlyMap<string, string>,
    limits: { readonly maxWaitMs: number; readonly maxBytes?: number },
  ): Promise<FetchResponse> => {
    try {
      return await consumer.fetch({
        node,
        topics: requestTopics(positions, ids),
        maxWaitTime: limits.maxWaitMs,
        minBytes: 1,
        maxBytes: limits.maxBytes ?? MAX_BYTES,
        isolationLevel: 0,
      });
    } catch (error) {
      consumer.clearMetadata();
      const answered = answerWithin(error);
      if (answered !== null) return answered;
      throw toKafkaError(error, `fetching ${positions.length} partitions`);
    }
  };
  return {
    async fetch(positions, limits) {
      if (positions.length === 0) return [];
      const topics = [...new Set(positions.map(({ topic }) => topic))];
      for (const topic of topics) if (!consumer.topics.has(topic)) consumer.topics.track(topic);
      const metadata = await metadataOf(consumer, topics);
      const ids = new Map(topics.map((topic) => [topic, metadata.topics.get(topic)?.id ?? '']));
      const names = new Map([...ids].map(([topic, id]) => [id, topic]));
      const byNode = groupByLeader(positions, metadata);
      const responses = await Promise.all(
        [...byNode].map(([node, own]) => fetchFrom(node, own, ids, limits)),
      );
      const asked = new Map(positions.map((each) => [`${each.topic}/${each.partition}`, each]));
      return responses.flatMap(({ responses: topicsAnswered }) =>
        topicsAnswered.flatMap(({ topicId, partitions }) => {
          const topic = names.get(topicId);
          return partitions.flatMap((partition) => {
            const position = asked.get(`${topic}/${partition.partitionIndex}`);
            if (topic === undefined || position === undefined) return [];
            return [toFetched(topic, topicId, partition, position.offset)];
          });
        }),
      );
    },
    close: () => consumer.close(true),
  };
}

type Metadata = Awaited<ReturnType<Consumer['metadata']>>;

async function metadataOf(consumer: Consumer, topics: string[]): Promise<Metadata> {
  try {
    return await consumer.metadata({ topics });
  } catch (error) {
    throw toKafkaError(error, `asking where ${topics.join(', ')} are`);
  }
}

function groupByLeader(
  positions: readonly FetchPosition[],
  metadata: Metadata,
): Map<number, FetchPosition[]> {
  const byNode = new Map<number, FetchPosition[]>();
  for (const position of positions) {
    const leader = metadata.topics.get(position.topic)?.partitions[position.partition]?.leader;
    if (leader === undefined || leader < 0) continue;
    const own = byNode.get(leader);
    if (own === undefined) byNode.set(leader, [position]);
    else own.push(position);
  }
  return byNode;
}

function requestTopics(positions: readonly FetchPosition[], ids: ReadonlyMap<string, string>) {
  const byTopic = Map.groupBy(positions, ({ topic }) => topic);
  return [...byTopic].map(([topic, partitions]) => ({
    topicId: ids.get(topic) ?? '',
    partitions: partitions.map(({ partition, offset }) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: BigInt(offset),
      lastFetchedEpoch: -1,
      partitionMaxBytes: PARTITION_BYTES,
    })),
  }));
}

function toFetched(
  topic: string,
  topicId: string,
  partition: ResponsePartition,
  offset: number,
): FetchedPartition {
  const records: FetchedRecord[] = [];
  let nextOffset = offset;
  for (const batch of partition.records ?? []) {
    const base = Number(batch.firstOffset);
    nextOffset = Math.max(nextOffset, base + batch.lastOffsetDelta + 1);
    if ((batch.attributes & IS_CONTROL) !== 0) continue;
    for (const record of batch.records) {
      const at = base + record.offsetDelta;
      // A batch is answered whole: what stands below the asked offset was not asked for.
      if (at < offset) continue;
      records.push({
        topic,
        partition: partition.partitionIndex,
        offset: at,
        leaderEpoch: batch.partitionLeaderEpoch,
        timestampMs: Number(batch.firstTimestamp + record.timestampDelta),
        key: record.key,
        value: record.value,
        headers: headersOf(record.headers),
      });
    }
  }
  const failed = partition.errorCode !== 0;
  return {
    topic,
    topicId,
    partition: partition.partitionIndex,
    records,
    nextOffset,
    highWatermark: Number(partition.highWatermark),
    logStartOffset: Number(partition.logStartOffset),
    error: failed ? nameOf(partition.errorCode) : null,
  };
}

function headersOf(entries: readonly (readonly [Buffer | null, Buffer | null])[]) {
  const headers: Record<string, string> = {};
  for (const [name, value] of entries)
    if (name !== null && value !== null) headers[name.toString('utf8')] = value.toString('utf8');
  return headers;
}

/** A fetch answer that carries errors of partitions is thrown by the client, answer included. */
function answerWithin(error: unknown): FetchResponse | null {
  for (const each of errorsWithin(error)) {
    const { response } = each as { readonly response?: FetchResponse };
    if (response !== undefined && Array.isArray(response.responses) && response.errorCode === 0)
      return response;
  }
  return null;
}
