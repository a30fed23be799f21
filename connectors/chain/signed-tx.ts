import { decodeFunctionData, type Hex, keccak256, parseTransaction } from 'viem';
import type { BuiltTx } from '../../processors/trading/index.ts';
import { ROUTER_ABI } from './abi.ts';
import { VenueError } from './venue.ts';

/** What a signed transaction says of itself. */
export interface SignedTx {
  readonly raw: Hex;
  readonly txHash: Hex;
  readonly nonce: number;
  /** Of a swap, seconds since 1970; null of anything else. */
  readonly deadlineS: number | null;
}

/** Throws: VenueError TX_DROPPED when the bytes are not those of the hash, or no transaction. */
export function parseSigned({ raw, txHash }: BuiltTx): SignedTx {
  try {
    const bytes = raw as Hex;
    const { nonce = 0, data } = parseTransaction(bytes);
    if (keccak256(bytes) === txHash)
      return { raw: bytes, txHash, nonce, deadlineS: deadlineOf(data) };
  } catch {
    // Not even a transaction: no more to say of it than of one with another hash.
  }
  throw new VenueError('TX_DROPPED', `transaction ${txHash} was altered; build it again`);
}

function deadlineOf(data: Hex | undefined): number | null {
  try {
    const { args } = decodeFunctionData({ abi: ROUTER_ABI, data: data ?? '0x' });
    return Number(args[0].deadline);
  } catch {
    return null;
  }
}
