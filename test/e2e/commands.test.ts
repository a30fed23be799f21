import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
