import { afterEach, expect, it, vi } from 'vitest';
import { brokers } from '../support/engine-fixture.ts';
import { FAULT_KINDS } from '../support/fault-kinds.ts';
import { runFault } from '../support/fault-run.ts';
import { KillSteps } from '../support/fault-steps.ts';

/* Every kind of fault, and the demo: npm run fault:kafkajs. */

afterEach(() => vi.unstubAllEnvs());

it('K-06 members on kafkajs: one is killed and comes back, without an anomaly', async () => {
  vi.stubEnv('KAFKA_CLIENT', 'kafkajs');
  const kind = FAULT_KINDS.find(({ name }) => name === 'kill');
  if (kind === undefined) throw new Error('There is no such kind of fault.');
  const on = { brokers: brokers(), broker: null, steps: new KillSteps(), rounds: 1 };
  const { verdict, anomalies, sent } = await runFault(kind, on);
  expect(verdict.reports.flatMap((report) => report.anomalies).slice(0, 3)).toEqual([]);
  expect(anomalies).toBe(0);
  expect(sent).toBeGreaterThan(100);
}, 120_000);
