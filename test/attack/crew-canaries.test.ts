import { expect, it } from 'vitest';
import { brokers } from '../support/engine-fixture.ts';
import { FAULT_KINDS } from '../support/fault-kinds.ts';
import { runFault } from '../support/fault-run.ts';
import { KillSteps } from '../support/fault-steps.ts';
import { makeMutant } from '../support/mutant.ts';
import { CREW_CANARIES } from './canary-list.ts';

/*
 * The fault tests can fail: members that run without a rule leave anomalies behind. The checker is the unchanged one.
 */

/** A fault falls at random: what it must bring to light may take several tries. */
const TRIES = 5;

it.each(CREW_CANARIES)(
  '$rule without the rule, $kind leaves anomalies',
  async (canary) => {
    const kind = FAULT_KINDS.find(({ name }) => name === canary.kind);
    if (kind === undefined) throw new Error(`There is no kind of fault ${canary.kind}.`);
    const { root, remove } = await makeMutant(canary);
    const found = new Set<string>();
    try {
      const on = {
        brokers: brokers(),
        root,
        broker: null,
        steps: new KillSteps(),
        rounds: canary.rounds,
      };
      for (let tries = 0; tries < TRIES && found.size === 0; tries++) {
        const { verdict } = await runFault(kind, on);
        for (const { counts } of verdict.reports)
          for (const what of canary.finds) if (counts[what] > 0) found.add(what);
      }
    } finally {
      await remove();
    }
    expect([...found]).not.toEqual([]);
  },
  600_000,
);
