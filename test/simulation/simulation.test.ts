import { describe, expect, it } from 'vitest';
import { shrink } from '../../testing/simulation/shrink.ts';
import { campaign } from './campaign.ts';
import { planOf } from './plan.ts';
import { simulate } from './simulate.ts';

describe('the engine under simulation', () => {
  it(
    'J1 J2 J5 loses, doubles and reorders nothing under any fault',
    { timeout: 120_000 },
    async () => {
      const { failures, fired } = await campaign(1, 150);
      expect(failures.map(({ plan, outcome }) => [plan, outcome.violations])).toEqual([]);
      expect([...fired].filter(([, times]) => times === 0)).toEqual([]);
    },
  );

  it('J7 does the same, to the byte, when a seed is run again', async () => {
    for (const seed of [11, 12, 13]) {
      const [once, again] = [await simulate(planOf(seed)), await simulate(planOf(seed))];
      expect(again.trace.join('\n')).toBe(once.trace.join('\n'));
    }
  });
});

describe('shrinking', () => {
  it('keeps only what makes it fail, in order', async () => {
    const items = Array.from({ length: 20 }, (_, index) => index);
    const fails = async (left: readonly number[]) => left.includes(3) && left.includes(17);
    expect(await shrink(items, fails)).toEqual([3, 17]);
  });

  it('finds nothing to keep where everything fails', async () => {
    expect(await shrink([1, 2, 3], async () => true)).toEqual([]);
  });
});
