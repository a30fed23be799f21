import type { PoolSnapshotPayload } from '../../avro/index.ts';
import type { FailureKind } from '../../engine/effect-failure.ts';
import type { BuiltTx, Fees, SwapPreparation, TxReceipt } from '../../processors/trading/index.ts';

export type { BuiltTx, Fees, SwapPreparation, TxReceipt };

/** An exact input: sell `amountIn` of `base` for `quote`. Units: decimal text. */
export interface QuoteRequest {
  readonly base: string;
  readonly quote: string;
  readonly amountIn: string;
}

export interface Quote {
  /** Decimal text, in units of quote. */
  readonly amountOut: string;
}

/** What a transaction may be told; what is left out the venue chooses. */
export interface TxTerms {
  /** Its place among the account's transactions. */
  readonly nonce?: number;
  readonly fees?: Fees;
}

export interface SwapOrder extends QuoteRequest, TxTerms {
  readonly minOut: string;
  /** Address that gets the quote asset. */
  readonly recipient: string;
  /** Tells two swaps of the same amounts apart: `<plan>/step-0/attempt-1`. */
  readonly reference: string;
  /** Seconds since 1970: from then on the chain refuses to do it. */
  readonly deadlineS: number;
}

/** To wrap ether into an asset, or to let the venue's router take it. Units: decimal text, or all there will ever be. */
export interface Preparation extends TxTerms {
  readonly asset: string;
  readonly amount: string | 'unlimited';
}

/** How many transactions of the account are mined, and how many are known, mined or not. */
export interface NonceState {
  readonly mined: number;
  readonly pending: number;
}

export interface WaitOptions {
  /** The transaction as built, for a venue whose memory may be younger than it. */
  readonly tx?: BuiltTx;
  readonly signal?: AbortSignal;
}

/**
 * A place to swap on.
 *
 * Throws: VenueError, and nothing else that matters: its code decides what becomes of the step.
 * Source: B-62.
 */
export interface VenueAdapter {
  /** As plans name it: `uniswap_v3`. */
  readonly venue: string;
  readonly chain: string;
  /** Address on this chain that swaps pay out to; from the configuration. */
  readonly recipient: string;
  /** `chainId:address` of who signs; null: its transactions have no order that anybody else could spoil. */
  readonly account: string | null;
  priceQuote(request: QuoteRequest, signal?: AbortSignal): Promise<Quote>;
  /**
   * What the account has to do before it can sell so much of an asset, in order; nothing is changed here. Each is built as it
   * says, right before the swap.
   *
   * Throws: VenueError INSUFFICIENT_FUNDS when nothing it could do would be enough.
   */
  preparations(
    sale: Pick<QuoteRequest, 'base' | 'amountIn'>,
    signal?: AbortSignal,
  ): Promise<readonly SwapPreparation[]>;
  /** Signs; nobody outside sees it. */
  buildSwapTx(order: SwapOrder, signal?: AbortSignal): Promise<BuiltTx>;
  /**
   * Hands in a signed transaction and returns its hash. The same one may be handed in again, after a crash
   * for instance: it executes once and has the same hash, whether it is pending or mined by now.
   *
   * Throws: VenueError only if it is certain that nobody took the transaction. Who cannot tell returns the hash:
   * waiting for the receipt finds out.
   */
  submitTx(tx: BuiltTx, signal?: AbortSignal): Promise<string>;
  /**
   * Throws: VenueError TX_TIMEOUT when there is no receipt within the time, TX_UNCONFIRMED when there is one that does
   * not count yet.
   */
  waitReceipt(txHash: string, timeoutS: number, options?: WaitOptions): Promise<TxReceipt>;
  /** Number of the newest block. */
  head(signal?: AbortSignal): Promise<number>;
  nonceState(signal?: AbortSignal): Promise<NonceState>;
  /** What the account can pay for transactions with. Units: decimal text, of the chain's own coin. */
  funds(signal?: AbortSignal): Promise<string>;
  /** What the account has. Units: decimal text. */
  balance(asset: string, signal?: AbortSignal): Promise<string>;
  /** What the router may take of it. Units: decimal text. */
  allowance(asset: string, signal?: AbortSignal): Promise<string>;
  /** Signs, as `buildSwapTx` does; submitted and waited for like a swap. */
  buildApproval(preparation: Preparation, signal?: AbortSignal): Promise<BuiltTx>;
  buildWrap(preparation: Preparation, signal?: AbortSignal): Promise<BuiltTx>;
  /** Signs a transaction that does nothing, and offers enough to take a place from one that waits there. */
  buildFill(terms: TxTerms, signal?: AbortSignal): Promise<BuiltTx>;
  /** Every pool it knows, as of now. Shape: base is the pool's token0, quote its token1. */
  poolSnapshots(signal?: AbortSignal): Promise<readonly PoolSnapshotPayload[]>;
}

/** What a code says of the same call made later: it may go well, it never will, or the venue was not reached. */
const KINDS = {
  TX_REVERTED: 'final',
  SLIPPAGE_EXCEEDED: 'final',
  DEADLINE_PASSED: 'final',
  INSUFFICIENT_FUNDS: 'final',
  ALLOWANCE_TOO_LOW: 'final',
  NONCE_TOO_LOW: 'final',
  REPLACEMENT_UNDERPRICED: 'retry',
  TX_REFUSED: 'retry',
  TX_TIMEOUT: 'final',
  TX_UNCONFIRMED: 'retry',
  TX_DROPPED: 'final',
  WRONG_CHAIN: 'final',
  RPC_AWAY: 'target-down',
  RPC_TIMEOUT: 'target-down',
  RPC_GARBAGE: 'target-down',
} as const satisfies Readonly<Record<string, FailureKind>>;

export type VenueErrorCode = keyof typeof KINDS;

export class VenueError extends Error {
  override readonly name = 'VenueError';
  readonly code: VenueErrorCode;
  /** Whether the same call may succeed later. */
  readonly retriable: boolean;
  /** What the venue has answered is no trouble of the venue: only one that is away opens its circuit. */
  readonly kind: FailureKind;
  constructor(code: VenueErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.kind = KINDS[code];
    this.retriable = this.kind !== 'final';
  }
}
