import { AvroCodec, BOT_RECORDS } from '../../avro/index.ts';
import type { ProducerMark } from '../../engine/journal.ts';
import { producerOf, takeSequence } from '../../engine/producer-marks.ts';
import type { FetchedRecord, KafkaClient } from '../../kafka/client.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { readRange } from '../../kafka/read-range.ts';

const PARTITIONS = 4;

/** A topic `orders` of a test's own, behind a prefix of its own, and what stands on it. */
export interface BotTopic {
  readonly prefix: string;
  readonly codec: AvroCodec;
  /** Everything that was written, in the order of each partition. */
  records(): Promise<readonly FetchedRecord[]>;
  /** What the server keeps of it: each place of a producer once (J7a). */
  kept(): Promise<readonly FetchedRecord[]>;
  close(): Promise<void>;
}

/** Creates it. Throws: when broker or registry is away. */
export async function createBotTopic(
  broker: string,
  registryUrl: string,
  prefix = `bots-${crypto.randomUUID()}.`,
): Promise<BotTopic> {
  const client = platformaticClient({ brokers: [broker], clientId: 'bot-topic' });
  const admin = client.admin();
  const settings = { partitions: PARTITIONS, replicationFactor: 1, configs: {} };
  const topics = [`${prefix}orders`, `${prefix}orders.sent`];
  for (const name of topics) await admin.createTopic({ name, ...settings });
  const codec = AvroCodec.reading({ subjects: BOT_RECORDS, registryUrl });
  const records = () => readAll(client, `${prefix}orders`);
  return {
    prefix,
    codec,
    records,
    kept: async () => keptOf(await records()),
    close: async () => {
      await admin.deleteTopics(topics);
      await admin.close();
    },
  };
}

/** All records of a topic as it is now. */
export async function readAll(
  client: KafkaClient,
  topic: string,
): Promise<readonly FetchedRecord[]> {
  const admin = client.admin();
  const reader = client.reader();
  try {
    const found: FetchedRecord[] = [];
    const { signal } = new AbortController();
    for (const [partition, { start, end }] of (await admin.offsets(topic)).entries()) {
      const range = { reader, topic, partition, from: start, until: end, signal };
      await readRange(range, (record) => void found.push(record));
    }
    return found;
  } finally {
    await reader.close();
    await admin.close();
  }
}

/** What passes the server's marks. */
export function keptOf(records: readonly FetchedRecord[]): readonly FetchedRecord[] {
  const marks = new Map<string, ProducerMark>();
  return records.filter((record) => {
    const place = producerOf(record.headers);
    if (place === null) return true;
    const key = `${record.partition}/${place.producer}`;
    const { mark } = takeSequence(marks.get(key), record.topic, place, 0);
    if (mark !== null) marks.set(key, mark);
    return mark !== null;
  });
}

/** event_id of each. */
export function idsOf(records: readonly FetchedRecord[]): readonly string[] {
  return records.map(({ headers }) => headers['event_id'] ?? '');
}
