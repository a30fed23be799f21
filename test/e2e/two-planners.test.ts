import { afterAll, beforeAll, expect, it } from 'vitest';
import { metricValue } from '../../cli/doctor/metric-text.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { eventually } from '../support/eventually.ts';
import { LIFE, SystemClient } from './system-client.ts';
import { startSystem, type System } from './system-fixture.ts';

let system: System;
let client: SystemClient;

beforeAll(async () => {
  system = await startSystem('two-planners', { separate: true, second: ['trading'] });
  const { brokers } = system.config.kafka;
  client = new SystemClient(system, platformaticClient({ brokers, clientId: 'two-planners' }));
}, 120_000);

afterAll(() => system?.stop());

interface Metric {
  readonly name: string;
  /** What its labels must have; default: anything. */
  readonly label?: string;
}

async function metric(port: number, { name, label = '' }: Metric): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const lines = (await response.text()).split('\n').filter((line) => line.includes(label));
  return metricValue(lines.join('\n'), name);
}

const PLANNED = { name: 'millrace_handle_seconds_count', label: 'processor="planner"' };
const RESTORED = { name: 'millrace_restore_ratio', label: 'planner.workers' };

it('B-80 K-04 plans each intent once with two planners, and with one of them killed', async () => {
  const ports = [system.ports.trading, system.ports['trading.2'] ?? 0];
  await eventually('both have tasks', async () => {
    const restored = await Promise.all(ports.map((port) => metric(port, RESTORED)));
    return restored.every((ratio) => ratio > 0);
  });
  const submit = (count: number): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, () => client.submit()));
  const planned = (): Promise<readonly number[]> =>
    Promise.all(ports.map((port) => metric(port, PLANNED)));
  const [firstBefore = 0, secondBefore = 0] = await planned();
  const shared = await submit(40);
  for (const intentId of shared) await client.ended(intentId);
  const [firstAfter = 0, secondAfter = 0] = await planned();
  const shares = [firstAfter - firstBefore, secondAfter - secondBefore];
  expect(Math.min(...shares)).toBeGreaterThan(0);
  expect(shares.reduce((sum, share) => sum + share)).toBe(40);
  const left = await submit(40);
  await client.ended(left[0] ?? '');
  await system.kill('trading.2');
  for (const intentId of left) await client.ended(intentId);
  for (const intentId of [...shared, ...left]) {
    const events = await client.history(intentId, LIFE.length);
    expect(events.map(({ topic }) => topic)).toEqual(LIFE);
  }
  const records = await client.readTopic(system.names.physical('plans'));
  const plans = records
    .filter(({ headers }) => headers['event_type'] === 'plan.created')
    .map(({ headers }) => headers['correlation_id']);
  for (const intentId of shared)
    expect(plans.filter((each) => each === `intent-${intentId}`)).toHaveLength(1);
}, 120_000);
