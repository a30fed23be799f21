import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApplicationCheck } from '../../cli/replay/check.ts';
import type { Diagnosis } from '../../cli/doctor/examine.ts';
import type { Explanation } from '../../cli/why/explanation.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
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
}, 60_000);

afterAll(async () => {
  await system?.stop();
});

const millrace = (...args: readonly string[]) => system.run('cli/main.ts', ...args);

describe('millrace why', () => {
  it('B-106 explains an event from the first cause to the last effect', async () => {
    const created = events.find(({ topic }) => topic === 'plan.created');
    const { code, out } = await millrace('why', created?.eventId ?? '', '--json');
    expect(code).toBe(0);
    const explanation = JSON.parse(out) as Explanation;
    expect(explanation.correlation_id).toBe(`intent-${intentId}`);
    const types = explanation.events.map(({ type }) => type);
    expect(types[0]).toBe('intent.submitted');
    expect(types.at(-1)).toBe('exec.completed');
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
