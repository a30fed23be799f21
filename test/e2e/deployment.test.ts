import { afterAll, describe, expect, it } from 'vitest';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { SystemClient, type WireEvent } from './system-client.ts';
import { startSystem, type System } from './system-fixture.ts';

const systems: System[] = [];
afterAll(() => Promise.all(systems.map((system) => system.stop())));

/** What is submitted in both deployments: completed, rejected by risk, rejected by planning. */
const SCRIPT = [
  { changes: {}, events: 8 },
  { changes: { notional_usd: '20000' }, events: 2 },
  { changes: { quote: 'DAI' }, events: 4 },
];

async function run(deployment: string): Promise<readonly (readonly WireEvent[])[]> {
  const env = { DEPLOYMENT: deployment, MAX_NOTIONAL_USD: '10000' };
  const system = await startSystem(`deployment-${deployment}`, { env });
  systems.push(system);
  const { brokers } = system.config.kafka;
  const kafka = platformaticClient({ brokers, clientId: 'deployment' });
  const client = new SystemClient(system, kafka);
  const histories: (readonly WireEvent[])[] = [];
  for (const { changes, events } of SCRIPT) {
    const intentId = await client.submit(changes);
    await client.ended(intentId);
    histories.push(await client.history(intentId, events));
  }
  return histories;
}

/** What does not depend on when and by which ids it happened. */
function shape(events: readonly WireEvent[]) {
  return events.map(({ topic, sequence, causationId, payload }) => ({
    topic,
    sequence,
    cause: events.find(({ eventId }) => eventId === causationId)?.topic ?? null,
    fields: Object.keys(payload).sort(),
    code: payload['code'],
    approved: payload['approved'],
  }));
}

describe('DEPLOYMENT', () => {
  it('J6 gives an intent the same events split as fused', async () => {
    const fused = await run('fused');
    const split = await run('split');
    expect(fused.map((events) => events.length)).toEqual(SCRIPT.map(({ events }) => events));
    expect(split.map(shape)).toEqual(fused.map(shape));
  }, 120_000);
});

describe('SINGLE_NODE', () => {
  it('J10 has to be said of a broker that has one disk', async () => {
    const env = { SINGLE_NODE: 'false', TRADING_PORT: '0' };
    const outcome = await systems[0]?.run({ file: 'apps/main.ts', env }, 'trading');
    expect(outcome?.code).toBe(2);
    expect(outcome?.err).toMatch(/replication factor is 1, wanted at least 3[\s\S]*SINGLE_NODE=1/);
  }, 60_000);
});
