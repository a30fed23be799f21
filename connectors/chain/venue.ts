import type { PoolSnapshotPayload } from '../../avro/index.ts';
import type { FailureKind } from '../../engine/effect-failure.ts';
import type { BuiltTx, TxReceipt } from '../../processors/trading/index.ts';

export type { BuiltTx, TxReceipt };

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

export interface SwapOrder extends QuoteRequest {
  readonly minOut: string;
  /** Address that gets the quote asset. */
  readonly recipient: string;
  /** Tells two swaps of the same amounts apart: `<plan>/step-0/attempt-1`. */
  readonly reference: string;
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
  priceQuote(request: QuoteRequest, signal?: AbortSignal): Promise<Quote>;
  /** Signs; nobody outside sees it. */
  buildSwapTx(order: SwapOrder, signal?: AbortSignal): Promise<BuiltTx>;
  /**
   * Hands in a signed transaction and returns its hash. The same one may be handed in again, after a crash
   * for instance: it executes once and has the same hash, whether it is pending or mined by now.
   *
   * Throws: VenueError RPC_AWAY only if it is certain that nobody took the transaction. Who cannot tell
   * returns the hash: waiting for the receipt finds out.
   */
  submitTx(tx: BuiltTx, signal?: AbortSignal): Promise<string>;
  /** Throws: VenueError TX_TIMEOUT when there is no receipt within the time. */
  waitReceipt(txHash: string, timeoutS: number, options?: WaitOptions): Promise<TxReceipt>;
  /** Every pool it knows, as of now. Shape: base is the pool's token0, quote its token1. */
  poolSnapshots(signal?: AbortSignal): Promise<readonly PoolSnapshotPayload[]>;
}

export type VenueErrorCode =
  'TX_REVERTED' | 'TX_TIMEOUT' | 'TX_DROPPED' | 'WRONG_CHAIN' | 'RPC_AWAY';

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
    this.retriable = code === 'RPC_AWAY';
    this.kind = this.retriable ? 'target-down' : 'final';
  }
}
