/*
 * The mathematics of one swap inside one range of constant liquidity, in integers and with the rounding of
 * the contracts: against the swapper, everywhere.
 *
 * Source: Uniswap v3 Core whitepaper, section 6.2 and 6.3; the semantics of the contracts' TickMath,
 * SqrtPriceMath and SwapMath.computeSwapStep.
 */

const Q96 = 1n << 96n;
const MAX_UINT256 = (1n << 256n) - 1n;
const FEE_UNIT = 1_000_000n;
const MAX_TICK = 887_272;

/** 2^128 / 1.0001^(2^i / 2), rounded; i = 0 … 19. */
const RATIO_OF_BIT: readonly bigint[] = [
  0xfffcb933bd6fad37aa2d162d1a594001n,
  0xfff97272373d413259a46990580e213an,
  0xfff2e50f5f656932ef12357cf3c7fdccn,
  0xffe5caca7e10e4e61c3624eaa0941cd0n,
  0xffcb9843d60f6159c9db58835c926644n,
  0xff973b41fa98c081472e6896dfb254c0n,
  0xff2ea16466c96a3843ec78b326b52861n,
  0xfe5dee046a99a2a811c461f1969c3053n,
  0xfcbe86c7900a88aedcffc83b479aa3a4n,
  0xf987a7253ac413176f2b074cf7815e54n,
  0xf3392b0822b70005940c7a398e4b70f3n,
  0xe7159475a2c29b7443b29c7fa6e889d9n,
  0xd097f3bdfd2022b8845ad8f792aa5825n,
  0xa9f746462d870fdf8a65dc1f90e061e5n,
  0x70d869a156d2a1b890bb3df62baf32f7n,
  0x31be135f97d08fd981231505542fcfa6n,
  0x9aa508b5b7a84e1c677de54f3e99bc9n,
  0x5d6af8dedb81196699c329225ee604n,
  0x2216e584f5fa1ea926041bedfe98n,
  0x48a170391f7dc42444e8fa2n,
];

/** A pool at one block. sqrtPriceX96 is the root of token1 per token0, in smallest units. */
export interface PoolState {
  readonly sqrtPriceX96: bigint;
  readonly liquidity: bigint;
  /** Hundredths of a basis point. */
  readonly fee: number;
  readonly tick: number;
  readonly tickSpacing: number;
}

export interface Swap {
  readonly amountOut: bigint;
  readonly sqrtPriceAfterX96: bigint;
}

/**
 * Price root at a tick, as a Q64.96.
 *
 * Throws: RangeError outside of ±887272.
 */
export function sqrtRatioAtTick(tick: number): bigint {
  const size = Math.abs(tick);
  if (!Number.isInteger(tick) || size > MAX_TICK)
    throw new RangeError(`tick ${tick} is none; give an integer of at most ${MAX_TICK} in size`);
  let ratio = 1n << 128n;
  for (const [bit, factor] of RATIO_OF_BIT.entries())
    if ((size & (1 << bit)) !== 0) ratio = (ratio * factor) >> 128n;
  if (tick > 0) ratio = MAX_UINT256 / ratio;
  return ceilDiv(ratio, 1n << 32n);
}

/** Token0 between two prices at this liquidity. */
export function amount0Delta(
  between: readonly [bigint, bigint],
  liquidity: bigint,
  roundUp: boolean,
): bigint {
  const [low, high] = ascending(between);
  const product = (liquidity << 96n) * (high - low);
  return roundUp ? ceilDiv(ceilDiv(product, high), low) : product / high / low;
}

/** Token1 between two prices at this liquidity. */
export function amount1Delta(
  between: readonly [bigint, bigint],
  liquidity: bigint,
  roundUp: boolean,
): bigint {
  const [low, high] = ascending(between);
  const product = liquidity * (high - low);
  return roundUp ? ceilDiv(product, Q96) : product / Q96;
}

/** Price root after an input without its fee; rounded so that the pool never gives too much. */
export function nextSqrtPrice(pool: PoolState, amountIn: bigint, zeroForOne: boolean): bigint {
  const { sqrtPriceX96: price, liquidity } = pool;
  if (!zeroForOne) return price + (amountIn << 96n) / liquidity;
  if (amountIn === 0n) return price;
  const numerator = liquidity << 96n;
  const product = amountIn * price;
  // Where the contracts' 256 bits overflow they take the less exact form; so must we, to agree with them.
  if (product > MAX_UINT256 || numerator + product > MAX_UINT256)
    return ceilDiv(numerator, numerator / price + amountIn);
  return ceilDiv(numerator * price, numerator + product);
}

/**
 * What an exact input gives, as long as the price stays inside the range around the current tick.
 *
 * Units: smallest units of the tokens.
 * Limits: null when the swap would reach the end of that range: beyond it the liquidity is not known.
 */
export function swapExactInput(
  pool: PoolState,
  amountIn: bigint,
  zeroForOne: boolean,
): Swap | null {
  if (pool.liquidity <= 0n) return null;
  const price = pool.sqrtPriceX96;
  const end = rangeEnd(pool, zeroForOne);
  if (zeroForOne ? end >= price : end <= price) return null;
  const deltaIn = zeroForOne ? amount0Delta : amount1Delta;
  const deltaOut = zeroForOne ? amount1Delta : amount0Delta;
  const withoutFee = (amountIn * (FEE_UNIT - BigInt(pool.fee))) / FEE_UNIT;
  if (withoutFee >= deltaIn([end, price], pool.liquidity, true)) return null;
  const after = nextSqrtPrice(pool, withoutFee, zeroForOne);
  return { amountOut: deltaOut([after, price], pool.liquidity, false), sqrtPriceAfterX96: after };
}

/** Liquidity changes at multiples of the tick spacing only. */
function rangeEnd({ tick, tickSpacing }: PoolState, zeroForOne: boolean): bigint {
  const lower = Math.floor(tick / tickSpacing) * tickSpacing;
  const end = zeroForOne ? lower : lower + tickSpacing;
  return sqrtRatioAtTick(Math.max(-MAX_TICK, Math.min(MAX_TICK, end)));
}

function ascending([left, right]: readonly [bigint, bigint]): readonly [bigint, bigint] {
  return left < right ? [left, right] : [right, left];
}

function ceilDiv(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}
