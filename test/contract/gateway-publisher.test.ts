import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AvroCodec, CATALOGUE_RECORDS, envelope, newCorrelationId } from '../../avro/index.ts';
import type { EventRecord } from '../../engine/event.ts';
import {
  type BatchingPublisher,
  createBatchingPublisher,
  PublishError,
} from '../../gateway/index.ts';
import type { FetchedRecord, KafkaAdmin, KafkaClient, PlainProducer } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';

const PARTITIONS = 4;
const READ_LIMIT_MS = 20_000;
const topicPrefix = `gateway-${randomUUID().slice(0, 8)}.`;
const topic = `${topicPrefix}intents`;

let client: KafkaClient;
let admin: KafkaAdmin;
let producer: PlainProducer;
let codec: AvroCodec;
let publisher: BatchingPublisher;

function intentSubmitted(): EventRecord {
  const intentId = randomUUID();
  const payload = {
    intentId,
    strategyId: 's',
    base: 'WETH',
    quote: 'USDC',
    amount_in: '1',
    notional_usd: '3000',
    max_slippage: '0.01',
    priority: 5,
    metadata: null,
  };
  const correlationId = newCorrelationId(intentId);
  return envelope('intent.submitted', payload, { correlationId, sequence: 1 });
}

/** Everything that stands on the topic. */
async function readAll(): Promise<readonly FetchedRecord[]> {
  const ends = await admin.offsets(topic);
  const next = ends.map(() => 0);
  const records: FetchedRecord[] = [];
  const reader = client.reader();
  const deadline = Date.now() + READ_LIMIT_MS;
  while (ends.some(({ end }, partition) => (next[partition] ?? 0) < end)) {
    if (Date.now() > deadline) throw new Error(`read up to ${next.join()} only`);
    const positions = next.map((offset, partition) => ({ topic, partition, offset }));
    for (const part of await reader.fetch(positions, { maxWaitMs: 500 })) {
      records.push(...part.records);
      next[part.partition] = part.nextOffset;
    }
  }
  await reader.close();
  return records;
}

beforeAll(async () => {
  const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
  client = platformaticClient({ brokers, clientId: 'gateway-contract' });
  admin = client.admin();
  await admin.createTopic({
    name: topic,
    partitions: PARTITIONS,
    replicationFactor: 1,
    configs: {},
  });
  codec = await AvroCodec.start({
    registryUrl: process.env['SCHEMA_REGISTRY_URL'] ?? '',
    topicPrefix,
    subjects: CATALOGUE_RECORDS.filter((record) => record.topic === 'intents'),
  });
  producer = client.producer();
  publisher = createBatchingPublisher({
    producer,
    codec,
    topicPrefix,
    partitions: PARTITIONS,
    partitionOf,
  });
});

afterAll(async () => {
  await publisher?.close();
  await producer?.close();
  await admin?.deleteTopics([topic]);
  await admin?.close();
});

describe('publishing intents to a real broker', () => {
  it('B-24 has each acknowledged event once on the topic, in the partition of its key', async () => {
    const events = Array.from({ length: 300 }, intentSubmitted);
    await Promise.all(events.map((event) => publisher.publish(event)));
    const records = await readAll();
    const ids = records.map(({ headers }) => headers['event_id']);
    expect(ids.sort()).toEqual(events.map((event) => event.envelope.event_id).sort());
    for (const { key, partition, value, headers } of records) {
      expect(partition).toBe(partitionOf(key ?? new Uint8Array(), PARTITIONS));
      const event = codec.decode(value ?? new Uint8Array()).value as EventRecord;
      expect(event.envelope.event_id).toBe(headers['event_id']);
      expect(Buffer.from(key ?? []).toString()).toBe(event.envelope.correlation_id);
    }
  });

  it('rejects within its limit when no broker is there', async () => {
    const away = platformaticClient({ brokers: ['127.0.0.1:1'], clientId: 'gateway-away' });
    const lonely = away.producer();
    const options = { codec, topicPrefix, partitions: PARTITIONS, partitionOf };
    const unreachable = createBatchingPublisher({
      ...options,
      producer: lonely,
      requestTimeoutMs: 2_000,
    });
    const failure = await unreachable.publish(intentSubmitted()).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PublishError);
    expect(failure).toMatchObject({ code: 'BROKER_AWAY', delivery: 'unknown' });
    await lonely.close();
  });
});
