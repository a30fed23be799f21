import { KafkaError } from '../client.ts';
import { type Cluster, UNKNOWN_TOPIC } from './cluster.ts';
import { failOn } from './errors.ts';
import type { TopicMetadata } from './messages.ts';

export interface Bounds {
  readonly start: number;
  readonly end: number;
}

const [EARLIEST, LATEST] = [-2, -1];
const READ_UNCOMMITTED = 0;

interface OffsetsAnswer {
  readonly responses: readonly {
    readonly partitions: readonly {
      readonly partition: number;
      readonly errorCode: number;
      readonly offset: string;
    }[];
  }[];
}

/** A topic that is there. Throws: KafkaError, the library's errors. */
export async function topicOf(cluster: Cluster, topic: string): Promise<TopicMetadata> {
  const found = (await cluster.find([topic])).get(topic);
  if (found === undefined) throw new KafkaError(UNKNOWN_TOPIC, true, `There is no topic ${topic}.`);
  if (found instanceof KafkaError) throw found;
  return found;
}

/** Start and end (high watermark) of each partition of a topic. Throws: KafkaError, the library's errors. */
export async function boundsOf(cluster: Cluster, topic: string): Promise<readonly Bounds[]> {
  const { partitions } = await topicOf(cluster, topic);
  const byLeader = [...Map.groupBy(partitions, ({ leader }) => leader)];
  const at = async (timestamp: number): Promise<ReadonlyMap<number, number>> => {
    const answers = byLeader.map(async ([leader, own]) => {
      const link = await cluster.to(leader);
      return link.ask<OffsetsAnswer>('ListOffsets', {
        isolationLevel: READ_UNCOMMITTED,
        topics: [{ topic, partitions: own.map(({ index }) => ({ partition: index, timestamp })) }],
      });
    });
    const offsets = new Map<number, number>();
    for (const { responses } of await Promise.all(answers))
      for (const { partition, errorCode, offset } of responses.flatMap((each) => each.partitions)) {
        failOn(errorCode, `asking for the offsets of ${topic}/${partition}`);
        offsets.set(partition, Number(offset));
      }
    return offsets;
  };
  const [starts, ends] = await Promise.all([at(EARLIEST), at(LATEST)]);
  return partitions.map(({ index }) => ({
    start: starts.get(index) ?? 0,
    end: ends.get(index) ?? 0,
  }));
}
