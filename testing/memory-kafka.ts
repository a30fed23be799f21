import {
  type FetchedPartition,
  type FetchedRecord,
  type FetchPosition,
  type GroupMembership,
  type GroupOptions,
  type KafkaAdmin,
  type KafkaClient,
  KafkaError,
  type PartitionReader,
  type PlainProducer,
  type RecordToSend,
  type SendResult,
} from '../kafka/client.ts';
import { MemoryGroup } from './memory-group.ts';
import { type MemoryLog, MemoryTopic } from './memory-topic.ts';

/** Kafka's default limit of one record batch. */
const BATCH_BYTES = 1024 * 1024;

/**
 * An in-memory twin of the Kafka client port: one broker, everything acknowledged at once and kept as long as
 * the object lives. Topics must be created first, as on a broker that creates none by itself. Its contract is that of the
 * adapters, test/contract/kafka-client.contract.ts, but for what needs a network.
 *
 * Order: what a `send` appended is visible to every `fetch` that begins after it.
 */
export class MemoryKafka implements KafkaClient {
  readonly #topics = new Map<string, MemoryTopic>();
  readonly #groups = new Map<string, MemoryGroup>();
  readonly #pollers = new Set<() => void>();
  #topicsMade = 0;

  producer(): PlainProducer {
    let isClosed = false;
    return {
      send: async (records) => (isClosed ? closed(records) : this.#append(records)),
      close: async () => void (isClosed = true),
    };
  }

  reader(): PartitionReader {
    const end = new AbortController();
    /** Of the topics as this reader knows them. */
    const topicIds = new Map<string, string>();
    return {
      fetch: async (positions, { maxWaitMs }) => {
        if (!end.signal.aborted && !positions.some((position) => this.#hasNews(position)))
          await this.#news(maxWaitMs, end.signal);
        if (end.signal.aborted) throw new KafkaError('CLOSED', false, 'The reader was closed.');
        return positions.map((position) => this.#read(position, topicIds));
      },
      close: async () => end.abort(),
    };
  }

  joinGroup(options: GroupOptions): GroupMembership {
    let group = this.#groups.get(options.groupId);
    if (group === undefined) {
      group = new MemoryGroup(() => this.#topics.get(options.topic)?.logs.length ?? null);
      this.#groups.set(options.groupId, group);
    }
    return group.join(options);
  }

  admin(): KafkaAdmin {
    const done = Promise.resolve();
    return {
      describeTopics: (names) =>
        Promise.resolve(names.flatMap((name) => this.#topics.get(name)?.description ?? [])),
      createTopic: async ({ name, partitions, configs }) => this.#create(name, partitions, configs),
      alterTopicConfigs: async (name, configs) => {
        refuseInvalid(configs);
        this.#topic(name).configs = { ...this.#topic(name).configs, ...configs };
      },
      listTopics: () => Promise.resolve([...this.#topics.keys()]),
      deleteTopics: async (names) => {
        for (const name of names) this.#topics.delete(this.#topic(name).name);
      },
      offsets: async (topic) => this.#topic(topic).logs.map(({ start, end }) => ({ start, end })),
      deleteRecords: async (topic, partition, before) =>
        this.#deleteRecords(topic, partition, before),
      listGroups: async () => [...this.#groups].map(([id, { state }]) => ({ id, state })),
      groupOffsets: async (groupId) => this.#groups.get(groupId)?.offsets ?? [],
      ping: () => done,
      close: () => done,
    };
  }

  #create(name: string, partitions: number, configs: Readonly<Record<string, string>>): void {
    if (this.#topics.has(name))
      throw new KafkaError('TOPIC_ALREADY_EXISTS', false, `Topic ${name} exists already.`);
    const id = `00000000-0000-4000-8000-${(++this.#topicsMade).toString(16).padStart(12, '0')}`;
    this.#topics.set(name, new MemoryTopic(name, id, partitions, configs));
  }

  /** One partition, for what a broker does to it by itself: holes, compaction, losses. */
  log(topic: string, partition: number): MemoryLog {
    const log = this.#log(topic, partition);
    if (log === undefined) throw unknownTopic(topic);
    return log;
  }

  partitionsOf(topic: string): number {
    return this.#topic(topic).logs.length;
  }

  #deleteRecords(topic: string, partition: number, before: number): void {
    const log = this.log(topic, partition);
    if (before < 0)
      throw new KafkaError('INVALID_REQUEST', false, `Records go below an offset ≥ 0.`);
    if (before > log.end)
      throw new KafkaError(
        'OFFSET_OUT_OF_RANGE',
        false,
        `${topic}/${partition} ends at ${log.end}.`,
      );
    log.trim(before);
  }

  #append(records: readonly RecordToSend[]): readonly SendResult[] {
    const byPartition = Map.groupBy(records, ({ topic, partition }) => `${topic}/${partition}`);
    const results = [...byPartition.values()].map((own): SendResult => {
      const [{ topic, partition }] = own as [RecordToSend];
      const log = this.#log(topic, partition);
      if (log === undefined)
        return { topic, partition, result: 'unknown', code: UNKNOWN_TOPIC, cause: null };
      const most = Number(this.#topic(topic).configs['max.message.bytes'] ?? BATCH_BYTES);
      if (own.reduce((sum, record) => sum + sizeOf(record), 0) > most)
        return { topic, partition, result: 'refused', code: 'MESSAGE_TOO_LARGE' };
      return { topic, partition, result: 'confirmed', baseOffset: log.append(own) };
    });
    for (const wake of this.#pollers) wake();
    return results;
  }

  #read(position: FetchPosition, topicIds: Map<string, string>): FetchedPartition {
    const { topic, partition, offset } = position;
    const log = this.#log(topic, partition);
    if (log === undefined) return failed(position, UNKNOWN_TOPIC, 0, 0);
    const topicId = this.#topic(topic).id;
    const known = topicIds.get(topic) ?? topicId;
    topicIds.set(topic, topicId);
    // One made anew is told of once, and then read.
    if (known !== topicId) return failed(position, 'UNKNOWN_TOPIC_ID', 0, 0);
    const { start, end } = log;
    if (offset < start || offset > end) return failed(position, 'OFFSET_OUT_OF_RANGE', start, end);
    const records: readonly FetchedRecord[] = log.from(offset);
    const nextOffset = log.after(records);
    const bounds = { highWatermark: end, logStartOffset: start };
    return { topic, topicId, partition, records, nextOffset, ...bounds, error: null };
  }

  #hasNews({ topic, partition, offset }: FetchPosition): boolean {
    return this.#log(topic, partition)?.end !== offset;
  }

  #news(maxWaitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#pollers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, maxWaitMs);
      this.#pollers.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  #topic(name: string): MemoryTopic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw unknownTopic(name);
    return topic;
  }

  #log(topic: string, partition: number) {
    return this.#topics.get(topic)?.logs[partition];
  }
}

const UNKNOWN_TOPIC = 'UNKNOWN_TOPIC_OR_PARTITION';

/** Answers of a producer that was closed. */
function closed(records: readonly RecordToSend[]): readonly SendResult[] {
  const places = new Map(records.map((each) => [`${each.topic}/${each.partition}`, each]));
  return [...places.values()].map(({ topic, partition }) => {
    return { topic, partition, result: 'unknown', code: 'CLOSED', cause: null };
  });
}

/** Throws: KafkaError INVALID_CONFIG. */
function refuseInvalid(configs: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(configs))
    if (/\.(ms|bytes)$/.test(name) && !Number.isSafeInteger(Number(value)))
      throw new KafkaError('INVALID_CONFIG', false, `${name} is ${value}, and no number.`);
}

function unknownTopic(name: string): KafkaError {
  return new KafkaError(UNKNOWN_TOPIC, true, `There is no topic ${name}; create it first.`);
}

function failed(
  { topic, partition, offset }: FetchPosition,
  error: string,
  logStartOffset: number,
  highWatermark: number,
): FetchedPartition {
  const nothing = { topicId: '', records: [], nextOffset: offset };
  return { topic, partition, ...nothing, highWatermark, logStartOffset, error };
}

function sizeOf({ key, value, headers }: RecordToSend): number {
  let bytes = 16 + (key?.byteLength ?? 0) + (value?.byteLength ?? 0);
  for (const [name, text] of Object.entries(headers)) bytes += name.length + text.length + 4;
  return bytes;
}
