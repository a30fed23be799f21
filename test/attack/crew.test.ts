import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kafkaPart } from '../../cli/stack/kafka.ts';
import { type OwnServer, ownServer } from '../integration/own-servers.ts';
import { brokers } from '../support/engine-fixture.ts';
import { FAULT_KINDS, type FaultKind } from '../support/fault-kinds.ts';
import { rowText, runFault } from '../support/fault-run.ts';
import { KillSteps } from '../support/fault-steps.ts';

/*
 * Several owners under attack, each kind once. Many rounds of all: npm run test:fault -- --rounds 30. Whatever happens,
 * the anomaly checker finds nothing on the topics.
 */

const LIMIT_MS = 300_000;

async function expectNoAnomaly(
  kind: FaultKind,
  on: { readonly brokers: readonly string[]; readonly broker: OwnServer | null },
): Promise<void> {
  const row = await runFault(kind, { ...on, rounds: 1, steps: new KillSteps() });
  console.log(rowText(row));
  expect(row.verdict.reports.flatMap(({ anomalies }) => anomalies)).toEqual([]);
  expect(row.anomalies).toBe(0);
  expect(row.verdict.reports.every(({ inputs, outputs }) => inputs > 0 && outputs > 0)).toBe(true);
}

describe('K-06 no anomaly among several members', () => {
  it.each(FAULT_KINDS.filter(({ needsOwnBroker }) => needsOwnBroker !== true))(
    'J1 J2 J5 $name',
    (kind) => expectNoAnomaly(kind, { brokers: brokers(), broker: null }),
    LIMIT_MS,
  );
});

describe('K-06 no anomaly when the broker goes away', () => {
  let broker: OwnServer;
  beforeAll(async () => {
    broker = await ownServer((place) => ({ ...kafkaPart(place), stopSignal: 'SIGKILL' }));
    await broker.start();
  }, LIMIT_MS);
  afterAll(() => broker.remove());

  it.each(FAULT_KINDS.filter(({ needsOwnBroker }) => needsOwnBroker === true))(
    'J3a J4 $name',
    (kind) => expectNoAnomaly(kind, { brokers: [`127.0.0.1:${broker.port}`], broker }),
    LIMIT_MS,
  );
});

it('a long run in which too few kills fell into a step is no proof, and names the step', () => {
  const steps = new KillSteps();
  for (let kill = 0; kill < 3; kill++) steps.add(['restore', 'handle', 'publish']);
  steps.add(['append', 'publish']);
  expect(() => steps.requireEvery()).toThrow('Fewer than 3 kills fell into: append, commit.');
  expect(steps.text).toContain('4 kills, each counted for every step');
});
