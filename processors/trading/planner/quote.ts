import type { PoolSnapshotPayload } from '../../../avro/index.ts';
import { fractionDigits, fromUnits, isPlainDecimal, toUnits } from '../decimal-text.ts';
import { type PoolState, swapExactInput } from './pool-math.ts';

const INTEGER = /^[1-9]\d{0,77}$/;

/**
 * A snapshot as numbers; null when it cannot be one of a pool. Its base is the pool's token0 and its quote
 * token1, so `sqrtPriceX96` needs no address to be understood.
 */
export function poolStateOf(snapshot: PoolSnapshotPayload): PoolState | null {
  const { sqrtPriceX96, liquidity, fee, tick, tickSpacing } = snapshot;
  if (!INTEGER.test(sqrtPriceX96) || !INTEGER.test(liquidity) || tickSpacing < 1) return null;
  return {
    sqrtPriceX96: BigInt(sqrtPriceX96),
    liquidity: BigInt(liquidity),
    fee,
    tick,
    tickSpacing,
  };
}

/**
 * Quote of an exact input of `base` against a snapshot.
 *
 * Units: smallest units of the tokens.
 * Limits: null outside of the current tick range.
 */
export function quoteExactInput(
  snapshot: PoolSnapshotPayload,
  base: string,
  amountIn: bigint,
): bigint | null {
  const pool = poolStateOf(snapshot);
  return pool && (swapExactInput(pool, amountIn, base === snapshot.base)?.amountOut ?? null);
}

/**
 * The least that a swap may give: `quoteOut × (1 - maxSlippage)`, exact, rounded down to the token's decimals.
 *
 * Throws: RangeError when quoteOut is no amount of the token or maxSlippage is not in [0, 1).
 * Source: B-51.
 */
export function minOut(quoteOut: string, maxSlippage: string, decimals: number): string {
  const units = toUnits(quoteOut, decimals);
  if (units === null)
    throw new RangeError(`quote ${quoteOut} is no amount with at most ${decimals} decimals`);
  if (!isSlippage(maxSlippage))
    throw new RangeError(
      `slippage ${maxSlippage} is no fraction; give a decimal from 0 to below 1`,
    );
  const digits = fractionDigits(maxSlippage);
  const one = 10n ** BigInt(digits);
  const slippage = toUnits(maxSlippage, digits) ?? one;
  return fromUnits((units * (one - slippage)) / one, decimals);
}

/** Whether the text is a decimal of at least 0 and below 1. */
export function isSlippage(text: string): boolean {
  return isPlainDecimal(text) && text.startsWith('0');
}
