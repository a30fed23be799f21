import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { add, adder, counterDriver } from '../support/counter.ts';

type Move = { readonly fail: '' | 'throw' | 'effect' } | 'settle';

const moves = fc.array(
  fc.oneof(
    fc.record({ fail: fc.constantFrom('' as const, 'throw' as const, 'effect' as const) }),
    fc.constant('settle' as const),
  ),
  { maxLength: 20 },
);

describe('a parked key', () => {
  it('J8a keeps all that comes after its failure in order, results of effects included', () => {
    fc.assert(
      fc.property(moves, fc.boolean(), (sequence: readonly Move[], restarts) => {
        const driver = counterDriver();
        const expected: string[] = [];
        let state: string | undefined;
        sequence.forEach((move, index) => {
          const isBlocked = expected.length > 0;
          if (move === 'settle') {
            const [effect] = driver.openEffects;
            if (effect === undefined) return;
            if (isBlocked) expected.push('effect:count.double');
            driver.settle(effect, { ok: true, id: 'double', name: 'count.double', value: 1 });
          } else {
            if (isBlocked || move.fail === 'throw') expected.push('count.add');
            driver.publish(add('a', `e${index}`, { amount: 1_000, fail: move.fail }));
          }
          if (expected.length === 0) state = driver.state.states.get('adder')?.get('a')?.json;
          if (restarts) driver.restart();
        });
        const queue = driver.state.parked.get('adder|a');
        expect(queue?.messages.map(({ type }) => type) ?? []).toEqual(expected);
        expect(driver.state.states.get('adder')?.get('a')?.json).toBe(state);
      }),
      { numRuns: 150 },
    );
  });

  it('does not ask again for an effect that its actor no longer knows', () => {
    const driver = counterDriver();
    driver.publish(add('a', 'e1', { amount: 1_000, fail: 'effect' }));
    const [effect] = driver.openEffects;
    if (effect === undefined) throw new Error('no effect is open');
    const forgetful = counterDriver({ definition: { actors: [{ ...adder, effects: {} }] } });
    forgetful.publish(add('a', 'e1', { amount: 1_000, fail: 'effect' }));
    forgetful.settle(effect, { ok: true, id: 'double', name: 'count.double', value: 1 });
    forgetful.restart();
    expect(forgetful.openEffects).toEqual([]);
  });
});
