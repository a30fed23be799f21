import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AvroCodec, CATALOGUE_RECORDS, eventDefinition, eventHeaders } from '../../avro/index.ts';
import type { Letter } from '../../cli/dlq/letters.ts';
import { runCommand } from '../../cli/main.ts';
import type { EventRecord } from '../../engine/event.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { eventually } from '../support/eventually.ts';
import { lifeOf } from '../support/intent-life.ts';
import { type IntentValue, SystemClient } from './system-client.ts';
import { startSystem, type System } from './system-fixture.ts';

/* The coordinator by itself, with the gateway to read through: nobody but the test writes events. */

const REORDER_WAIT_MS = 1_000;

let system: System;
let kafka: KafkaClient;
let client: SystemClient;

beforeAll(async () => {
  system = await startSystem('coordinator', {
    apps: ['gateway', 'coordinator'],
    env: { REORDER_WAIT_MS: String(REORDER_WAIT_MS) },
  });
  const { brokers } = system.config.kafka;
  kafka = platformaticClient({ brokers, clientId: 'coordinator-test' });
  client = new SystemClient(system, kafka);
}, 60_000);

afterAll(async () => {
  await system?.stop();
});

async function publish(...events: readonly EventRecord[]): Promise<void> {
  const { partitions, topicPrefix } = system.config.kafka;
  const { registryUrl } = system.config.stores;
  const codec = await AvroCodec.start({ registryUrl, topicPrefix, subjects: CATALOGUE_RECORDS });
  const producer = kafka.producer();
  for (const event of events) {
    const { topic, record } = eventDefinition(event.envelope.event_type);
    const key = Buffer.from(event.envelope.correlation_id);
    const value = codec.encode(topic, record, event);
    const headers = eventHeaders(event.envelope);
    const place = { topic: system.names.physical(topic), partition: partitionOf(key, partitions) };
    const [result] = await producer.send([{ ...place, key, value, headers }]);
    expect(result?.result).toBe('confirmed');
  }
  await producer.close();
}

async function stateOf(intentId: string): Promise<string | null> {
  const { status, text } = await client.get(`/intents/${intentId}`);
  return status === 200 ? (JSON.parse(text) as IntentValue).state : null;
}

const rowsOf = async (eventId: string): Promise<number> =>
  (await system.database.query('SELECT 1 FROM events WHERE event_id = $1', [eventId])).length;

/** A command as its users run it, but for a process of its own. */
async function millrace<Answer>(...args: readonly string[]): Promise<Answer> {
  const out: string[] = [];
  const err: string[] = [];
  const lines = { out: (line: string) => out.push(line), err: (line: string) => err.push(line) };
  const code = await runCommand([...args, '--json'], { ...lines, env: system.env });
  expect([code, err]).toEqual([0, []]);
  return JSON.parse(out.join('\n')) as Answer;
}

it('B-74 sets aside what waits too long for a sequence, stores it, and applies it when redriven', async () => {
  const id = crypto.randomUUID();
  const [one, two, three] = lifeOf(id) as [EventRecord, EventRecord, EventRecord];
  await publish(one, three);
  const set = await eventuallyOne('the third is set aside', async () => {
    const topics = await millrace<{ topics: { topic: string; letters: number }[] }>('dlq', 'list');
    return topics.topics.filter(({ letters }) => letters > 0);
  });
  expect(set.topic).toBe('dlq.intent.accepted');
  const { letters } = await millrace<{ letters: readonly Letter[] }>('dlq', 'peek', set.topic);
  expect(letters).toMatchObject([
    { event_id: three.envelope.event_id, error: 'SEQUENCE_GAP', application: 'state-coordinator' },
  ]);
  await eventually('it is stored', async () => (await rowsOf(three.envelope.event_id)) === 1);
  expect(await stateOf(id)).toBe('Submitted');
  await publish(two);
  await eventually('the second is stored', async () => (await rowsOf(two.envelope.event_id)) === 1);
  const redriven = await millrace<{ sent: string[]; left: unknown[] }>('dlq', 'redrive', set.topic);
  expect(redriven).toMatchObject({ sent: [letters[0]?.id], left: [] });
  await eventually('the intent goes on', async () => (await stateOf(id)) === 'Accepted');
});

it('B-68 stores and counts what is illegal in its turn, and ignores it', async () => {
  const id = crypto.randomUUID();
  const events = lifeOf(id, { latePlans: 1 });
  await publish(...events);
  const late = events.at(-1)?.envelope.event_id ?? '';
  await eventually('it is stored', async () => (await rowsOf(late)) === 1);
  const counter = 'millrace_illegal_transitions_total{type="plan.created"}';
  await eventually(
    'it is counted',
    async () => (await client.metric('coordinator', counter)) === 1,
  );
  await eventually('the intent has ended', async () => (await stateOf(id)) === 'Completed');
});

it('B-70 B-78 keeps what the intents of each strategy came to, in Redis', async () => {
  const desks = { one: crypto.randomUUID(), other: crypto.randomUUID() };
  const lives = [
    lifeOf(crypto.randomUUID(), { strategyId: desks.one }),
    lifeOf(crypto.randomUUID(), { strategyId: desks.other }),
    lifeOf(crypto.randomUUID(), { strategyId: desks.one, failed: true }),
  ];
  await publish(...lives.flat());
  const redis = new Redis(system.redisUrl);
  const positions = async (desk: string): Promise<unknown> =>
    JSON.parse((await redis.get(`positions:${desk}`)) ?? 'null');
  const sum = { completed: 1, failed: 1, notional_usd: '300' };
  const net = { net: { USDC: '250', WETH: '-0.1' }, mock_pnl_usd: '0' };
  await eventually('both strategies are told', async () => {
    const [one, other] = await Promise.all([positions(desks.one), positions(desks.other)]);
    return (one as Value | null)?.summary['failed'] === 1 && other !== null;
  });
  expect(await positions(desks.one)).toEqual({
    last_event_time: expect.stringMatching(/^\d{4}-.*\.\d{6}Z$/),
    summary: { ...sum, ...net },
  });
  expect(await positions(desks.other)).toMatchObject({ summary: { ...sum, failed: 0, ...net } });
  const shown = await client.get(`/positions/${desks.one}`);
  expect([shown.status, shown.text]).toEqual([200, await redis.get(`positions:${desks.one}`)]);
  expect(await redis.ttl(`positions:${desks.one}`)).toBe(-1);
  await redis.quit();
});

interface Value {
  readonly summary: Readonly<Record<string, unknown>>;
}

async function eventuallyOne<Item>(
  what: string,
  find: () => Promise<readonly Item[]>,
): Promise<Item> {
  let found: readonly Item[] = [];
  await eventually(what, async () => (found = await find()).length === 1);
  return found[0] as Item;
}
