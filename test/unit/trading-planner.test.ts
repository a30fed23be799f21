import { Decimal } from 'decimal.js';
import { describe, expect, it } from 'vitest';
import type { IntentAcceptedPayload, PoolSnapshotPayload } from '../../avro/index.ts';
import { event } from '../../engine/actor.ts';
import {
  minOut,
  parseAssets,
  plannerActor,
  selectRoute,
  simulatePlan,
  sqrtRatioAtTick,
} from '../../processors/trading/index.ts';
import {
  amount1Delta,
  nextSqrtPrice,
  swapExactInput,
} from '../../processors/trading/planner/pool-math.ts';
import { given, GIVEN_TIME, messageOf } from '../../testing/given.ts';
import config from '../../config/assets.json' with { type: 'json' };

const ASSETS = parseAssets(config);
const MAX_AGE_MS = 60_000;
const POOL: PoolSnapshotPayload = {
  poolId: 'WETH/USDC',
  base: 'WETH',
  quote: 'USDC',
  chainId: 1,
  fee: 500,
  sqrtPriceX96: sqrtRatioAtTick(-198_075).toString(),
  liquidity: '20000000000000000000000',
  tick: -198_075,
  tickSpacing: 10,
  blockNumber: 1,
  observedAt: GIVEN_TIME,
};
const INTENT: IntentAcceptedPayload = {
  intentId: '1',
  strategyId: 'desk-1',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '1',
  notional_usd: '2500',
  max_slippage: '0.01',
  priority: 4,
  metadata: null,
};

const { engine } = selectRoute({ rustEngineEnabled: false, rustEngine: null });
const planner = plannerActor({ assets: ASSETS, maxSnapshotAgeMs: MAX_AGE_MS, engine });

function plan(intent: Partial<IntentAcceptedPayload>, pool: PoolSnapshotPayload | null = POOL) {
  const references = { pool: pool === null ? {} : { 'WETH/USDC': pool } };
  const then = given(planner, { references }).when(
    messageOf('intent.accepted', { ...INTENT, ...intent }),
  );
  const [emit] = then.emit;
  if (then.emit.length !== 1 || emit?.kind !== 'event') throw new Error('one event was expected');
  return { type: emit.type, payload: emit.payload as Record<string, unknown> };
}

describe('pool mathematics', () => {
  it('B-51 knows the price roots at the ends and in the middle of the ticks', () => {
    expect(sqrtRatioAtTick(-887_272)).toBe(4295128739n);
    expect(sqrtRatioAtTick(887_272)).toBe(1461446703485210103287273052203988822378723970342n);
    expect(sqrtRatioAtTick(0)).toBe(1n << 96n);
    expect(() => sqrtRatioAtTick(887_273)).toThrow(RangeError);
  });

  it('B-51 agrees with 1.0001^(tick/2) at every bit of a tick', () => {
    const Exact = Decimal.clone({ precision: 80 });
    for (const tick of [...Array.from({ length: 20 }, (_, bit) => 2 ** bit), 198_075, 524_287]) {
      const exact = new Exact('1.0001').pow(new Exact(tick).div(2)).times(new Exact(2).pow(96));
      const error = exact.div(sqrtRatioAtTick(tick).toString()).minus(1).abs();
      expect(error.lt('1e-25'), `tick ${tick}: ${error}`).toBe(true);
    }
  });

  it('B-51 rounds prices and amounts as the contracts do', () => {
    const one = 1n << 96n;
    const pool = {
      sqrtPriceX96: one,
      liquidity: 10n ** 18n,
      fee: 3000,
      tick: 0,
      tickSpacing: 6000,
    };
    // Price 1, liquidity 1e18, 0.1 in: root of 1.1 / 1 and 1 / 1.1, each rounded against the swapper.
    expect(nextSqrtPrice(pool, 10n ** 17n, false)).toBe(87150978765690771352898345369n);
    expect(nextSqrtPrice(pool, 10n ** 17n, true)).toBe(72025602285694852357767227579n);
    // x·y = k by hand: 0.0997 in without the fee, out = 1 - 1 / 1.0997.
    expect(swapExactInput({ ...pool, tick: -1 }, 10n ** 17n, true)?.amountOut).toBe(
      90661089388014913n,
    );
    expect(swapExactInput(pool, 10n ** 17n, false)?.amountOut).toBe(90661089388014913n);
  });

  it('B-51 gives nothing for a swap that reaches the end of the tick range', () => {
    const pool = {
      sqrtPriceX96: 1n << 96n,
      liquidity: 10n ** 18n,
      fee: 0,
      tick: 0,
      tickSpacing: 10,
    };
    const most = amount1Delta([1n << 96n, sqrtRatioAtTick(10)], pool.liquidity, true);
    expect(swapExactInput(pool, most - 1n, false)).not.toBeNull();
    expect(swapExactInput(pool, most, false)).toBeNull();
    expect(swapExactInput(pool, 1n, true)).toBeNull();
  });

  it('B-51 gives nothing back for nothing', () => {
    const pool = { sqrtPriceX96: 1n << 96n, liquidity: 1000n, fee: 500, tick: 0, tickSpacing: 10 };
    expect(swapExactInput({ ...pool, liquidity: 0n }, 1n, true)).toBeNull();
    expect(swapExactInput(pool, 0n, false)?.amountOut).toBe(0n);
  });
});

describe('minOut', () => {
  it.each([
    ['3.999999999999999999', '0.05', 18, '3.799999999999999999'],
    ['100', '0', 6, '100'],
    ['100', '0.01', 6, '99'],
    ['0.000001', '0.5', 6, '0'],
    ['1', '0.999999999999999999', 18, '0.000000000000000001'],
    ['123456789012345678901234567890.123456', '0.3', 6, '86419752308641975230864197523.086419'],
  ])(
    'B-51 B-94 of %s at %s is rounded down to %i decimals',
    (quote, slippage, decimals, expected) => {
      expect(minOut(quote, slippage, decimals)).toBe(expected);
    },
  );

  it.each(['1', '1.5', '-0.1', 'abc'])('B-51 refuses a slippage of %s', (slippage) => {
    expect(() => minOut('1', slippage, 6)).toThrow(RangeError);
  });
});

describe('planner', () => {
  it('B-49 B-53 plans one swap at the pool of the pair', () => {
    const message = messageOf('intent.accepted', INTENT);
    const references = { pool: { 'WETH/USDC': POOL } };
    const then = given(planner, { references }).when(message);
    const [emit] = then.emit;
    expect(emit).toEqual(
      event('plan.created', {
        planId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4/),
        intentId: '1',
        steps: [
          {
            venue: 'uniswap_v3',
            base: 'WETH',
            quote: 'USDC',
            amount_in: '1',
            min_out: expect.stringMatching(/^247\d\.\d{1,6}$/),
          },
        ],
      }),
    );
    expect(given(planner, { references }).when(message).emit).toEqual(then.emit);
  });

  it('B-51 B-53 plans the other direction of the same pool', () => {
    const { type, payload } = plan({ base: 'USDC', quote: 'WETH', amount_in: '2500' });
    expect(type).toBe('plan.created');
    const [step] = payload['steps'] as { min_out: string }[];
    expect(Number(step?.min_out)).toBeCloseTo(0.989, 2);
  });

  it('B-51 gives the same quote from a pool whose token0 is the other one', () => {
    const price = (1n << 192n) / BigInt(POOL.sqrtPriceX96);
    const mirrored = {
      ...POOL,
      base: 'USDC',
      quote: 'WETH',
      sqrtPriceX96: price.toString(),
      tick: 198_075,
    };
    const [left] = plan({}).payload['steps'] as { min_out: string }[];
    const [right] = plan({}, mirrored).payload['steps'] as { min_out: string }[];
    expect(Number(right?.min_out)).toBeCloseTo(Number(left?.min_out), 4);
  });

  it.each([
    ['WETH', 'DAI'],
    ['WETH', 'DOGE'],
    ['WETH', 'WETH'],
  ])('B-54 rejects the unknown pair %s/%s', (base, quote) => {
    expect(plan({ base, quote })).toEqual({
      type: 'plan.rejected',
      payload: {
        intentId: '1',
        reason: `No pool trades base ${base} for quote ${quote}.`,
        code: 'UNKNOWN_PAIR',
      },
    });
  });

  it('B-50 rejects without a snapshot', () => {
    expect(plan({}, null)).toMatchObject({
      type: 'plan.rejected',
      payload: { code: 'POOL_SNAPSHOT_MISSING' },
    });
  });

  it.each([{ base: 'DAI' }, { sqrtPriceX96: 'x' }, { liquidity: '0' }, { tickSpacing: 0 }])(
    'B-50 takes a snapshot with %j for none',
    (broken) => {
      expect(plan({}, { ...POOL, ...broken }).payload['code']).toBe('POOL_SNAPSHOT_MISSING');
    },
  );

  it('B-50 takes a snapshot as old as the limit, and rejects by the next microsecond', () => {
    const oldest = GIVEN_TIME - MAX_AGE_MS * 1000;
    expect(plan({}, { ...POOL, observedAt: oldest }).type).toBe('plan.created');
    expect(plan({}, { ...POOL, observedAt: oldest - 1 }).payload).toEqual({
      intentId: '1',
      reason: 'The snapshot of pool WETH/USDC is 60000 ms old; the limit is 60000 ms.',
      code: 'POOL_SNAPSHOT_STALE',
    });
  });

  it.each([
    { amount_in: '10000000' },
    { amount_in: '0.000000000000000001' },
    { amount_in: '0' },
    { amount_in: '-1' },
    { amount_in: '0.0000000000000000001' },
    { max_slippage: '1' },
    { max_slippage: '-0.1' },
  ])('B-54 rejects %j, which cannot be quoted', (intent) => {
    expect(plan(intent)).toMatchObject({
      type: 'plan.rejected',
      payload: { code: 'QUOTE_OUT_OF_RANGE' },
    });
  });
});

describe('route', () => {
  const rustEngine = { quote: () => 7_000_000n };

  it('B-52 takes the native engine when it is wanted and there', () => {
    const selected = selectRoute({ rustEngineEnabled: true, rustEngine });
    expect(selected).toEqual({ route: 'rust', engine: rustEngine, warning: null });
    const rust = plannerActor({ assets: ASSETS, maxSnapshotAgeMs: 1, engine: selected.engine });
    const references = { pool: { 'WETH/USDC': POOL } };
    const [emit] = given(rust, { references }).when(messageOf('intent.accepted', INTENT)).emit;
    expect(emit).toMatchObject({ payload: { steps: [{ min_out: '6.93' }] } });
  });

  it('B-52 B-94 falls back to the pool and says so when the engine is missing', () => {
    const selected = selectRoute({ rustEngineEnabled: true, rustEngine: null });
    expect(selected.route).toBe('pool');
    expect(selected.warning).toContain('RUST_ENGINE_ENABLED');
    expect(selected.engine.quote(POOL, 'WETH', 10n ** 18n)).toBeGreaterThan(2_400_000_000n);
  });

  it('B-52 leaves the engine alone when it is not wanted', () => {
    const selected = selectRoute({ rustEngineEnabled: false, rustEngine });
    expect(selected).toMatchObject({ route: 'pool', warning: null });
  });
});

describe('simulatePlan', () => {
  it('B-55 estimates the same every time', () => {
    const step = { venue: 'uniswap_v3', base: 'WETH', quote: 'USDC', amount_in: '1', min_out: '1' };
    expect(simulatePlan({ steps: [step] })).toEqual({ gas: 180_000, durationMs: 12_000 });
    expect(simulatePlan({ steps: [step, step] })).toEqual({ gas: 360_000, durationMs: 24_000 });
  });
});
