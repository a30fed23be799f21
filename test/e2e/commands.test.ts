import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planAll } from '../../apps/apply.ts';
import { loadConfig } from '../../apps/config.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import type { TopicPlan } from '../../kafka/topics.ts';
import { LIFE, SystemClient } from './system-client.ts';
import { startSystem, type System } from './system-fixture.ts';

let system: System;
let client: SystemClient;

beforeAll(async () => {
  system = await startSystem('commands');
  const { brokers } = system.config.kafka;
  client = new SystemClient(system, platformaticClient({ brokers, clientId: 'commands' }));
}, 60_000);

afterAll(async () => {
  await system?.stop();
});

describe('millrace trace', () => {
  it('prints a trace of one correlation, and says when there is none', async () => {
    const intentId = await client.submit();
    await client.history(intentId, 8);
    const { code, out } = await system.run('cli/main.ts', 'trace', intentId);
    expect(code).toBe(0);
    expect(tracedTypes(out)).toEqual(LIFE);
    for (const nobody of ['intent-nobody', `intent-${crypto.randomUUID()}`]) {
      const unknown = await system.run('cli/main.ts', 'trace', nobody, '--json');
      expect(unknown.code).toBe(1);
      expect(JSON.parse(unknown.out)).toEqual({ correlation_id: nobody, events: [] });
    }
  });

  it('traces by the gateway or by the store, whichever answers', async () => {
    const intentId = await client.submit();
    const events = await client.history(intentId, 8);
    const trace = (url: string, databaseUrl: string) => {
      const env = { DATABASE_URL: databaseUrl };
      return system.run({ file: 'cli/main.ts', env }, 'trace', intentId, '--json', '--url', url);
    };
    const [nowhere, noStore] = ['http://127.0.0.1:9', 'postgres://127.0.0.1:9/millrace'];
    const { DATABASE_URL: store = '' } = system.env;
    for (const { code, out } of [await trace(system.url, noStore), await trace(nowhere, store)]) {
      expect(code).toBe(0);
      expect(JSON.parse(out)).toEqual({ correlation_id: `intent-${intentId}`, events });
    }
    const neither = await trace(nowhere, noStore);
    expect(neither.code).toBe(2);
    expect(neither.err).toContain('Postgres cannot be reached');
  });
});

/** The event types that `millrace trace` printed, in order. */
function tracedTypes(out: string): readonly (string | undefined)[] {
  const lines = out.trim().split('\n');
  return lines.map((line) => line.trim().split(/\s+/)[1]);
}

describe('millrace topology', () => {
  it('plans no change to topics that are as they should be, and refuses what differs', async () => {
    const topology = (act: string, env: Readonly<Record<string, string>> = {}) =>
      system.run({ file: 'cli/main.ts', env }, 'topology', act, '--json');
    const plan = await topology('plan');
    expect(plan.code).toBe(0);
    expect(JSON.parse(plan.out)).toMatchObject({
      create: [],
      differs: [],
      weaknesses: expect.arrayContaining([
        expect.objectContaining({ what: 'replication factor', have: '1' }),
      ]),
    });
    expect((await topology('apply')).code).toBe(0);
    const partitions = system.config.kafka.partitions;
    for (const act of ['plan', 'apply']) {
      const other = await topology(act, { PARTITIONS: String(partitions + 1) });
      expect(other.code).toBe(1);
      expect((JSON.parse(other.out) as TopicPlan).differs).toContainEqual({
        topic: system.names.physical('intents'),
        what: 'partitions',
        have: String(partitions),
        want: String(partitions + 1),
      });
    }
    const away = await topology('plan', { KAFKA_BROKERS: '127.0.0.1:9' });
    expect(away.code).toBe(2);
    expect(away.err).toContain('No broker answers at 127.0.0.1:9');
  });
});

describe('topics that are missing', () => {
  it('are made once by several processes that start together', async () => {
    const env = { TOPIC_PREFIX: `${system.names.prefix}together.` };
    const apply = { file: 'cli/main.ts', env };
    const outcomes = await Promise.all(
      Array.from({ length: 3 }, () => system.run(apply, 'topology', 'apply')),
    );
    expect(outcomes.map(({ code, err }) => [code, err])).toEqual(Array(3).fill([0, '']));
    const config = loadConfig({ ...system.env, ...env });
    expect(await planAll(config)).toMatchObject({ create: [], differs: [] });
  });

  it('are made by an app that is started by itself; what differs is refused', async () => {
    const own = { TOPIC_PREFIX: `${system.names.prefix}alone.`, TRADING_PORT: '0' };
    const trading = {
      file: 'apps/main.ts',
      env: { ...own, SINGLE_NODE: 'false', REPLICATION_FACTOR: '1' },
    };
    // It ends by itself: one broker is not to be trusted by default, which it looks at after its topics.
    const first = await system.run(trading, 'trading');
    expect([first.code, first.err]).toEqual([2, expect.stringContaining('SINGLE_NODE=1')]);
    const config = loadConfig({ ...system.env, ...own });
    expect(await planAll(config)).toMatchObject({ create: [], differs: [] });
    const partitions = String(system.config.kafka.partitions + 1);
    const other = await system.run(
      { file: 'apps/main.ts', env: { ...own, PARTITIONS: partitions } },
      'trading',
    );
    expect(other.code).toBe(2);
    expect(other.err).toContain(`intents: partitions is ${system.config.kafka.partitions}, wanted`);
  }, 120_000);
});
