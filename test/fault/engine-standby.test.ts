import { expect, it } from 'vitest';
import { brokers } from '../support/engine-fixture.ts';
import { FAULT_KINDS } from '../support/fault-kinds.ts';
import { runFault } from '../support/fault-run.ts';
import { KillSteps } from '../support/fault-steps.ts';

it('K-04 J9a standbys take over from members that are killed, each once, without an anomaly', async () => {
  const kind = FAULT_KINDS.find(({ name }) => name === 'standby');
  if (kind === undefined) throw new Error('There is no such kind of fault.');
  const on = { brokers: brokers(), broker: null, steps: new KillSteps(), rounds: 2 };
  const { verdict, anomalies, sent } = await runFault(kind, on);
  expect(verdict.reports.flatMap((report) => report.anomalies).slice(0, 3)).toEqual([]);
  expect(anomalies).toBe(0);
  expect(sent).toBeGreaterThan(100);
}, 180_000);
