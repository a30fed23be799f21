import {
  decodeErrorResult,
  type Hex,
  InsufficientFundsError,
  NonceTooLowError,
  parseAbi,
} from 'viem';
import type { RpcRefusal } from './rpc.ts';
import type { VenueErrorCode } from './venue.ts';

/*
 * The one table of what nodes say. They have no codes for it (-32000 stands for all of it), so the text is matched: of
 * geth and reth as viem knows it, and of anvil.
 */

type Row = readonly [pattern: RegExp, code: VenueErrorCode | 'ALREADY_KNOWN'];

const OF_NODES: readonly Row[] = [
  [/already known|already imported|known transaction/i, 'ALREADY_KNOWN'],
  [NonceTooLowError.nodeMessage, 'NONCE_TOO_LOW'],
  [/replacement transaction underpriced|transaction underpriced/i, 'REPLACEMENT_UNDERPRICED'],
  [InsufficientFundsError.nodeMessage, 'INSUFFICIENT_FUNDS'],
  [/insufficient funds/i, 'INSUFFICIENT_FUNDS'],
  [/invalid chain id|chain id mismatch|incompatible EIP-155/i, 'WRONG_CHAIN'],
];

/** What Uniswap's router and the tokens below it revert with. STF: the router could not take the asset that is sold. */
const OF_CONTRACTS: readonly (readonly [RegExp, VenueErrorCode | 'NOT_TAKEN'])[] = [
  [/^Too little received$/, 'SLIPPAGE_EXCEEDED'],
  [/^Transaction too old$/, 'DEADLINE_PASSED'],
  [/^STF$/, 'NOT_TAKEN'],
];

const REVERT_ABI = parseAbi(['error Error(string)', 'error Panic(uint256)']);

/** What a refused transaction means; TX_REFUSED when the table has no such text. */
export function refusedTransaction({ message }: RpcRefusal): VenueErrorCode | 'ALREADY_KNOWN' {
  return OF_NODES.find(([pattern]) => pattern.test(message))?.[1] ?? 'TX_REFUSED';
}

/** What a refused call of a contract means, and the contract's own words. */
export function refusedCall(refusal: RpcRefusal): {
  readonly code: VenueErrorCode | 'NOT_TAKEN';
  readonly words: string;
} {
  const words = revertWords(refusal.data) ?? refusal.message;
  const reverted = OF_CONTRACTS.find(([pattern]) => pattern.test(words))?.[1];
  if (reverted !== undefined) return { code: reverted, words };
  const code = OF_NODES.find(([pattern]) => pattern.test(refusal.message))?.[1];
  return { code: code === undefined || code === 'ALREADY_KNOWN' ? 'TX_REVERTED' : code, words };
}

function revertWords(data: Hex | null): string | null {
  if (data === null || data === '0x') return null;
  try {
    const { errorName, args } = decodeErrorResult({ abi: REVERT_ABI, data });
    return errorName === 'Error' ? args[0] : `Panic(${args[0]})`;
  } catch {
    return null;
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  SLIPPAGE_EXCEEDED: 'The price has moved since the plan; plan it again',
  DEADLINE_PASSED: 'Plan it again',
  INSUFFICIENT_FUNDS: 'Send the account more ether',
  NONCE_TOO_LOW: 'Another transaction took its place; look the account up on the chain',
  REPLACEMENT_UNDERPRICED: 'Offer at least an eighth more, or wait for the other one',
};

/** What to do about it; null when the code does not say enough. */
export function remedyOf(code: VenueErrorCode): string | null {
  return REMEDIES[code] ?? null;
}
