import { botSink, BOT_SINK_TOPICS } from '../../apps/bot-sink.ts';
import { AvroCodec, BOT_EVENTS, BOT_RECORDS, eventHeaders } from '../../avro/index.ts';
import { BotStore, EventStore, migrate } from '../../connectors/postgres/index.ts';
import type { Headers } from '../../engine/event.ts';
import type { KafkaClient, PlainProducer, RecordToSend } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { Sink, type SinkOptions } from '../../kafka/sink.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { takeBotJson } from '../../processors/bots/index.ts';
import { createDatabase, type OwnDatabase } from '../integration/own-servers.ts';
import { jsonBytes } from './bot-events.ts';
import { eventually } from './eventually.ts';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const PARTITIONS = [0, 1] as const;

function clientOf(clientId: string, brokers: string): KafkaClient {
  return platformaticClient({ brokers: brokers.split(','), clientId });
}

const BROKERS = process.env['KAFKA_BROKERS'] ?? '';

/** Topics, a database and a sink of bots of a test's own. */
export class BotRig {
  readonly names: TopicNames;
  readonly kafka: KafkaClient;
  readonly codec: AvroCodec;
  readonly database: OwnDatabase;
  readonly events: EventStore;
  readonly store: BotStore;
  readonly producer: PlainProducer;

  private constructor(parts: Pick<BotRig, 'names' | 'kafka' | 'codec' | 'database' | 'events'>) {
    this.names = parts.names;
    this.kafka = parts.kafka;
    this.codec = parts.codec;
    this.database = parts.database;
    this.events = parts.events;
    this.store = new BotStore(parts.events.database);
    this.producer = parts.kafka.producer();
  }

  /** `brokers`: others than those of all tests. */
  static async open(name: string, brokers = BROKERS): Promise<BotRig> {
    const prefix = `${name}-${process.pid}-${Date.now() % 100_000}.`;
    const names = new TopicNames(prefix);
    const admin = clientOf(name, brokers).admin();
    for (const { name: topic, created: configs = {} } of BOT_SINK_TOPICS)
      await admin.createTopic({
        name: names.physical(topic),
        partitions: PARTITIONS.length,
        replicationFactor: 1,
        configs,
      });
    await admin.close();
    const database = await createDatabase(name.replaceAll('-', '_'));
    await migrate(database.url);
    return BotRig.#of(prefix, database, brokers);
  }

  /** On the topics and the database of another process's rig, which stay its own. */
  static join(prefix: string, databaseUrl: string): Promise<BotRig> {
    const none = () => Promise.reject(new Error("the database is another rig's"));
    const database = { url: databaseUrl, query: none, drop: async () => {} };
    return BotRig.#of(prefix, database, BROKERS);
  }

  static async #of(topicPrefix: string, database: OwnDatabase, brokers: string): Promise<BotRig> {
    const registryUrl = process.env['SCHEMA_REGISTRY_URL'] ?? '';
    const codec = await AvroCodec.start({ registryUrl, topicPrefix, subjects: BOT_RECORDS });
    const kafka = clientOf('bots', brokers);
    const names = new TopicNames(topicPrefix);
    return new BotRig({ names, kafka, codec, database, events: new EventStore(database.url) });
  }

  async close(): Promise<void> {
    await this.producer.close();
    await this.events.close();
    await this.database.drop();
  }

  /** An event as an SDK puts it on `orders`. */
  avro(event: unknown, extra: Headers = {}): RecordToSend {
    const intake = takeBotJson(jsonBytes(event), { legacy: true });
    if (!intake.ok) throw new Error(intake.rejection.message);
    const record = { ...intake.taken.record, raw: null };
    const { envelope } = record;
    const name = BOT_EVENTS.find(({ type }) => type === envelope.event_type)?.record ?? '';
    const key = Buffer.from(envelope.correlation_id);
    return {
      topic: this.names.physical('orders'),
      partition: partitionOf(key, PARTITIONS.length),
      key,
      value: this.codec.encode('orders', name, record),
      headers: eventHeaders(envelope, extra),
    };
  }

  /** Any bytes on `orders.json`. */
  json(value: unknown, extra: Headers = {}): RecordToSend {
    const topic = this.names.physical('orders.json');
    return { topic, partition: 0, key: null, value: jsonBytes(value), headers: extra };
  }

  async send(...records: RecordToSend[]): Promise<void> {
    const results = await this.producer.send(records);
    const failed = results.find(({ result }) => result !== 'confirmed');
    if (failed) throw new Error(`${failed.topic} did not take a record`);
  }

  /** `store`: that of the rig, or one that fails at times. */
  sink(
    store: Pick<BotStore, keyof BotStore> = this.store,
    onWaiting: NonNullable<SinkOptions['onWaiting']> = () => {},
  ): Sink {
    const { codec, producer, names } = this;
    const observer = { stored: () => {} };
    const target = botSink({ store, codec, producer, names, observer, log: quiet });
    const reader = this.kafka.reader();
    return new Sink({ target, reader, names, partitions: PARTITIONS, log: quiet, onWaiting });
  }

  /** Runs a sink until everything on the topics is stored. */
  async drain(store?: Pick<BotStore, keyof BotStore>): Promise<void> {
    const sink = this.sink(store);
    try {
      await eventually('the sink has stored everything', () => this.isDrained(), 60_000);
    } finally {
      await sink.stop();
    }
  }

  async isDrained(): Promise<boolean> {
    const admin = this.kafka.admin();
    try {
      const positions = await this.store.positions('bot-store');
      if (positions.length === 0) return false;
      for (const { topic, partition, next } of positions) {
        const ends = await admin.offsets(this.names.physical(topic));
        if (next < (ends[partition]?.end ?? 0)) return false;
      }
      return true;
    } finally {
      await admin.close();
    }
  }

  /** All records of a topic, read from its start. */
  async recordsOf(topic: string) {
    const reader = this.kafka.reader();
    const admin = this.kafka.admin();
    try {
      const name = this.names.physical(topic);
      const ends = await admin.offsets(name);
      const records = [];
      for (const [partition, { start, end }] of ends.entries()) {
        for (let offset = start; offset < end;) {
          const [part] = await reader.fetch([{ topic: name, partition, offset }], {
            maxWaitMs: 500,
          });
          records.push(...(part?.records ?? []));
          offset = part?.nextOffset ?? offset;
        }
      }
      return records;
    } finally {
      await reader.close();
      await admin.close();
    }
  }
}
