import { Admin, type Broker, kGetApi } from '@platformatic/kafka';
import {
  type FetchedPartition,
  type FetchPosition,
  KafkaError,
  type KafkaClientOptions,
  type PartitionReader,
} from '../client.ts';
import { CLIENT_LIMITS, requestTimeoutOf } from '../limits.ts';
import {
  boundsOf,
  connectionOptions,
  findTopics,
  type FoundTopic,
  watchConnections,
} from './cluster.ts';
import { canRetry, nameOf } from '../error-table.ts';
import { toKafkaError, UNKNOWN_TOPIC } from './errors.ts';
import {
  fetchFrom,
  LAST_VERSION_BY_NAME,
  type PartitionAnswer,
  speaksFetch,
} from './fetch-request.ts';
import { notFetched, toFetched } from './fetched.ts';
import { Lanes } from './lanes.ts';

/*
 * The library's own Consumer.fetch keeps one fetch session a broker: two requests at once break it, one that
 * answers an error breaks it, and partitions without news are missing from its answers. So requests are made
 * here, each outside of any session and on a connection that it has for itself.
 */

interface FetchLimits {
  readonly maxWaitMs: number;
  readonly maxBytes?: number;
}

const READ_UNCOMMITTED = 0;
/** The session epoch that asks for no session. */
const NO_SESSION = -1;

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

interface LeaderAnswer {
  readonly fetched: readonly FetchedPartition[];
  /** The leader could not be asked. */
  readonly failure: KafkaError | null;
}

/** A position with the place where it is to be read. */
interface Place {
  readonly position: FetchPosition;
  readonly topicId: string;
  readonly leader: number;
  readonly broker: Broker;
}

/**
 * Fetches partitions by topic id, without a group, read_uncommitted. One result for each position asked; what
 * the broker refuses comes back by name, never as a jump (J4).
 *
 * Limits: `maxWaitMs` up to half of the request time-out; 16 fetches at once, further ones wait.
 */
export class PlatformaticReader implements PartitionReader {
  readonly #cluster: Admin;
  readonly #closeLost: () => Promise<void>;
  readonly #lanes: Lanes;
  readonly #maxWaitMs: number;
  #turn = 0;

  constructor(options: KafkaClientOptions) {
    this.#cluster = new Admin(connectionOptions(options));
    this.#closeLost = watchConnections(this.#cluster.connections);
    this.#lanes = new Lanes(options);
    this.#maxWaitMs = Math.floor(requestTimeoutOf(options) / 2);
  }

  async fetch(
    positions: readonly FetchPosition[],
    limits: FetchLimits,
  ): Promise<readonly FetchedPartition[]> {
    if (positions.length === 0) return [];
    const topics = [...new Set(positions.map(({ topic }) => topic))];
    const found = await findTopics(this.#cluster, topics);
    const brokers = this.#cluster.currentMetadata?.brokers ?? new Map<number, Broker>();
    const lost: FetchedPartition[] = [];
    const places: Place[] = [];
    for (const position of this.#rotated(positions)) {
      const placed = place(found, brokers, position);
      if ('leader' in placed) places.push(placed);
      else lost.push(placed);
    }
    if (lost.length > 0) this.#cluster.clearMetadata();
    const byLeader = Map.groupBy(places, ({ leader }) => leader);
    const answers = await Promise.all(
      [...byLeader.values()].map((own) => this.#fetchFrom(own, limits)),
    );
    return Promise.all([...lost, ...merged(answers)].map((each) => this.#withBounds(each)));
  }

  async close(): Promise<void> {
    await Promise.all([this.#lanes.close(), this.#cluster.close()]);
    await this.#closeLost();
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
      const bounds = (await boundsOf(this.#cluster, topic, [partition])).get(partition);
      return { ...fetched, logStartOffset: bounds?.start ?? -1, highWatermark: bounds?.end ?? -1 };
    } catch (error) {
      throw toKafkaError(error, `asking for the bounds of ${topic}/${partition}`);
    }
  }

  async #fetchFrom(places: readonly Place[], limits: FetchLimits): Promise<LeaderAnswer> {
    try {
      const answered = await this.#request(places, limits);
      const fetched = places.map(({ position, topicId }) => {
        const answer = answered(topicId, position.partition);
        if (answer === undefined) return notFetched(position, topicId, 'UNKNOWN_SERVER_ERROR');
        return toFetched(position, topicId, answer);
      });
      if (fetched.some(({ error }) => error !== null && STALE.has(error)))
        this.#cluster.clearMetadata();
      return { fetched, failure: null };
    } catch (cause) {
      this.#cluster.clearMetadata();
      const failure = toKafkaError(cause, `fetching from broker ${places[0]?.leader}`);
      const fetched = places.map((each) => notFetched(each.position, each.topicId, failure.code));
      return { fetched, failure };
    }
  }

  async #request(places: readonly Place[], limits: FetchLimits) {
    const version = await this.#version();
    const byName = version <= LAST_VERSION_BY_NAME;
    const nameIn = ({ topicId, position }: Place): string => (byName ? position.topic : topicId);
    const names = new Map(places.map((each) => [nameIn(each), each.topicId]));
    const { errorCode, topics } = await this.#lanes.use(async (lane) =>
      fetchFrom(await lane.get((places[0] as Place).broker), version, [
        Math.min(limits.maxWaitMs, this.#maxWaitMs),
        1,
        limits.maxBytes ?? CLIENT_LIMITS.fetchBytes,
        READ_UNCOMMITTED,
        0,
        NO_SESSION,
        requestTopics(places, nameIn),
        [],
        '',
      ]),
    );
    if (errorCode !== 0) throw refusedWhole(nameOf(errorCode));
    const answers = new Map(
      topics.flatMap(({ topic, partitions }) =>
        partitions.map((each) => [`${names.get(topic)}/${each.partition}`, each] as const),
      ),
    );
    return (topicId: string, partition: number): PartitionAnswer | undefined =>
      answers.get(`${topicId}/${partition}`);
  }

  #version(): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#cluster[kGetApi]('Fetch', (error, api) => {
        if (api !== undefined && speaksFetch(api.version)) resolve(api.version);
        else reject(error ?? new KafkaError('UNSUPPORTED_VERSION', false, UNSUPPORTED));
      }),
    );
  }
}

const UNSUPPORTED =
  'The broker speaks no version of Fetch from 4 to 17; use Kafka 0.11 or later, or Redpanda.';

function refusedWhole(code: string): KafkaError {
  return new KafkaError(code, canRetry(code), `The broker answered a Fetch with ${code}.`);
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
  brokers: ReadonlyMap<number, Broker>,
  position: FetchPosition,
): Place | FetchedPartition {
  const topic = found.get(position.topic);
  if (topic === undefined || topic instanceof KafkaError)
    return notFetched(position, '', topic?.code ?? UNKNOWN_TOPIC);
  const partition = topic.partitions[position.partition];
  if (partition === undefined) return notFetched(position, topic.id, UNKNOWN_TOPIC);
  const { leader } = partition;
  const broker = brokers.get(leader);
  if (broker === undefined) return notFetched(position, topic.id, 'LEADER_NOT_AVAILABLE');
  return { position, topicId: topic.id, leader, broker };
}

function requestTopics(places: readonly Place[], nameIn: (place: Place) => string) {
  return [...Map.groupBy(places, nameIn)].map(([topicId, own]) => ({
    topicId,
    partitions: own.map(({ position: { partition, offset } }) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: BigInt(offset),
      lastFetchedEpoch: -1,
      partitionMaxBytes: CLIENT_LIMITS.fetchPartitionBytes,
    })),
  }));
}
