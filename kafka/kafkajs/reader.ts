import {
  type FetchedPartition,
  type FetchPosition,
  KafkaError,
  type KafkaClientOptions,
  type PartitionReader,
} from '../client.ts';
import { nameOf } from '../error-table.ts';
import { CLIENT_LIMITS, requestTimeoutOf } from '../limits.ts';
import { boundsOf } from './bounds.ts';
import { Cluster, type FoundTopic, UNKNOWN_TOPIC } from './cluster.ts';
import { toKafkaError } from './errors.ts';
import { Lanes } from './lanes.ts';
import { askFetch } from './messages.ts';

/*
 * The library reads in groups only, and resets a position that is out of range. So Fetch requests are made here, each
 * on a connection that it has for itself, outside of any group and session.
 */

/** What an answer says that a look-up may cure. OFFSET_OUT_OF_RANGE is none of them. */
const STALE: ReadonlySet<string> = new Set([
  UNKNOWN_TOPIC,
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'NOT_LEADER_OR_FOLLOWER',
  'LEADER_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'KAFKA_STORAGE_ERROR',
]);

interface Place {
  readonly position: FetchPosition;
  readonly topicId: string;
  readonly leader: number;
}

interface LeaderAnswer {
  readonly fetched: readonly FetchedPartition[];
  /** The leader could not be asked. */
  readonly failure: KafkaError | null;
}

/** Fetches partitions by topic id, without a group, read_uncommitted. Limits: as the other adapter's. */
export class KafkajsReader implements PartitionReader {
  readonly #cluster: Cluster;
  readonly #lanes: Lanes;
  readonly #maxWaitMs: number;
  #turn = 0;

  constructor(options: KafkaClientOptions) {
    this.#cluster = new Cluster(options);
    this.#lanes = new Lanes(this.#cluster);
    this.#maxWaitMs = Math.floor(requestTimeoutOf(options) / 2);
  }

  async fetch(
    positions: readonly FetchPosition[],
    limits: { readonly maxWaitMs: number; readonly maxBytes?: number },
  ): Promise<readonly FetchedPartition[]> {
    if (positions.length === 0) return [];
    const found = await this.#find([...new Set(positions.map(({ topic }) => topic))]);
    const lost: FetchedPartition[] = [];
    const places: Place[] = [];
    for (const position of this.#rotated(positions)) {
      const placed = place(found, position);
      if ('leader' in placed) places.push(placed);
      else lost.push(placed);
    }
    if (lost.length > 0) this.#cluster.forget();
    const byLeader = Map.groupBy(places, ({ leader }) => leader);
    const answers = await Promise.all(
      [...byLeader].map(([leader, own]) => this.#fetchFrom(leader, own, limits)),
    );
    return Promise.all([...lost, ...merged(answers)].map((each) => this.#withBounds(each)));
  }

  async close(): Promise<void> {
    this.#lanes.close();
    await this.#cluster.close();
  }

  async #find(topics: readonly string[]): Promise<ReadonlyMap<string, FoundTopic>> {
    try {
      return await this.#cluster.find(topics);
    } catch (cause) {
      throw toKafkaError(cause, `looking up ${topics.join(', ')}`);
    }
  }

  /** A broker answers in the order asked, and the first that has something always gets a whole batch. */
  #rotated(positions: readonly FetchPosition[]): readonly FetchPosition[] {
    const first = this.#turn++ % positions.length;
    return [...positions.slice(first), ...positions.slice(0, first)];
  }

  /** A broker that answers OFFSET_OUT_OF_RANGE does not say what the range is. */
  async #withBounds(fetched: FetchedPartition): Promise<FetchedPartition> {
    if (fetched.error !== 'OFFSET_OUT_OF_RANGE') return fetched;
    const { topic, partition } = fetched;
    try {
      const bounds = (await boundsOf(this.#cluster, topic))[partition];
      return { ...fetched, logStartOffset: bounds?.start ?? -1, highWatermark: bounds?.end ?? -1 };
    } catch (error) {
      throw toKafkaError(error, `asking for the bounds of ${topic}/${partition}`);
    }
  }

  async #fetchFrom(
    leader: number,
    places: readonly Place[],
    limits: { readonly maxWaitMs: number; readonly maxBytes?: number },
  ): Promise<LeaderAnswer> {
    try {
      const address = this.#cluster.addressOf(leader);
      if (address === undefined)
        throw new KafkaError('LEADER_NOT_AVAILABLE', true, `No broker ${leader} is known now.`);
      const { errorCode, answers } = await this.#lanes.use(address, (link) =>
        askFetch(link, places, {
          maxWaitMs: Math.min(limits.maxWaitMs, this.#maxWaitMs),
          maxBytes: limits.maxBytes ?? CLIENT_LIMITS.fetchBytes,
          partitionBytes: CLIENT_LIMITS.fetchPartitionBytes,
        }),
      );
      const fetched = places.map((each): FetchedPartition => {
        const { topic, partition } = each.position;
        const answer = answers.get(each);
        if (errorCode !== 0) return notFetched(each.position, each.topicId, nameOf(errorCode));
        if (answer === undefined)
          return notFetched(each.position, each.topicId, 'UNKNOWN_SERVER_ERROR');
        const { errorCode: code, ...read } = answer;
        const error = code === 0 ? null : nameOf(code);
        return { topic, partition, topicId: each.topicId, ...read, error };
      });
      if (fetched.some(({ error }) => error !== null && STALE.has(error))) this.#cluster.forget();
      return { fetched, failure: null };
    } catch (cause) {
      this.#cluster.forget();
      const failure = toKafkaError(cause, `fetching from broker ${leader}`);
      const fetched = places.map((each) => notFetched(each.position, each.topicId, failure.code));
      return { fetched, failure };
    }
  }
}

/** One leader away leaves the others readable; all of them away is an error of the call. */
function merged(answers: readonly LeaderAnswer[]): readonly FetchedPartition[] {
  const [first] = answers;
  if (first?.failure && answers.every(({ failure }) => failure !== null)) throw first.failure;
  return answers.flatMap(({ fetched }) => fetched);
}

/** Where to read a position, or why it cannot be read. */
function place(
  found: ReadonlyMap<string, FoundTopic>,
  position: FetchPosition,
): Place | FetchedPartition {
  const topic = found.get(position.topic);
  if (topic === undefined || topic instanceof KafkaError)
    return notFetched(position, '', topic?.code ?? UNKNOWN_TOPIC);
  const partition = topic.partitions[position.partition];
  if (partition === undefined) return notFetched(position, topic.id, UNKNOWN_TOPIC);
  if (partition.leader < 0) return notFetched(position, topic.id, 'LEADER_NOT_AVAILABLE');
  return { position, topicId: topic.id, leader: partition.leader };
}

function notFetched(position: FetchPosition, topicId: string, error: string): FetchedPartition {
  const { topic, partition, offset } = position;
  const nothing = { records: [], nextOffset: offset, highWatermark: -1, logStartOffset: -1 };
  return { topic, topicId, partition, ...nothing, error };
}
