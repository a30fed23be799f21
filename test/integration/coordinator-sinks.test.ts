import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventStoreSink, STORED_TOPICS } from '../../apps/event-store-sink.ts';
import { readModelProjector } from '../../apps/read-model-projector.ts';
import {
  AvroCodec,
  CATALOGUE_RECORDS,
  envelope,
  eventDefinition,
  eventHeaders,
  newCorrelationId,
} from '../../avro/index.ts';
import { EventStore, migrate } from '../../connectors/postgres/index.ts';
import { ReadModelWriter } from '../../connectors/redis/index.ts';
import type { EventRecord, Headers } from '../../engine/event.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { Log } from '../../kafka/log.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { Sink, type SinkTarget } from '../../kafka/sink.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { createDatabase, type OwnDatabase } from './own-servers.ts';

const PARTITIONS = 2;
const names = new TopicNames(`sinks-${process.pid}.`);
const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const redisUrl = `${process.env['REDIS_URL']}/9`;

let kafka: KafkaClient;
let codec: AvroCodec;
let database: OwnDatabase;
let store: EventStore;
let writer: ReadModelWriter;
let redis: Redis;

beforeAll(async () => {
  const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
  kafka = platformaticClient({ brokers, clientId: 'sinks' });
  const admin = kafka.admin();
  for (const topic of [...STORED_TOPICS, 'rm.intent', 'rm.plan', 'rm.positions'])
    await admin.createTopic({
      name: names.physical(topic),
      partitions: PARTITIONS,
      replicationFactor: 1,
      configs: topic.startsWith('rm.') ? { 'cleanup.policy': 'compact' } : {},
    });
  await admin.close();
  const registryUrl = process.env['SCHEMA_REGISTRY_URL'] ?? '';
  codec = await AvroCodec.start({
    registryUrl,
    topicPrefix: names.prefix,
    subjects: CATALOGUE_RECORDS,
  });
  database = await createDatabase('sinks');
  await migrate(database.url);
  store = new EventStore(database.url);
  redis = new Redis(redisUrl);
  await redis.flushdb();
  writer = await ReadModelWriter.open(redisUrl);
});

afterAll(async () => {
  await store.close();
  await writer.close();
  await redis.quit();
  await database.drop();
});

/** Runs a sink until the condition holds. */
async function carrying(target: SinkTarget, until: () => Promise<boolean>): Promise<void> {
  const reader = kafka.reader();
  const sink = new Sink({ target, reader, names, partitions: [0, 1], log: quiet });
  const deadline = performance.now() + 15_000;
  try {
    while (!(await until())) {
      if (performance.now() > deadline) throw sink.failure ?? new Error('the condition never held');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    await sink.stop();
  }
}

async function send(topic: string, key: string, value: Uint8Array | null, headers: Headers = {}) {
  const producer = kafka.producer();
  const bytes = Buffer.from(key);
  const partition = partitionOf(bytes, PARTITIONS);
  const record = { topic: names.physical(topic), partition, key: bytes, value, headers };
  const [result] = await producer.send([record]);
  await producer.close();
  expect(result?.result).toBe('confirmed');
}

function risk(index: number): EventRecord {
  const intentId = crypto.randomUUID();
  return envelope(
    'risk.approved',
    { intentId, approved: true },
    { correlationId: newCorrelationId(intentId), causationId: 'cause', sequence: index },
  );
}

async function publish(event: EventRecord): Promise<void> {
  const { topic, record } = eventDefinition(event.envelope.event_type);
  const value = codec.encode(topic, record, event);
  await send(topic, event.envelope.correlation_id, value, eventHeaders(event.envelope));
}

const rows = async (): Promise<number> =>
  Number((await database.query<{ n: string }>('SELECT count(*) AS n FROM events'))[0]?.n);

/** Records on all topics that are stored. */
async function published(): Promise<number> {
  const admin = kafka.admin();
  const bounds = await Promise.all(
    STORED_TOPICS.map((topic) => admin.offsets(names.physical(topic))),
  );
  await admin.close();
  return bounds.flat().reduce((sum, { end }) => sum + end, 0);
}

const eventStore = (log: Log = quiet): SinkTarget =>
  eventStoreSink({ store, seen: writer, codec, log });

describe('the event store sink', () => {
  it('B-66 K-09 stores each distinct event once, also over a restart', async () => {
    const events = Array.from({ length: 20 }, (_, index) => risk(index + 1));
    for (const event of events.slice(0, 12)) await publish(event);
    await carrying(eventStore(), async () => (await rows()) >= 12);
    for (const event of events.slice(8)) await publish(event);
    await carrying(eventStore(), async () => {
      const ends = await store.positions('event-store');
      const read = ends.reduce((sum, { next }) => sum + next, 0);
      return read >= 12 + 12;
    });
    expect(await rows()).toBe(20);
  });

  it('B-36 stores an event once, however long after it comes again', async () => {
    const event = risk(1);
    const before = await rows();
    await publish(event);
    await carrying(eventStore(), async () => (await rows()) === before + 1);
    // Its note has lapsed, as after 7 days, and whatever comes behind it has been stored.
    await redis.flushdb();
    const later = risk(2);
    await publish(event);
    await publish(later);
    const again = { ...event, envelope: { ...event.envelope, occurred_at: 1_900_000_000_000_000 } };
    await publish(again);
    await carrying(eventStore(), async () => {
      const ends = await store.positions('event-store');
      return ends.reduce((sum, { next }) => sum + next, 0) >= (await published());
    });
    const { event_id: eventId } = event.envelope;
    const found = await database.query('SELECT time FROM events WHERE event_id = $1', [eventId]);
    expect([found.length, await rows()]).toEqual([1, before + 2]);
  });

  it('B-65 notes in Redis what is stored, after it is', async () => {
    const event = risk(1);
    await publish(event);
    const key = `events:seen:${event.envelope.event_id}`;
    await carrying(eventStore(), async () => (await redis.exists(key)) === 1);
    const found = await database.query('SELECT 1 FROM events WHERE event_id = $1', [
      event.envelope.event_id,
    ]);
    expect(found).toHaveLength(1);
    expect(await redis.ttl(key)).toBeGreaterThan(6 * 24 * 3600);
  });

  it('B-85 passes over bytes that are no event and what Postgres cannot hold, and names each', async () => {
    const before = await rows();
    const headers = { event_type: 'risk.approved', correlation_id: 'intent-1', event_id: 'e-1' };
    await send('risk', 'garbage', Buffer.from('no event'), headers);
    const intentId = crypto.randomUUID();
    const unstorable = envelope(
      'risk.rejected',
      { intentId, approved: false, reason: 'nul \u0000', code: 'NOTIONAL_LIMIT' },
      { correlationId: newCorrelationId(intentId), sequence: 2 },
    );
    await publish(unstorable);
    await publish(risk(1));
    const lines: object[] = [];
    const note = (fields: object): void => void lines.push(fields);
    const log = { info: note, warn: note, error: note };
    await carrying(eventStore(log), async () => (await rows()) > before);
    expect(await rows()).toBe(before + 1);
    const { event_type: topic, correlation_id, event_id } = unstorable.envelope;
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          topic: 'risk.approved',
          correlationId: 'intent-1',
          eventId: 'e-1',
          code: 'UNDECODABLE',
        }),
        { topic, correlationId: correlation_id, eventId: event_id },
      ]),
    );
  });
});

const SUMMARY = {
  strategy_id: 's',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '1',
  notional_usd: '1',
  max_slippage: '0',
  amount_out: null,
  tx_hash: null,
  reason: null,
  code: null,
  failed_stage: null,
};

function intent(state: string): Uint8Array {
  const value = { state, last_event_time: 't', latest_plan_id: null, summary: SUMMARY };
  return codec.encode('rm.intent', 'millrace.readmodel.v1.Intent', value);
}

const origin = (n: number): Headers => ({ origin: `state-coordinator/0/${n}/0` });
const stateOf = async (id: string): Promise<string | undefined> =>
  (JSON.parse((await redis.get(`intent:${id}`)) ?? '{}') as { state?: string }).state;

describe('the read-model projector', () => {
  const projector = (): SinkTarget => readModelProjector(writer, codec);

  it('K-08 B-79 projects the newest value, without a time to live', async () => {
    await send('rm.intent', 'one', intent('Submitted'), origin(1));
    await send('rm.intent', 'one', intent('Completed'), origin(5));
    await send('rm.intent', 'one', intent('Accepted'), origin(3));
    await send('rm.intent', 'end', intent('Failed'), origin(6));
    await carrying(projector(), async () => (await stateOf('end')) === 'Failed');
    expect(await stateOf('one')).toBe('Completed');
    expect(await redis.ttl('intent:one')).toBe(-1);
    expect(Object.keys(JSON.parse((await redis.get('intent:one')) ?? '{}') as object)).toEqual([
      'state',
      'last_event_time',
      'latest_plan_id',
      'summary',
    ]);
  });

  it('K-08 removes a key by a tombstone', async () => {
    await send('rm.intent', 'gone', intent('Submitted'), origin(7));
    await carrying(projector(), async () => (await stateOf('gone')) === 'Submitted');
    await send('rm.intent', 'gone', null);
    await carrying(projector(), async () => (await redis.exists('intent:gone')) === 0);
  });

  it('gives byte-equal values after a flush, both cold and while it runs', async () => {
    const dump = async (): Promise<string[]> => {
      const keys = (await redis.keys('intent:*')).sort();
      return Promise.all(keys.map(async (key) => `${key} ${await redis.get(key)}`));
    };
    const before = await dump();
    expect(before.length).toBeGreaterThan(1);
    const isBack = async (): Promise<boolean> => (await dump()).length === before.length;
    await redis.flushdb();
    await carrying(projector(), isBack);
    expect(await dump()).toEqual(before);
    let flushed = false;
    await carrying(projector(), async () => {
      if (!flushed) await redis.flushdb();
      flushed = true;
      return isBack();
    });
    expect(await dump()).toEqual(before);
  });
});
