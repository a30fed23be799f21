import type { IntentAcceptedPayload, PlanStep, PoolSnapshotPayload } from '../../../avro/index.ts';
import type { Micros } from '../../../engine/event.ts';
import { type Assets, findPool, type Pool } from '../assets.ts';
import { fromUnits, toUnits } from '../decimal-text.ts';
import { isSlippage, minOut, poolStateOf } from './quote.ts';
import type { RouteEngine } from './rust-route.ts';

export type PlanCode =
  'UNKNOWN_PAIR' | 'POOL_SNAPSHOT_MISSING' | 'POOL_SNAPSHOT_STALE' | 'QUOTE_OUT_OF_RANGE';

/** Why there is no plan. */
export interface Rejected {
  readonly ok: false;
  readonly code: PlanCode;
  readonly reason: string;
}

export type PlanResult = { readonly ok: true; readonly steps: readonly PlanStep[] } | Rejected;

export interface Planning {
  readonly assets: Assets;
  readonly maxSnapshotAgeMs: number;
  readonly engine: RouteEngine;
  readonly time: Micros;
  /** The newest snapshot of a pool, undefined when there is none. */
  snapshotOf(poolId: string): PoolSnapshotPayload | undefined;
}

type Order = Pick<IntentAcceptedPayload, 'base' | 'quote' | 'amount_in' | 'max_slippage'>;

/**
 * One swap on the pair's pool, or why there is none.
 *
 * Source: B-50, B-51, B-53, B-54.
 */
export function planIntent(order: Order, planning: Planning): PlanResult {
  const pool = findPool(planning.assets, order.base, order.quote);
  if (pool === undefined)
    return rejected('UNKNOWN_PAIR', `No pool trades base ${order.base} for quote ${order.quote}.`);
  const snapshot = planning.snapshotOf(pool.id);
  const usable = usableSnapshot(pool, snapshot, planning);
  return 'ok' in usable ? usable : quoted(order, usable, planning);
}

function quoted(order: Order, snapshot: PoolSnapshotPayload, planning: Planning): PlanResult {
  const { base, quote, amount_in, max_slippage } = order;
  const decimalsIn = planning.assets.assets.get(base)?.decimals ?? 0;
  const decimalsOut = planning.assets.assets.get(quote)?.decimals ?? 0;
  const amountIn = toUnits(amount_in, decimalsIn);
  if (amountIn === null || amountIn === 0n)
    return outOfRange(
      `amount_in must be above 0 with at most ${decimalsIn} decimals, and is ${amount_in}.`,
    );
  if (!isSlippage(max_slippage))
    return outOfRange(`max_slippage must be from 0 to below 1, and is ${max_slippage}.`);
  const amountOut = planning.engine.quote(snapshot, base, amountIn);
  if (amountOut === null)
    return outOfRange(
      `amount_in ${amount_in} ${base} would move ${snapshot.poolId} out of the tick range that its ` +
        `snapshot covers; submit a smaller intent.`,
    );
  const min_out = minOut(fromUnits(amountOut, decimalsOut), max_slippage, decimalsOut);
  if (min_out === '0')
    return outOfRange(
      `amount_in ${amount_in} ${base} is too small to give any ${quote}; submit a larger intent.`,
    );
  return { ok: true, steps: [{ venue: 'uniswap_v3', base, quote, amount_in, min_out }] };
}

/** The snapshot, where a plan may be made on it, or why not: missing, of another pair, unreadable or too old. */
export function usableSnapshot(
  pool: Pool,
  snapshot: PoolSnapshotPayload | undefined,
  { time, maxSnapshotAgeMs }: Pick<Planning, 'time' | 'maxSnapshotAgeMs'>,
): PoolSnapshotPayload | Rejected {
  if (snapshot === undefined || !isOf(pool, snapshot) || poolStateOf(snapshot) === null)
    return rejected('POOL_SNAPSHOT_MISSING', `There is no usable snapshot of pool ${pool.id} yet.`);
  const ageMs = Math.floor((time - snapshot.observedAt) / 1000);
  if (time - snapshot.observedAt <= maxSnapshotAgeMs * 1000) return snapshot;
  return rejected(
    'POOL_SNAPSHOT_STALE',
    `The snapshot of pool ${pool.id} is ${ageMs} ms old; the limit is ${maxSnapshotAgeMs} ms.`,
  );
}

function isOf(pool: Pool, { base, quote }: PoolSnapshotPayload): boolean {
  return (
    (pool.base === base && pool.quote === quote) || (pool.base === quote && pool.quote === base)
  );
}

function outOfRange(reason: string): Rejected {
  return rejected('QUOTE_OUT_OF_RANGE', reason);
}

function rejected(code: PlanCode, reason: string): Rejected {
  return { ok: false, code, reason };
}
