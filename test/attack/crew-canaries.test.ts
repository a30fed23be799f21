import { expect, it } from 'vitest';
import { brokers } from '../support/engine-fixture.ts';
import { FAULT_KINDS } from '../support/fault-kinds.ts';
import { runFault } from '../support/fault-run.ts';
import { makeMutant, type Mutation } from '../support/mutant.ts';

/*
 * The fault tests can fail: members that run without a rule leave anomalies behind. The checker is the unchanged one.
 */

interface Canary extends Mutation {
  /** Kind of fault that brings it to light. */
  readonly kind: string;
  readonly rounds: number;
  /** What the checker must find, of any number. */
  readonly finds: readonly ('lost' | 'duplicate' | 'reordered' | 'torn')[];
}

const CANARIES: readonly Canary[] = [
  {
    rule: 'J1',
    kind: 'zombie',
    rounds: 1,
    finds: ['torn'],
    file: 'kafka/term.ts',
    find: `    await this.#journal.append(batch);
`,
    replace: `    this.#publisher.enqueue(batch.n, batch.emits);
    await this.#journal.append(batch);
`,
  },
  {
    rule: 'J2',
    kind: 'zombie',
    rounds: 1,
    finds: ['torn', 'lost', 'duplicate'],
    file: 'engine/journal-reader.ts',
    find: 'return batch.fence === this.lastFence?.offset && batch.n === this.state.n + 1;',
    replace: 'return batch.n > 0;',
  },
  {
    rule: 'J5',
    kind: 'kill',
    rounds: 3,
    finds: ['lost'],
    file: 'kafka/term.ts',
    find: 'for (const { n, emit } of emits) this.#publisher.enqueue(n, [emit]);',
    replace: '',
  },
  {
    rule: 'J6',
    kind: 'kill',
    rounds: 1,
    finds: ['duplicate'],
    file: 'engine/task.ts',
    find: 'if (header === undefined || origin === null) return NONE;',
    replace: 'if (header === undefined || origin !== null) return NONE;',
  },
];

/** A fault falls at random: what it must bring to light may take several tries. */
const TRIES = 5;

it.each(CANARIES)(
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
        steps: new Map(),
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
