import { expect, it } from 'vitest';
import { brokers } from '../support/engine-fixture.ts';
import { FAULT_KINDS } from '../support/fault-kinds.ts';
import { runFault } from '../support/fault-run.ts';
import { KillSteps } from '../support/fault-steps.ts';

it.each([
  [
    'J9a stores deleted, damaged and replaced by old copies are made anew, those that are whole are not',
    'store-damage',
  ],
  ['J9a a full disk under the stores stops nothing, now or later', 'store-full'],
])(
  '%s',
  async (_name, name) => {
    const kind = FAULT_KINDS.find((each) => each.name === name);
    if (kind === undefined) throw new Error(`There is no kind of fault ${name}.`);
    const on = { brokers: brokers(), broker: null, steps: new KillSteps(), rounds: 1 };
    const { verdict, anomalies, sent } = await runFault(kind, on);
    expect(verdict.reports.flatMap((report) => report.anomalies).slice(0, 3)).toEqual([]);
    expect(anomalies).toBe(0);
    expect(sent).toBeGreaterThan(100);
  },
  180_000,
);
