import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromUnits, minOut, sqrtRatioAtTick, toUnits } from '../../processors/trading/index.ts';
import { type PoolState, swapExactInput } from '../../processors/trading/planner/pool-math.ts';

const Exact = Decimal.clone({ precision: 200 });

const units = fc.bigInt({ min: 0n, max: 10n ** 40n });
const slippage = fc
  .tuple(fc.bigInt({ min: 0n, max: 10n ** 18n - 1n }), fc.constant(18))
  .map(([numerator, decimals]) => fromUnits(numerator, decimals));

const pools: fc.Arbitrary<PoolState> = fc
  .record({
    tick: fc.integer({ min: -800_000, max: 800_000 }),
    liquidity: fc.bigInt({ min: 10n ** 6n, max: 10n ** 30n }),
    fee: fc.constantFrom(100, 500, 3000, 10_000),
    tickSpacing: fc.constantFrom(1, 10, 60, 200),
    within: fc.bigInt({ min: 0n, max: 999n }),
  })
  .map(({ within, ...pool }) => {
    const [low, high] = [sqrtRatioAtTick(pool.tick), sqrtRatioAtTick(pool.tick + 1)];
    return { ...pool, sqrtPriceX96: low + ((high - low) * within) / 1000n };
  });

const amounts = fc
  .integer({ min: 0, max: 34 })
  .chain((digits) =>
    fc.tuple(
      fc.bigInt({ min: 1n, max: 10n ** BigInt(digits) }),
      fc.bigInt({ min: 1n, max: 10n ** BigInt(digits) }),
    ),
  );

describe('decimal text', () => {
  it('B-51 comes back as the units it was made from', () => {
    fc.assert(
      fc.property(units, fc.integer({ min: 0, max: 36 }), (value, decimals) => {
        const text = fromUnits(value, decimals);
        expect(toUnits(text, decimals)).toBe(value);
        const exact = new Exact(value.toString()).div(new Exact(10).pow(decimals));
        expect(new Decimal(text).eq(exact)).toBe(true);
      }),
    );
  });
});

describe('minOut', () => {
  it('B-51 is never above the quote, and is its exact share rounded down', () => {
    fc.assert(
      fc.property(units, slippage, fc.constantFrom(6, 8, 18), (value, share, decimals) => {
        const quote = fromUnits(value, decimals);
        const least = minOut(quote, share, decimals);
        expect(new Exact(least).lte(quote)).toBe(true);
        const exact = new Exact(quote).times(new Exact(1).minus(share));
        expect(least).toBe(exact.toDecimalPlaces(decimals, Decimal.ROUND_DOWN).toFixed());
      }),
    );
  });

  it('B-51 does not grow with the slippage', () => {
    fc.assert(
      fc.property(units, slippage, slippage, (value, one, two) => {
        const [small, large] = new Decimal(one).lt(two) ? [one, two] : [two, one];
        const quote = fromUnits(value, 6);
        expect(new Exact(minOut(quote, large, 6)).lte(minOut(quote, small, 6))).toBe(true);
      }),
    );
  });
});

describe('pool quote', () => {
  it('B-51 grows with the amount, and what is out of range stays so', () => {
    fc.assert(
      fc.property(pools, amounts, fc.boolean(), (pool, [one, two], zeroForOne) => {
        const [small, large] = one < two ? [one, two] : [two, one];
        const less = swapExactInput(pool, small, zeroForOne);
        const more = swapExactInput(pool, large, zeroForOne);
        if (less === null) expect(more).toBeNull();
        else if (more !== null) expect(more.amountOut >= less.amountOut).toBe(true);
      }),
    );
  });

  it('B-51 never gives more than the price before the swap, and moves the price the right way', () => {
    fc.assert(
      fc.property(pools, amounts, fc.boolean(), (pool, [amountIn], zeroForOne) => {
        const swap = swapExactInput(pool, amountIn, zeroForOne);
        if (swap === null) return;
        const root = new Exact(pool.sqrtPriceX96.toString()).div(new Exact(2).pow(96));
        const price = zeroForOne ? root.pow(2) : new Exact(1).div(root.pow(2));
        expect(price.times(amountIn.toString()).gte(swap.amountOut.toString())).toBe(true);
        const moved = swap.sqrtPriceAfterX96 - pool.sqrtPriceX96;
        expect(zeroForOne ? moved <= 0n : moved >= 0n).toBe(true);
      }),
    );
  });

  it('B-51 gives nothing to who swaps there and back', () => {
    fc.assert(
      fc.property(pools, amounts, fc.boolean(), (pool, [amountIn], zeroForOne) => {
        const there = swapExactInput(pool, amountIn, zeroForOne);
        if (there === null || there.amountOut === 0n) return;
        const moved = { ...pool, sqrtPriceX96: there.sqrtPriceAfterX96 };
        const back = swapExactInput(moved, there.amountOut, !zeroForOne);
        if (back !== null) expect(back.amountOut < amountIn).toBe(true);
      }),
    );
  });
});
