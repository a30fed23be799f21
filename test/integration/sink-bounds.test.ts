import { Redis } from 'ioredis';
import pg from 'pg';
import { afterEach, expect, it } from 'vitest';
import { redisPart, redisUrl } from '../../cli/stack/redis.ts';
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
import type { KafkaClient, RecordToSend } from '../../kafka/client.ts';
import { SHELL_LIMITS } from '../../kafka/limits.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { Sink, type SinkTarget, type SinkWaiting } from '../../kafka/sink.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { botEventWith } from '../support/bot-events.ts';
import { BotRig } from '../support/bot-rig.ts';
import { eventually } from '../support/eventually.ts';
import { createDatabase, ownServer } from './own-servers.ts';

/*
 * Stores that hang while more comes in than a sink may hold. What it has fetched stays below its limit, and when the
 * store goes on, everything is there once.
 */

const PARTITIONS = 2;
/** Half as much again as may wait, in records of an eighth of a megabyte. */
const RECORDS = (1.5 * SHELL_LIMITS.sinkBytes) / (128 * 1024);
const LONG_TEXT = 'x'.repeat(128 * 1024);
const LIMIT_MS = 120_000;
const quiet = { info: () => {}, warn: () => {}, error: () => {} };

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** What a sink held, at its worst. */
class Held {
  records = 0;
  bytes = 0;
  readonly note = (_sink: string, { records, bytes }: SinkWaiting): void => {
    this.records = Math.max(this.records, records);
    this.bytes = Math.max(this.bytes, bytes);
  };
}

interface Rig {
  readonly names: TopicNames;
  readonly kafka: KafkaClient;
  readonly codec: AvroCodec;
  carry(target: SinkTarget, held: Held): Sink;
  send(records: readonly RecordToSend[]): Promise<void>;
}

async function rigFor(name: string, topics: readonly string[]): Promise<Rig> {
  const names = new TopicNames(`${name}-${crypto.randomUUID().slice(0, 8)}.`);
  const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
  const kafka = platformaticClient({ brokers, clientId: name });
  const admin = kafka.admin();
  for (const topic of topics)
    await admin.createTopic({
      ...{ name: names.physical(topic), partitions: PARTITIONS, replicationFactor: 1 },
      configs: {},
    });
  await admin.close();
  const registryUrl = process.env['SCHEMA_REGISTRY_URL'] ?? '';
  const subjects = CATALOGUE_RECORDS;
  const codec = await AvroCodec.start({ registryUrl, topicPrefix: names.prefix, subjects });
  const producer = kafka.producer();
  endings.push(() => producer.close());
  return {
    ...{ names, kafka, codec },
    carry(target, held) {
      const common = { reader: kafka.reader(), names, log: quiet, onWaiting: held.note };
      const sink = new Sink({ target, partitions: [0, 1], ...common });
      endings.push(() => sink.stop());
      return sink;
    },
    send: (records) => sendEach(records, (record) => producer.send([record])),
  };
}

/** One by one: a record of this size is a batch. */
async function sendEach(
  records: readonly RecordToSend[],
  send: (record: RecordToSend) => Promise<readonly { readonly result: string }[]>,
): Promise<void> {
  for (const record of records) expect((await send(record))[0]?.result).toBe('confirmed');
}

/** A table that every insert waits for, until it is let go. */
async function lockedTable(url: string, table: string): Promise<{ release(): Promise<void> }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('BEGIN');
  await client.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  let isHeld = true;
  const release = async (): Promise<void> => {
    if (!isHeld) return;
    isHeld = false;
    await client.query('COMMIT');
    await client.end();
  };
  endings.push(release);
  return { release };
}

/** All has come in while the store hung, and no more was held than may be. */
function expectBounded({ bytes, records }: Held): void {
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThanOrEqual(SHELL_LIMITS.sinkBytes);
  expect(records).toBeLessThan(RECORDS);
}

it(
  'K-09 the event store hangs: its sink holds no more than sinkBytes, and stores each event once',
  async () => {
    const rig = await rigFor('bound-events', STORED_TOPICS);
    const database = await createDatabase('bound_events');
    endings.push(() => database.drop());
    await migrate(database.url);
    const store = new EventStore(database.url);
    endings.push(() => store.close());
    const records = Array.from({ length: RECORDS }, (): RecordToSend => {
      const intentId = crypto.randomUUID();
      const event = envelope(
        'risk.rejected',
        { intentId, approved: false, reason: LONG_TEXT, code: 'NOTIONAL_LIMIT' },
        { correlationId: newCorrelationId(intentId), sequence: 2 },
      );
      const { topic, record } = eventDefinition('risk.rejected');
      const key = Buffer.from(event.envelope.correlation_id);
      const value = rig.codec.encode(topic, record, event);
      const partition = partitionOf(key, PARTITIONS);
      const headers = eventHeaders(event.envelope);
      return { topic: rig.names.physical(topic), partition, key, value, headers };
    });
    const seen = { seen: () => Promise.resolve() };
    const lock = await lockedTable(database.url, 'events');
    const held = new Held();
    rig.carry(eventStoreSink({ store, seen, codec: rig.codec, log: quiet }), held);
    await rig.send(records);
    await eventually('the sink has met the lock', () => held.records > 0);
    await lock.release();
    const stored = async (): Promise<number> =>
      Number((await database.query<{ n: string }>('SELECT count(*) AS n FROM events'))[0]?.n);
    await eventually('all are stored', async () => (await stored()) >= RECORDS, 60_000);
    expect(await stored()).toBe(RECORDS);
    expectBounded(held);
  },
  LIMIT_MS,
);

it(
  'K-09 the store of bots hangs: its sink holds no more than sinkBytes, and stores each event once',
  async () => {
    const rig = await BotRig.open('bound-bots');
    endings.push(() => rig.close());
    const records = Array.from({ length: RECORDS }, () =>
      rig.avro(botEventWith('order_failed', { note: LONG_TEXT })),
    );
    const lock = await lockedTable(rig.database.url, 'bot_events');
    const held = new Held();
    const sink = rig.sink(rig.store, held.note);
    endings.push(() => sink.stop());
    await sendEach(records, (record) => rig.producer.send([record]));
    await eventually('the sink has met the lock', () => held.records > 0);
    // Meanwhile it could have read them too.
    expect(await rig.recordsOf('orders')).toHaveLength(RECORDS);
    await lock.release();
    await eventually('all are stored', () => rig.isDrained(), 60_000);
    const [row] = await rig.database.query<{ n: string }>('SELECT count(*) AS n FROM bot_events');
    expect(Number(row?.n)).toBe(RECORDS);
    expectBounded(held);
  },
  LIMIT_MS,
);

it(
  'K-09 Redis hangs: the projector holds no more than sinkBytes, and every key is there afterwards',
  async () => {
    const server = await ownServer(redisPart);
    endings.push(() => server.remove());
    await server.start();
    const rig = await rigFor('bound-models', ['rm.intent', 'rm.plan', 'rm.positions']);
    const writer = await ReadModelWriter.open(redisUrl(server.port));
    endings.push(() => writer.close());
    const summary = {
      ...{ strategy_id: LONG_TEXT, base: 'WETH', quote: 'USDC', amount_in: '1' },
      ...{ notional_usd: '1', max_slippage: '0', amount_out: null, tx_hash: null },
      ...{ reason: null, code: null, failed_stage: null },
    };
    const records = Array.from({ length: RECORDS }, (_, index): RecordToSend => {
      const key = Buffer.from(`bound-${index}`);
      const model = { state: 'Accepted', last_event_time: 't', latest_plan_id: null, summary };
      return {
        topic: rig.names.physical('rm.intent'),
        partition: partitionOf(key, PARTITIONS),
        key,
        value: rig.codec.encode('rm.intent', 'millrace.readmodel.v1.Intent', model),
        headers: { origin: `state-coordinator/0/${index + 1}/0` },
      };
    });
    const held = new Held();
    const target = readModelProjector(writer, rig.codec);
    const sink = rig.carry(target, held);
    // It stands at its positions, and so has what comes in its hands when the store hangs.
    await rig.send(records.slice(0, 1));
    const redis = new Redis(redisUrl(server.port));
    endings.push(() => redis.quit());
    const keys = async (): Promise<number> => (await redis.keys('intent:bound-*')).length;
    await eventually('the first is projected', async () => (await keys()) === 1);
    server.signal('SIGSTOP');
    endings.push(async () => server.signal('SIGCONT'));
    await rig.send(records.slice(1));
    await eventually('the projector has met it', () => sink.failure !== null, 60_000);
    server.signal('SIGCONT');
    await eventually('all are projected', async () => (await keys()) === RECORDS, 60_000);
    await eventually('the projector goes on', () => sink.failure === null);
    expectBounded(held);
  },
  LIMIT_MS,
);
