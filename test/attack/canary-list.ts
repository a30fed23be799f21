import type { Mutation } from '../support/mutant.ts';

/** A rule switched off, and what the fault tests then have to find. */
export interface CrewCanary extends Mutation {
  /** Kind of fault that brings it to light. */
  readonly kind: string;
  readonly rounds: number;
  /** What the checker must find, of any number. */
  readonly finds: readonly ('lost' | 'duplicate' | 'reordered' | 'torn')[];
}

export const CREW_CANARIES: readonly CrewCanary[] = [
  {
    rule: 'J1',
    kind: 'zombie',
    rounds: 1,
    finds: ['torn'],
    file: 'kafka/term.ts',
    find: 'const offset = await this.#journal.append(batch);',
    replace:
      'this.#publisher.enqueue(batch.n, batch.emits);\n' +
      '    const offset = await this.#journal.append(batch);',
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
    file: 'engine/record-intake.ts',
    find: 'if (header === undefined || origin === null) return NONE;',
    replace: 'if (header === undefined || origin !== null) return NONE;',
  },
];
