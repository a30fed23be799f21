import { type AvroCodec, eventHeaders } from '../../avro/index.ts';
import type { Codec } from '../../engine/codec.ts';
import type { EventRecord, Headers } from '../../engine/event.ts';
import { type Batch, JOURNAL_RECORD, type JournalEntry } from '../../engine/journal.ts';
import { JournalReader } from '../../engine/journal-reader.ts';
import { originOf } from '../../engine/origin.ts';
import {
  buildTopology,
  deadLetterTopics,
  retryTopics,
  type Topology,
  type TopologyDefinition,
} from '../../engine/topology.ts';
import {
  type FetchedRecord,
  type KafkaAdmin,
  type KafkaClient,
  KafkaError,
  type PartitionReader,
  type PlainProducer,
  type RecordToSend,
  type SendResult,
} from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { clientUnderTest } from './client-under-test.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { COUNTER_APPLICATION } from './counter.ts';
import { EngineRun, type RunOptions } from './engine-run.ts';
import { eventually } from './eventually.ts';
import { offlineCodec, type TestApplication } from './test-application.ts';

export const PARTITIONS = 4;

export interface ReadRecord extends FetchedRecord {
  /** Decoded; null is a tombstone. Bytes that do not decode stay bytes. */
  readonly decoded: unknown;
}

export interface FixtureOptions {
  /** Default: the counter. */
  readonly application?: TestApplication;
  /** Default: a client of the broker that KAFKA_BROKERS names. */
  readonly client?: KafkaClient;
  readonly codec?: Codec;
  /** Of topics that exist already, as a child process has them. */
  readonly prefix?: string;
}

export function brokers(): readonly string[] {
  return (process.env['KAFKA_BROKERS'] ?? '').split(',');
}

/** Encodes as every process of a test does: the ids of schemas are their places in the list. */
export function offlineEngineCodec(): AvroCodec {
  return offlineCodec(COUNTER_APPLICATION);
}

/** An application, the counter by default, on topics of its own, and all a test does to it. */
export class EngineFixture {
  readonly application: TestApplication;
  readonly names: TopicNames;
  readonly client: KafkaClient;
  readonly codec: Codec;
  readonly admin: KafkaAdmin;
  readonly producer: PlainProducer;
  readonly #reader: PartitionReader;
  readonly #runs: EngineRun[] = [];

  constructor(options: FixtureOptions = {}) {
    this.application = options.application ?? COUNTER_APPLICATION;
    this.names = new TopicNames(options.prefix ?? `engine-${crypto.randomUUID().slice(0, 8)}.`);
    this.client =
      options.client ?? clientUnderTest({ brokers: brokers(), clientId: 'engine-test' });
    this.codec = options.codec ?? offlineCodec(this.application);
    this.admin = this.client.admin();
    this.producer = this.client.producer();
    this.#reader = this.client.reader();
  }

  static async start(options: FixtureOptions = {}): Promise<EngineFixture> {
    const fixture = new EngineFixture(options);
    await fixture.createMissingTopics();
    return fixture;
  }

  /** Those that another fixture of the same prefix has made stay as they are. */
  async createMissingTopics(topology: Topology = this.topology()): Promise<void> {
    const { sources, sinks, journal } = topology;
    const apart = [...deadLetterTopics(topology), ...retryTopics(topology)];
    for (const topic of new Set([...sources, ...sinks, ...apart]))
      await this.createTopic(topic).catch(unlessItExists);
    const configs = { 'max.message.bytes': String(16 * 1024 * 1024) };
    await this.createTopic(journal, configs).catch(unlessItExists);
  }

  createTopic(logical: string, configs: Readonly<Record<string, string>> = {}): Promise<void> {
    const name = this.names.physical(logical);
    return this.admin.createTopic({ name, partitions: PARTITIONS, replicationFactor: 1, configs });
  }

  /** Starts the application in this process. */
  run(options: RunOptions = {}): EngineRun {
    const run = new EngineRun(this, options);
    this.#runs.push(run);
    return run;
  }

  /** Starts it, and waits until it owns and runs every task. */
  async running(options: RunOptions = {}): Promise<EngineRun> {
    const run = this.run(options);
    await run.ready();
    return run;
  }

  topology(definition: Partial<TopologyDefinition> = {}): Topology {
    return buildTopology({ ...this.application.definition, ...definition });
  }

  partitionOf(key: string): number {
    return partitionOf(Buffer.from(key), PARTITIONS);
  }

  /** What a foreign producer would send for an event. */
  recordOf(event: EventRecord): RecordToSend {
    const { event_type, correlation_id: key } = event.envelope;
    const { topic, record } = this.topology().events.get(event_type) ?? {};
    if (topic === undefined || record === undefined) throw new Error(`No event ${event_type}.`);
    return {
      topic: this.names.physical(topic),
      partition: this.partitionOf(key),
      key: Buffer.from(key),
      value: this.codec.encode(topic, record, event),
      headers: eventHeaders(event.envelope),
    };
  }

  publish(...events: readonly EventRecord[]): Promise<void> {
    return this.send(...events.map((event) => this.recordOf(event)));
  }

  /** Sends until the broker has confirmed it; what it may have taken twice carries the same event id. */
  send(...records: readonly RecordToSend[]): Promise<void> {
    return this.sendWithin(20_000, records);
  }

  /** As `send`, with a deadline of its own. */
  async sendWithin(deadlineMs: number, records: readonly RecordToSend[]): Promise<void> {
    let left = records;
    const areTaken = async (): Promise<boolean> => {
      const confirmed = (await this.producer.send(left)).filter(isConfirmed);
      const done = new Set(confirmed.map((each) => `${each.topic}/${each.partition}`));
      left = left.filter(({ topic, partition }) => !done.has(`${topic}/${partition}`));
      return left.length === 0;
    };
    await eventually('the broker takes the records', areTaken, deadlineMs);
  }

  /** Everything on a topic now, partition by partition. */
  async read(logical: string): Promise<readonly ReadRecord[]> {
    const topic = this.names.physical(logical);
    const bounds = await this.admin.offsets(topic);
    const all: ReadRecord[] = [];
    for (const [partition, { start, end }] of bounds.entries()) {
      for (let offset = start; offset < end;) {
        const [fetched] = await this.#reader.fetch([{ topic, partition, offset }], {
          maxWaitMs: 500,
        });
        all.push(...(fetched?.records ?? []).map((record) => this.#decode(record)));
        offset = fetched?.nextOffset ?? offset;
      }
    }
    return all;
  }

  /** A topic as its readers take it: what comes twice from an origin is dropped (J7a). */
  async readOnce(logical: string): Promise<readonly ReadRecord[]> {
    const marks = new Map<string, readonly [number, number]>();
    return (await this.read(logical)).filter(({ headers, partition }) => {
      const origin = originOf(headers);
      if (origin === null) return true;
      const from = `${partition}|${origin.application}|${origin.task}`;
      const [n, index] = marks.get(from) ?? [0, -1];
      if (origin.n < n || (origin.n === n && origin.index <= index)) return false;
      marks.set(from, [origin.n, origin.index]);
      return true;
    });
  }

  async journal(partition: number): Promise<readonly (readonly [number, JournalEntry])[]> {
    const records = await this.read(this.#journal);
    return records
      .filter((record) => record.partition === partition)
      .map((record) => [record.offset, this.#entry(record)] as const);
  }

  /** What a new owner would make of a partition's journal. */
  async restored(partition: number): Promise<JournalReader> {
    const reader = new JournalReader();
    for (const [offset, entry] of await this.journal(partition)) reader.read(offset, entry);
    return reader;
  }

  /** States of an actor over all tasks, by key, as the journals have them. */
  async states(actor: string): Promise<ReadonlyMap<string, unknown>> {
    const all = new Map<string, unknown>();
    for (let partition = 0; partition < PARTITIONS; partition++)
      for (const [key, { json }] of (await this.restored(partition)).state.states.get(actor) ?? [])
        all.set(key, JSON.parse(json));
    return all;
  }

  async appendToJournal(partition: number, record: string, entry: unknown): Promise<number> {
    const value = this.codec.encode(this.#journal, record, entry);
    const topic = this.names.physical(this.#journal);
    const [result] = await this.producer.send([
      { topic, partition, key: null, value, headers: {} },
    ]);
    if (result?.result !== 'confirmed') throw new Error(`Not appended: ${JSON.stringify(result)}`);
    return result.baseOffset;
  }

  get #journal(): string {
    return this.topology().journal;
  }

  /** Ends what runs, and removes the topics. */
  async end(): Promise<void> {
    await Promise.all(this.#runs.map((run) => run.stop('leave')));
    const own = (await this.admin.listTopics()).filter((name) =>
      name.startsWith(this.names.prefix),
    );
    await this.admin.deleteTopics(own);
    await this.close();
  }

  /** Leaves the topics to the fixture that they are of too. */
  async close(): Promise<void> {
    await Promise.all([this.producer.close(), this.#reader.close(), this.admin.close()]);
  }

  #decode(record: FetchedRecord): ReadRecord {
    try {
      const decoded = record.value === null ? null : this.codec.decode(record.value).value;
      return { ...record, decoded };
    } catch {
      return { ...record, decoded: record.value };
    }
  }

  #entry(record: FetchedRecord): JournalEntry {
    const { record: name, value } = this.codec.decode(record.value ?? new Uint8Array());
    if (name === JOURNAL_RECORD.batch) return { kind: 'batch', batch: value as Batch };
    if (name === JOURNAL_RECORD.fence)
      return { kind: 'fence', fence: value as Extract<JournalEntry, { kind: 'fence' }>['fence'] };
    return { kind: 'anchor', anchor: value as Extract<JournalEntry, { kind: 'anchor' }>['anchor'] };
  }
}

function unlessItExists(error: unknown): void {
  if (!(error instanceof KafkaError) || error.code !== 'TOPIC_ALREADY_EXISTS') throw error;
}

function isConfirmed(result: SendResult): boolean {
  return result.result === 'confirmed';
}

export function withHeaders(record: RecordToSend, headers: Headers): RecordToSend {
  return { ...record, headers: { ...record.headers, ...headers } };
}
