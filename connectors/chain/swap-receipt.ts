import { type Address, decodeEventLog, type Hex } from 'viem';
import type { TxReceipt } from '../../processors/trading/index.ts';
import { POOL_ABI, TOKEN_ABI } from './abi.ts';
import type { MinedReceipt } from './receipt-watch.ts';

/** What is known of the contracts whose logs are read. */
export interface KnownLogs {
  /** Symbol of the token that ether is wrapped into. */
  readonly wrapped: string;
  readonly isWrapped: (address: Address) => boolean;
  /** Symbols of a pool's token0 and token1; null: none of ours. */
  readonly sidesOf: (address: Address) => readonly [string, string] | null;
  /** Smallest units of a symbol as decimal text. */
  readonly text: (symbol: string, units: bigint) => string;
}

/** How a transaction ended, by the first of its logs that says what it paid out or wrapped. */
export function swapReceipt(
  txHash: string,
  { status, logs }: MinedReceipt,
  known: KnownLogs,
): TxReceipt {
  if (status === 'reverted') return { status: 0, txHash, amountOut: null };
  for (const { address, topics, data } of logs) {
    const amountOut = paidOut(address as Address, { topics, data }, known);
    if (amountOut !== null) return { status: 1, txHash, amountOut };
  }
  return { status: 1, txHash, amountOut: '0' };
}

/** Null when a log says nothing of it. */
function paidOut(
  address: Address,
  { topics, data }: { readonly topics: readonly string[]; readonly data: string },
  { wrapped, isWrapped, sidesOf, text }: KnownLogs,
): string | null {
  const log = { topics: topics as [Hex, ...Hex[]], data: data as Hex, strict: true } as const;
  try {
    if (isWrapped(address)) {
      const event = decodeEventLog({ abi: TOKEN_ABI, ...log });
      return event.eventName === 'Deposit' ? text(wrapped, event.args.value) : null;
    }
    const { args } = decodeEventLog({ abi: POOL_ABI, ...log });
    const sides = sidesOf(address);
    if (sides === null) return null;
    const [symbol, amount] =
      args.amount0 < 0n ? [sides[0], -args.amount0] : [sides[1], -args.amount1];
    return text(symbol, amount);
  } catch {
    // An event that is none of those two.
    return null;
  }
}
