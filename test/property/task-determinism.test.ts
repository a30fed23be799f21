import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { add } from '../support/counter.ts';
import { journalCodec, TaskHarness } from '../support/task-harness.ts';

const codec = journalCodec();

interface Addition {
  readonly id: number;
  readonly key: string;
  readonly amount: number;
  readonly fail: string;
}

/** What may happen between two moments of a task's life. */
type Step =
  | { readonly do: 'take'; readonly topic: string }
  | { readonly do: 'seal' }
  | { readonly do: 'crash'; readonly again: number };

const additions = fc.array(
  fc.record({
    // Few ids: some come twice.
    id: fc.integer({ min: 1, max: 40 }),
    key: fc.constantFrom('a', 'b', 'c'),
    amount: fc.constantFrom(1, 2, 3, 664),
    fail: fc.oneof({ weight: 12, arbitrary: fc.constant('') }, fc.constantFrom('throw', 'dead')),
  }),
  { maxLength: 30 },
);

const steps = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('take' as const),
        topic: fc.constantFrom('adds', 'adds', 'totals'),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('seal' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('crash' as const), again: fc.nat({ max: 5 }) }),
    },
  ),
  { maxLength: 80 },
);

function live(published: readonly Addition[], moves: readonly Step[], fuse: boolean): TaskHarness {
  const harness = new TaskHarness(codec, fuse);
  for (const { id, key, amount, fail } of published)
    harness.publish(add(key, `e${id}`, { amount, fail }));
  for (const move of moves) {
    if (move.do === 'take') harness.take(move.topic);
    else if (move.do === 'seal') harness.seal();
    else harness.crash(move.again);
  }
  harness.finish();
  return harness;
}

/** All that is promised to be the same, however the work was cut up. */
function outcome(harness: TaskHarness) {
  const { states, parked, seen } = harness.state;
  return {
    totals: harness.read('totals'),
    readModel: harness.read('rm.count'),
    dead: harness.read('dlq.count.add'),
    states,
    seen,
    parked: [...parked].map(([key, { code, messages }]) => [
      key,
      code,
      messages.map(({ eventId }) => eventId),
    ]),
  };
}

describe('a task', () => {
  it('J7 gives the same outputs and states however it is batched and whenever it dies', () => {
    fc.assert(
      fc.property(additions, steps, (published, moves) => {
        const plain = published.flatMap((): Step[] => [
          { do: 'take', topic: 'adds' },
          { do: 'seal' },
        ]);
        expect(outcome(live(published, moves, true))).toEqual(
          outcome(live(published, plain, true)),
        );
      }),
      { numRuns: 150 },
    );
  });

  it('J6 gives the same outputs and states fused and unfused', () => {
    fc.assert(
      fc.property(additions, steps, steps, (published, moves, others) => {
        const [fused, unfused] = [live(published, moves, true), live(published, others, false)];
        const sorted = (harness: TaskHarness) => {
          const { parked, ...rest } = outcome(harness);
          return { ...rest, parked: new Map(parked.map(([key, ...queue]) => [key, queue])) };
        };
        expect(sorted(unfused)).toEqual(sorted(fused));
      }),
      { numRuns: 150 },
    );
  });

  it('J7 is rebuilt from its journal byte for byte', () => {
    fc.assert(
      fc.property(additions, steps, fc.boolean(), (published, moves, fuse) => {
        const harness = live(published, moves, fuse);
        // Positions of what was skipped ride along with the next batch (F27).
        harness.publish(add('last', 'e-last', { amount: 1, fail: 'dead' }));
        harness.take('adds');
        harness.seal();
        expect(harness.replayed().dump()).toBe(harness.state.dump());
      }),
      { numRuns: 150 },
    );
  });
});
