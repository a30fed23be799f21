import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AvroCodec,
  envelope,
  eventDefinition,
  eventHeaders,
  SchemaRegistry,
} from '../../avro/index.ts';
import { ALL_RECORDS } from '../../apps/records.ts';
import type { EventRecord } from '../../engine/event.ts';
import type { FetchedRecord, KafkaClient } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { connectionsOf } from '../support/connections.ts';
import { eventually } from '../support/eventually.ts';
import { StreamTestClient } from '../support/stream-rig.ts';
import { LIFE, ORDER, SystemClient } from './system-client.ts';
import { APP_NAMES, startSystem, type System } from './system-fixture.ts';

const EVENT_TOPICS = ['intents', 'risk', 'plans', 'exec'];

let system: System;
let kafka: KafkaClient;
let client: SystemClient;
let redis: Redis;

beforeAll(async () => {
  system = await startSystem('main-job', { separate: true, env: { LOG_LEVEL: 'debug' } });
  kafka = platformaticClient({ brokers: system.config.kafka.brokers, clientId: 'main-job' });
  client = new SystemClient(system, kafka);
  redis = new Redis(system.redisUrl);
}, 60_000);

afterAll(async () => {
  await redis?.quit();
  await system?.stop();
});

describe('an intent from POST to exec.completed', () => {
  it('B-24 B-56 B-41 runs through its eight events in order', async () => {
    const intentId = await client.submit();
    const events = await client.history(intentId, 8);
    expect(events.map(({ topic }) => topic)).toEqual(LIFE);
    expect(events.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('B-23 B-39 gives all its events one correlation id, and each its cause', async () => {
    const intentId = await client.submit();
    const events = await client.history(intentId, 8);
    expect(new Set(events.map((event) => event.correlationId))).toEqual(
      new Set([`intent-${intentId}`]),
    );
    const ids = events.map(({ eventId }) => eventId);
    expect(new Set(ids).size).toBe(8);
    events.forEach(({ causationId }, index) => {
      if (index === 0) expect(causationId).toBeNull();
      else expect(ids.indexOf(causationId ?? '')).toBeLessThan(index);
    });
  });

  it('B-72 B-108 has services that speak to the log, the registry and the stores, and never to each other or to a chain', async () => {
    await client.ended(await client.submit());
    const portOf = (url: string | undefined): number => Number(new URL(url ?? '').port);
    const servers = new Set([
      ...system.config.kafka.brokers.map((broker) => portOf(`kafka://${broker}`)),
      portOf(process.env['SCHEMA_REGISTRY_URL']),
      portOf(process.env['DATABASE_URL']),
      portOf(process.env['REDIS_URL']),
    ]);
    for (const app of APP_NAMES) {
      const { listening, opened } = connectionsOf(system.pid(app));
      expect(listening).toContain(system.ports[app]);
      expect([...opened].filter((port) => !servers.has(port))).toEqual([]);
      expect(opened.size).toBeGreaterThan(0);
    }
  });

  it('B-57 B-58 B-59 names one transaction from its submission to the end', async () => {
    const events = await client.history(await client.submit(), 8);
    const [submitted, filled, completed] = events.slice(5).map(({ payload }) => payload);
    expect(submitted?.['txHash']).toMatch(/^0x[0-9a-f]{64}$/);
    expect(filled).toMatchObject({ txHash: submitted?.['txHash'] });
    expect(completed).toMatchObject({
      txHash: filled?.['txHash'],
      amountOut: filled?.['amountOut'],
    });
    const minOut = (events[3]?.payload['steps'] as { min_out: string }[])[0]?.min_out;
    expect(Number(filled?.['amountOut'])).toBeGreaterThanOrEqual(Number(minOut));
  });

  it('B-42 B-76 answers with the bytes of Redis, which have exactly four fields', async () => {
    const intentId = await client.submit();
    const value = await client.ended(intentId);
    expect((await client.get(`/intents/${intentId}`)).text).toBe(
      await redis.get(`intent:${intentId}`),
    );
    expect(Object.keys(value)).toEqual(['state', 'last_event_time', 'latest_plan_id', 'summary']);
    const events = await client.history(intentId, 8);
    expect(value.last_event_time).toBe(events.at(-1)?.timestamp);
  });

  it('B-69 B-77 B-26 keeps the plan with its steps and progress', async () => {
    const { latest_plan_id: planId } = await client.ended(await client.submit());
    const plan = await client.get(`/plans/${planId}`);
    expect(JSON.parse(plan.text)).toMatchObject({
      status: 'completed',
      steps: [{ venue: 'uniswap_v3', base: 'WETH', quote: 'USDC', amount_in: '0.1' }],
      progress: { done: 1, total: 1 },
    });
    expect(plan.text).toBe(await redis.get(`plan:${planId}`));
  });

  it('B-79 keeps intents without a time to live', async () => {
    const intentId = await client.submit();
    await client.ended(intentId);
    expect(await redis.ttl(`intent:${intentId}`)).toBe(-1);
  });
});

describe('refusals of the business', () => {
  it.each([
    ['B-45 takes the limit itself', { notional_usd: '10000' }, 'Completed', null],
    ['B-45 B-48 over the notional', { notional_usd: '10000.01' }, 'Failed', 'NOTIONAL_LIMIT'],
    ['B-46 takes the limit itself', { max_slippage: '0.05' }, 'Completed', null],
    ['B-46 B-48 over the slippage', { max_slippage: '0.0500001' }, 'Failed', 'SLIPPAGE_LIMIT'],
    ['B-54 a pair without a pool', { quote: 'DAI' }, 'Failed', 'UNKNOWN_PAIR'],
  ])('%s', async (_name, changes, state, code) => {
    const value = await client.ended(await client.submit(changes));
    expect(value).toMatchObject({ state, summary: { code } });
  });

  it('B-48 ends a rejected intent at risk: no acceptance, no plan', async () => {
    const intentId = await client.submit({ notional_usd: '99999' });
    expect(await client.ended(intentId)).toMatchObject({ summary: { failed_stage: 'risk' } });
    const events = await client.history(intentId, 2);
    expect(events.map(({ topic }) => topic)).toEqual(['intent.submitted', 'risk.rejected']);
  });
});

async function published(event: EventRecord): Promise<void> {
  const { topicPrefix } = system.config.kafka;
  const { registryUrl } = system.config.stores;
  const codec = await AvroCodec.start({ registryUrl, topicPrefix, subjects: ALL_RECORDS });
  const { topic, record } = eventDefinition(event.envelope.event_type);
  const key = Buffer.from(event.envelope.correlation_id);
  const producer = kafka.producer();
  const [result] = await producer.send([
    {
      topic: system.names.physical(topic),
      partition: partitionOf(key, system.config.kafka.partitions),
      key,
      value: codec.encode(topic, record, event),
      headers: eventHeaders(event.envelope),
    },
  ]);
  await producer.close();
  expect(result?.result).toBe('confirmed');
}

describe('services that meet on topics only', () => {
  it('B-49 plans an intent.accepted that somebody else published', async () => {
    const intentId = crypto.randomUUID();
    const correlationId = `intent-${intentId}`;
    const payload = { intentId, ...ORDER, priority: 5, metadata: null };
    const event = envelope('intent.accepted', payload, {
      correlationId,
      causationId: 'x',
      sequence: 3,
    });
    await published(event);
    await published(event);
    const plans = async (): Promise<readonly FetchedRecord[]> => {
      const all = await client.readTopic(system.names.physical('plans'));
      return all.filter(({ key }) => Buffer.from(key ?? []).toString() === correlationId);
    };
    await eventually('a plan stands on the topic', async () => (await plans()).length > 0);
    const [plan, ...more] = await plans();
    expect(more).toEqual([]);
    expect(plan?.headers).toMatchObject({ event_type: 'plan.created', sequence: '4' });
  });

  it('B-44 plans an intent though the gateway dies right after the 202', async () => {
    const intentId = await client.submit();
    await system.kill('gateway');
    const value = `intent:${intentId}`;
    await eventually('Redis says Completed', async () =>
      ((await redis.get(value)) ?? '').includes('"Completed"'),
    );
    await system.start('gateway');
    expect(await client.ended(intentId)).toMatchObject({ state: 'Completed' });
  });

  it('B-13 B-71 stores nothing without the coordinator, and everything once it is back', async () => {
    await system.kill('coordinator');
    const [before] = await system.database.query<{ n: string }>('SELECT count(*) AS n FROM events');
    const intentId = await client.submit();
    const plans = system.names.physical('exec');
    await eventually('exec.completed stands on the topic', async () => {
      const records = await client.readTopic(plans);
      return records.some(
        ({ headers }) =>
          headers['correlation_id'] === `intent-${intentId}` &&
          headers['event_type'] === 'exec.completed',
      );
    });
    const [after] = await system.database.query<{ n: string }>('SELECT count(*) AS n FROM events');
    expect(after?.n).toBe(before?.n);
    expect(await redis.exists(`intent:${intentId}`)).toBe(0);
    await system.start('coordinator');
    expect(await client.ended(intentId)).toMatchObject({ state: 'Completed' });
    expect(await client.history(intentId, 8)).toHaveLength(8);
  });

  it('B-81 handles what came while a worker was down, each once', async () => {
    const admin = kafka.admin();
    const groups = (await admin.listGroups()).map(({ id }) => id);
    await admin.close();
    for (const group of ['planner.workers', 'orchestrator.workers', 'state-coordinator'])
      expect(groups).toContain(system.names.physical(group));
    await system.kill('trading');
    const intentIds = await Promise.all(Array.from({ length: 10 }, () => client.submit()));
    await system.start('trading');
    for (const intentId of intentIds) {
      expect(await client.ended(intentId)).toMatchObject({ state: 'Completed' });
      expect(await client.history(intentId, 8)).toHaveLength(8);
    }
  });
});

async function ownTopics(): Promise<readonly string[]> {
  const admin = kafka.admin();
  const topics = await admin.listTopics();
  await admin.close();
  return topics.filter((topic) => topic.startsWith(system.names.prefix));
}

describe('what can be seen from outside', () => {
  it('B-21 serves the metrics of every app as text, with the names that are promised', async () => {
    const names = ['intents_submitted', 'intents_completed', 'intent_processing_time'];
    for (const port of Object.values(system.ports)) {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
      const text = await response.text();
      for (const name of names) expect(text).toMatch(new RegExp(`^# TYPE ${name}\\b`, 'm'));
    }
  });

  it('B-82 B-83 B-84 counts intents that came and that ended, and how long they took', async () => {
    const names = {
      submitted: () => client.metric('gateway', 'intents_submitted'),
      completed: () => client.metric('coordinator', 'intents_completed{status="completed"}'),
      failed: () => client.metric('coordinator', 'intents_completed{status="failed"}'),
      took: () => client.metric('coordinator', 'intent_processing_time_count'),
    };
    const read = async () => ({
      submitted: await names.submitted(),
      completed: await names.completed(),
      failed: await names.failed(),
      took: await names.took(),
    });
    const before = await read();
    await Promise.all(
      [client.submit(), client.submit(), client.submit({ notional_usd: '20000' })].map(async (id) =>
        client.ended(await id),
      ),
    );
    expect(await read()).toEqual({
      submitted: before.submitted + 3,
      completed: before.completed + 2,
      failed: before.failed + 1,
      took: before.took + 3,
    });
  });

  it('B-85 says topic, correlationId and eventId in every line about an event', async () => {
    await client.ended(await client.submit());
    for (const app of APP_NAMES) {
      const lines = (await system.log(app)).split('\n').filter((line) => line.startsWith('{'));
      const about = lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter((line) => ['topic', 'correlationId', 'eventId'].some((field) => field in line));
      expect(about.length).toBeGreaterThan(0);
      for (const { topic, correlationId, eventId, ...rest } of about) {
        // A result and a timer that fired are handled like events, and are none.
        expect(topic).toMatch(/^((intent|risk|plan|exec|position|market)\.|(effect|timer):)/);
        if (topic !== 'market.pool_snapshot') expect(correlationId).toMatch(/^intent-/);
        const kinds = [typeof correlationId, typeof eventId];
        expect(kinds, JSON.stringify(rest)).toEqual(['string', 'string']);
      }
    }
  });

  it('K-10 K-07 reads every topic with nothing but the registry, and finds JSON in every record', async () => {
    await client.ended(await client.submit());
    const topics = await ownTopics();
    for (const name of ['planner.workers.journal', 'rm.intent', 'market'])
      expect(topics).toContain(system.names.physical(name));
    // A codec that knows no schema of its own: each id is asked of the registry, as Console does.
    const { registryUrl } = system.config.stores;
    const codec = await AvroCodec.start({ registryUrl, subjects: [] });
    const counts = new Map<string, number>();
    for (const topic of topics) {
      for (const { value } of await client.readTopic(topic)) {
        if (value === null) continue;
        expect(value[0]).toBe(0);
        if (!codec.knows(value)) await codec.learn(value);
        const json = JSON.stringify(codec.decode(value).value);
        expect(JSON.parse(json)).toEqual(expect.any(Object));
        counts.set(topic, (counts.get(topic) ?? 0) + 1);
      }
    }
    for (const name of ['intents', 'rm.plan', 'state-coordinator.journal', 'market'])
      expect(counts.get(system.names.physical(name))).toBeGreaterThan(0);
    const subjects = await new SchemaRegistry({ url: registryUrl }).subjects();
    const prefix = system.names.prefix;
    expect(subjects).toContain(`${prefix}intents-millrace.trading.v1.IntentSubmitted`);
  });

  it('K-05 B-35 keys every event by its correlation id, and names it in its header', async () => {
    const { registryUrl } = system.config.stores;
    const codec = await AvroCodec.start({ registryUrl, subjects: [] });
    const found = new Set<string>();
    for (const topic of await ownTopics()) {
      const name = system.names.logical(topic);
      if (/^(rm|rk)\./.test(name) || name.endsWith('.journal')) continue;
      const records = await client.readTopic(topic);
      if (records.length > 0) found.add(name);
      for (const { key, value, headers, partition } of records) {
        if (value === null) throw new Error('an event has a value');
        if (!codec.knows(value)) await codec.learn(value);
        const { envelope: of } = codec.decode(value).value as EventRecord;
        expect(Buffer.from(key ?? []).toString()).toBe(of.correlation_id);
        expect(headers['event_id']).toBe(of.event_id);
        if (name === 'market') continue;
        expect(partitionOf(key ?? Buffer.alloc(0), system.config.kafka.partitions)).toBe(partition);
      }
    }
    expect([...found]).toEqual(expect.arrayContaining([...EVENT_TOPICS, 'market']));
  });

  it('K-08 compacts read models, and keeps journals and events for ever', async () => {
    const admin = kafka.admin();
    const wanted = ['rm.intent', 'rm.plan', 'planner.workers.journal', 'intents'];
    const found = await admin.describeTopics(wanted.map((name) => system.names.physical(name)));
    await admin.close();
    const policy = Object.fromEntries(
      found.map(({ name, configs }) => [system.names.logical(name), configs['cleanup.policy']]),
    );
    expect(policy).toEqual({
      'rm.intent': 'compact',
      'rm.plan': 'compact',
      'planner.workers.journal': 'delete',
      intents: 'delete',
    });
    const kept = found.filter(({ name }) => !name.includes('rm.'));
    expect(kept.map(({ configs }) => configs['retention.ms'])).toEqual(['-1', '-1']);
  });

  it('B-43 B-25 answers without Redis from the store only, and byte for byte once Redis is back', async () => {
    const intentId = await client.submit();
    await client.ended(intentId);
    const [path, key] = [`/intents/${intentId}`, `intent:${intentId}`];
    const before = await client.get(path);
    const stored = await client.history(intentId, 8);
    // One key, which nobody misses; the whole of it is seen and made again at any moment.
    await redis.del(key);
    expect((await client.get(path)).status).toBe(404);
    expect(await client.history(intentId, 8)).toEqual(stored);
    await redis.flushdb();
    await eventually('Redis has it again', async () => (await redis.exists(key)) === 1);
    expect(await client.get(path)).toEqual(before);
  });

  it('B-28 B-107 streams its life over WebSocket, as the history has it', async () => {
    const socket = await StreamTestClient.open(`${system.url.replace('http', 'ws')}/stream`);
    await socket.subscribe({ topics: ['intent.*', 'risk.*', 'plan.*', 'exec.*'] });
    const intentId = await client.submit();
    const stored = await client.history(intentId, 8);
    const own = (): readonly unknown[] =>
      socket.events.flatMap(({ event }) =>
        event?.correlationId === `intent-${intentId}` ? event : [],
      );
    await eventually('all came', () => own().length === 8);
    const ids = (events: readonly unknown[]): readonly string[] =>
      events.map((event) => (event as { readonly eventId: string }).eventId).sort();
    expect(ids(own())).toEqual(ids(stored));
    expect(own()).toEqual(expect.arrayContaining([...stored]));
    socket.terminate();
  });

  it('B-27 has no route of the legacy', async () => {
    for (const path of ['/submit', '/status', '/status/1']) {
      expect((await client.get(path)).status).toBe(404);
      const posted = await fetch(`${system.url}${path}`, { method: 'POST', body: '{}' });
      expect(posted.status).toBe(404);
    }
  });
});
