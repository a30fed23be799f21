import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STORED_TOPICS } from '../../apps/event-store-sink.ts';
import { runCommand } from '../../cli/main.ts';
import type { ApplicationCheck } from '../../cli/replay/check.ts';
import type { Depth, Letter } from '../../cli/dlq/letters.ts';
import type { RedrivePlan } from '../../cli/dlq/redrive-plan.ts';
import type { Diagnosis } from '../../cli/doctor/examine.ts';
import type { Explanation } from '../../cli/why/explanation.ts';
import { ReplayedModels } from '../../connectors/redis/index.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { botEvent } from '../support/bot-events.ts';
import { eventually } from '../support/eventually.ts';
import { labelsIn, metricsIn, readAlerts, readDashboards, shown } from '../support/monitoring.ts';
import { LIFE, SystemClient } from './system-client.ts';
import { startSystem, type System } from './system-fixture.ts';

/* The commands for the night, each against the same running system. */

let system: System;
let client: SystemClient;
let intentId: string;
let events: Awaited<ReturnType<SystemClient['history']>>;

beforeAll(async () => {
  system = await startSystem('operations');
  const { brokers } = system.config.kafka;
  client = new SystemClient(system, platformaticClient({ brokers, clientId: 'operations' }));
  intentId = await client.submit();
  events = await client.history(intentId, LIFE.length);
  const { latest_plan_id: planId } = await client.ended(intentId);
  await eventually('its plan ends', async () =>
    (await client.get(`/plans/${planId}`)).text.includes('"completed"'),
  );
}, 60_000);

afterAll(async () => {
  await system?.stop();
});

/** An intent whose events stand in this partition. */
async function submitTo(partition: number): Promise<string> {
  for (;;) {
    const submitted = await client.submit();
    const key = Buffer.from(`intent-${submitted}`);
    if (partitionOf(key, system.config.kafka.partitions) === partition) return submitted;
  }
}

/** A command as its users run it, but for a process of its own. */
async function millrace(...args: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCommand(args, {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    env: system.env,
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

describe('millrace why', () => {
  it('explains an event from the first cause to the last effect', async () => {
    const created = events.find(({ topic }) => topic === 'plan.created');
    const { code, out } = await millrace('why', created?.eventId ?? '', '--json');
    expect(code).toBe(0);
    const explanation = JSON.parse(out) as Explanation;
    expect(explanation.correlation_id).toBe(`intent-${intentId}`);
    const types = explanation.events.map(({ type }) => type);
    expect(types[0]).toBe('intent.submitted');
    expect(types.slice(-2)).toEqual(['exec.completed', 'position.intent_ended']);
    const planned = explanation.events.find(({ relation }) => relation === 'asked for');
    const actors = planned?.handlings.map(({ actor }) => actor);
    expect(actors?.toSorted()).toEqual(['intent', 'orchestrator']);
    const kinds = explanation.events.flatMap(({ handlings }) => handlings.map(({ kind }) => kind));
    expect(kinds.filter((kind) => kind.startsWith('result of effect'))).not.toEqual([]);
  });

  it('says when there is no such event', async () => {
    const { code, err } = await millrace('why', 'nobody');
    expect([code, err.includes('No event nobody')]).toEqual([1, true]);
  });
});

it('J7 the deploy gate finds no difference between the code and what it wrote', async () => {
  const { code, out } = await millrace('replay', '--check', '--json');
  const { checks } = JSON.parse(out) as { readonly checks: readonly ApplicationCheck[] };
  expect(checks.map(({ keys, unchecked }) => [keys, unchecked])).toEqual(checks.map(() => [[], 0]));
  expect(checks).toHaveLength(3);
  expect(code).toBe(0);
});

it('J10 doctor finds nothing wrong with a running system', async () => {
  const { code, out } = await millrace('doctor', '--json');
  const { findings, tasks } = JSON.parse(out) as Diagnosis;
  expect(findings.filter(({ level }) => level === 'wrong')).toEqual([]);
  expect(tasks).toHaveLength(3 * system.config.kafka.partitions);
  expect(code).toBe(0);
});

describe('millrace replay', () => {
  const redis = new Redis(process.env['REDIS_URL'] ?? '', { lazyConnect: true });
  const live = () => redis.get(`intent:${intentId}`);

  beforeAll(async () => {
    await redis.connect();
    await redis.select(Number(new URL(system.redisUrl).pathname.slice(1)));
  });

  afterAll(() => redis.quit());

  it('B-109 makes a read model again beside the live one, byte for byte', async () => {
    const before = await live();
    const { code, out } = await millrace('replay', intentId, '--into', 'again.', '--json');
    expect(JSON.parse(out)).toEqual({
      prefix: 'again.',
      written: { 'rm.intent': 1, 'rm.plan': 1 },
      swap: null,
      leftOut: ['rm.positions'],
    });
    expect(code).toBe(0);
    const text = await millrace('replay', intentId, '--into', 'again.');
    expect(text.out).toContain('rm.positions: left out');
    expect(await redis.get(`again.intent:${intentId}`)).toBe(before);
    expect(await live()).toBe(before);
  });

  it('B-109 puts what was replayed in the place of the live one', async () => {
    const before = await live();
    await redis.set(`intent:${intentId}`, '{"state":"wrong"}');
    const { code, out } = await millrace('replay', 'intents', '--into', 'b.', '--swap', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ swap: { kept: [] } });
    expect(await live()).toBe(before);
    expect(await redis.keys('b.*')).toEqual([]);
  });

  it('B-98 B-109 makes every read model again from the topics and from the store, twice, byte for byte', async () => {
    const rejected = await client.submit({ notional_usd: '999999', strategyId: 'second' });
    const unplanned = await client.submit({ base: 'DAI' });
    for (const id of [rejected, unplanned]) expect((await client.ended(id)).state).toBe('Failed');
    await client.history(rejected, 2);
    await client.history(unplanned, 4);
    const dump = async (prefix: string): Promise<Readonly<Record<string, string | null>>> => {
      const families = ['intent', 'plan', 'positions'].map((family) =>
        redis.keys(`${prefix}${family}:*`),
      );
      const keys = (await Promise.all(families)).flat().sort();
      const values = await Promise.all(keys.map((key) => redis.get(key)));
      return Object.fromEntries(
        keys.map((key, at) => [key.slice(prefix.length), values[at] ?? null]),
      );
    };
    const failed = async (desk: string): Promise<number | undefined> => {
      const text = await redis.get(`positions:${desk}`);
      const { summary } = JSON.parse(text ?? '{}') as { summary?: { failed: number } };
      return summary?.failed;
    };
    await eventually('both strategies are told of their failures', async () =>
      (await Promise.all(['main-job', 'second'].map(failed))).every((count) => count === 1),
    );
    const before = await dump('');
    expect(Object.keys(before).length).toBeGreaterThan(5);
    // Nothing that is replayed may come from what stands in Redis.
    await redis.flushdb();
    await redis.set('test:claimed', '1');
    for (const source of ['topics', 'store'])
      for (const round of ['1', '2']) {
        const prefix = `${source}.${round}.`;
        const { code, err } = await millrace('replay', 'all', '--into', prefix, '--source', source);
        expect([code, err]).toEqual([0, '']);
        expect(await dump(prefix)).toEqual(before);
      }
    const isBack = async () => JSON.stringify(await dump('')) === JSON.stringify(before);
    await eventually('the live ones are projected again', isBack);
    await redis.set('positions:main-job', '{"summary":"wrong"}');
    const { code, out } = await millrace('replay', 'all', '--into', 's.', '--swap', '--json');
    expect([code, JSON.parse(out)]).toMatchObject([0, { swap: { kept: [] }, leftOut: [] }]);
    expect([await dump(''), await redis.keys('s.*')]).toEqual([before, []]);
  });

  it('B-98 makes one read model again from the store, by intent and by topic', async () => {
    const of = ['--source', 'store', '--json'];
    const one = await millrace('replay', intentId, '--into', 'one.', ...of);
    expect(JSON.parse(one.out)).toMatchObject({ written: { 'rm.intent': 1, 'rm.plan': 1 } });
    expect(await redis.get(`one.intent:${intentId}`)).toBe(await live());
    const past = await millrace('replay', 'exec', '--into', 'past.', '--to', '2020-01-01', ...of);
    expect(past.code).toBe(1);
    const exec = await millrace('replay', 'exec', '--into', 'exec.', ...of);
    expect(JSON.parse(exec.out)).toMatchObject({ written: { 'rm.plan': 1 } });
    const wrong = await millrace('replay', 'all', '--into', 'w.', '--source', 'memory');
    expect([wrong.code, wrong.err.includes("not 'memory'")]).toEqual([2, true]);
  });

  it('J9b keeps a live one that moved on meanwhile', async () => {
    const models = await ReplayedModels.open(system.redisUrl, {
      topicPrefix: system.names.prefix,
      prefix: 'c.',
    });
    const before = await live();
    const of = { topic: 'rm.intent', id: intentId, value: '{"state":"old"}' } as const;
    const [version] = await models.versions('rm.intent', [intentId]);
    expect(version).toMatch(/^\d+\/\d+$/);
    await models.write([{ ...of, guard: '1/0' }]);
    const swap = await models.swap([{ ...of, guard: '1/0' }]);
    await models.close();
    expect(swap).toEqual({ swapped: 0, kept: [`intent:${intentId}`] });
    expect(await live()).toBe(before);
  });
});

it('B-111 stores nothing of the market', async () => {
  expect(STORED_TOPICS).toEqual(['intents', 'risk', 'plans', 'exec']);
  const snapshots = await client.readTopic(system.names.physical('market'));
  expect(snapshots.length).toBeGreaterThan(0);
  // Whatever came with them has been stored, and what came after.
  await client.history(await client.submit(), LIFE.length);
  const rows = `SELECT count(*) FILTER (WHERE topic LIKE 'market.%') AS others, count(*) AS n FROM events`;
  const [stored] = await system.database.query<{ others: string; n: string }>(rows);
  expect(stored?.others).toBe('0');
  expect(Number(stored?.n)).toBeGreaterThan(0);
});

describe('millrace dlq and park', () => {
  it('lists, shows and tries a dead letter without removing it', async () => {
    const { brokers } = system.config.kafka;
    const producer = platformaticClient({ brokers, clientId: 'operations' }).producer();
    const topic = system.names.physical('intents');
    const value = Buffer.from('no avro');
    const record = { topic, partition: 0, key: Buffer.from('bad'), value, headers: {} };
    const [sent] = await producer.send([record]);
    await producer.close();
    if (sent?.result !== 'confirmed') throw new Error('the bad record was not taken');
    await eventually('it is set aside', async () => {
      const { out } = await millrace('dlq', 'list', '--json');
      const { topics } = JSON.parse(out) as { readonly topics: readonly Depth[] };
      return topics.some((each) => each.topic === 'dlq.intents' && each.letters === 2);
    });
    for (let look = 0; look < 2; look++) {
      const { code, out } = await millrace('dlq', 'peek', 'dlq.intents', '--json');
      expect(code).toBe(0);
      const { letters } = JSON.parse(out) as { readonly letters: readonly Letter[] };
      const applications = letters.map(({ application }) => application);
      expect(applications.sort()).toEqual(['planner.workers', 'state-coordinator']);
      for (const { error, error_message: reason, key, original, headers } of letters) {
        expect([error, key]).toEqual(['UNDECODABLE', 'bad']);
        expect(reason).toMatch(/\w/);
        expect(original).toBe(`intents/0/${sent.baseOffset}`);
        expect(headers).toMatchObject({
          'x-original-topic': 'intents',
          'x-original-partition': '0',
          'x-original-offset': String(sent.baseOffset),
        });
      }
    }
    // Those behind it are handled, in its partition and in the others.
    const next = await submitTo(0);
    expect(await client.ended(next)).toMatchObject({ state: 'Completed' });
    const dry = await millrace('dlq', 'redrive', 'dlq.intents', '--dry-run', '--json');
    expect(dry.code).toBe(1);
    const { dry_run: plans } = JSON.parse(dry.out) as { readonly dry_run: readonly RedrivePlan[] };
    expect(plans.map(({ outcome }) => outcome)).toEqual(['dead letter again', 'dead letter again']);
    expect((await millrace('dlq', 'peek', 'dlq.nothing')).code).toBe(2);
  });

  it('E-58 sends dead letters back to the applications that set them aside, once', async () => {
    const depths = async (): Promise<readonly string[]> => {
      const { out } = await millrace('dlq', 'list', '--json');
      const { topics } = JSON.parse(out) as { readonly topics: readonly Depth[] };
      return topics
        .filter(({ letters, redriven }) => letters + redriven > 0)
        .map(({ topic, letters, redriven }) => `${topic} ${letters} ${redriven}`);
    };
    for (const count of [2, 0]) {
      const { code, out } = await millrace('dlq', 'redrive', 'dlq.intents', '--json');
      const { sent } = JSON.parse(out) as { readonly sent: readonly string[] };
      expect([code, sent.length]).toEqual([0, count]);
    }
    // Its bytes are what they were, so each application sets it aside again.
    await eventually('they are set aside again', async () => (await depths()).length === 3);
    const all = await depths();
    expect(all).toContain('dlq.intents 0 2');
    expect(all).toContain('dlq.planner.workers.redrive 1 0');
  });

  it('J8a lists no parked keys where there are none', async () => {
    const { code, out } = await millrace('park', 'list', '--json');
    expect([code, JSON.parse(out)]).toEqual([0, { parked: [] }]);
    expect((await millrace('park', 'show', 'planner.workers', 'risk', 'nobody')).code).toBe(1);
  });
});

describe('GET /metrics', () => {
  const page = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${system.ports.coordinator}/metrics`)).text();

  /** What counts only where something went wrong that has not gone wrong here. */
  const UNSEEN = [
    'millrace_circuit_open',
    'millrace_dedupe_limit_total',
    'millrace_exec_failed_total',
    'millrace_illegal_transitions_total',
    'millrace_read_models_healed_total',
    'millrace_signer_balance_ether',
    'millrace_nonces_open',
    'millrace_standby_lag_records',
    'millrace_stores_discarded_total',
    'millrace_trace_spans_total',
    'millrace_watchdog_total',
    'millrace_ws_dropped_total',
  ];

  /** Metric by metric, the labels of its samples. */
  async function served(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const text = await page();
    const names = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name = '']) => name);
    return new Map(
      names.map((name) => {
        const samples = text.matchAll(
          new RegExp(`^${name}(?:_bucket|_sum|_count)?(\\{.*\\})? `, 'gm'),
        );
        const labels = [...samples].flatMap(([, list = '']) => [
          'a sample',
          ...[...list.matchAll(/(\w+)="/g)].map(([, label = '']) => label),
        ]);
        return [name, new Set(labels)];
      }),
    );
  }

  it('B-35 counts an event that is published again, and has one effect of it', async () => {
    const before = await client.get(`/intents/${intentId}`);
    const topic = system.names.physical('intents');
    const records = await client.readTopic(topic);
    const first = records.find(({ headers }) => headers['event_id'] === events[0]?.eventId);
    if (first === undefined) throw new Error('intent.submitted is on the log');
    const { key, value, headers, partition } = first;
    const { brokers } = system.config.kafka;
    const producer = platformaticClient({ brokers, clientId: 'twice' }).producer();
    await producer.send([{ topic, partition, key, value, headers }]);
    await producer.close();
    for (const application of ['planner.workers', 'state-coordinator']) {
      const known = `millrace_dedupe_total{application="${application}",by="event_id"}`;
      await eventually('it is known', async () => (await page()).includes(known));
    }
    const admin = platformaticClient({ brokers, clientId: 'twice' }).admin();
    const { end = 0 } = (await admin.offsets(topic))[partition] ?? {};
    await admin.close();
    await eventually('the store is past it', async () => {
      const [row] = await system.database.query<{ next: string }>(
        `SELECT next FROM positions WHERE sink = 'event-store' AND topic = 'intents' AND partition = $1`,
        [partition],
      );
      return Number(row?.next) >= end;
    });
    expect((await client.history(intentId, LIFE.length)).map(({ eventId }) => eventId)).toEqual(
      events.map(({ eventId }) => eventId),
    );
    const rows = await system.database.query('SELECT 1 FROM events WHERE event_id = $1', [
      events[0]?.eventId,
    ]);
    expect(rows).toHaveLength(1);
    expect((await client.get(`/intents/${intentId}`)).text).toBe(before.text);
  });

  it('B-21 serves every metric that an alert or a panel names, with the labels it names', async () => {
    const body = JSON.stringify([botEvent('order_created', { instance_name: 'metrics' })]);
    const headers = { 'content-type': 'application/json' };
    expect(
      (await fetch(`${system.url}/bots/events`, { method: 'POST', headers, body })).status,
    ).toBe(200);
    await eventually(
      'the event of the bot is stored',
      async () => (await served()).get('millrace_bot_events_total')?.has('outcome') ?? false,
    );
    const metrics = await served();
    const asked = [...readAlerts().map(({ expr }) => expr), ...shown(readDashboards())];
    for (const expression of asked) {
      const names = metricsIn(expression).filter((name) => name !== 'up');
      expect(names.filter((name) => !metrics.has(name))).toEqual([]);
      if (names.every((name) => UNSEEN.includes(name))) continue;
      const found = new Set(names.flatMap((name) => [...(metrics.get(name) ?? [])]));
      expect([expression, found.has('a sample')]).toEqual([expression, true]);
      expect([expression, labelsIn(expression).filter((label) => !found.has(label))]).toEqual([
        expression,
        [],
      ]);
    }
  });
});
