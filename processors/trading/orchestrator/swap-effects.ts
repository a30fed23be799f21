/*
 * The effects of a swap, as the orchestrator asks for them and as performers answer (JSON-safe).
 * `swap.prepare` looks what the account lacks; `preparation.build` and `swap.build` sign and change nothing outside; `swap.submit` may be performed again after a crash, so it
 * submits exactly the bytes that were journaled; `swap.wait` only looks.
 */

/** What is offered for a unit of gas. Units: wei, decimal text. */
export interface Fees {
  readonly maxFeePerGas: string;
  readonly maxPriorityFeePerGas: string;
}

/** A signed transaction. Its hash is known before anyone has seen it. */
export interface BuiltTx {
  readonly txHash: string;
  /** For the venue that built it: the signed bytes. */
  readonly raw: string;
  /** Its place among the account's transactions, and what it offers; absent where the venue has no such thing. */
  readonly nonce?: number;
  readonly fees?: Fees;
}

/** What has to be done before a swap: wrap ether, or let the venue's router take the asset. */
export interface SwapPreparation {
  readonly kind: 'wrap' | 'approve';
  readonly asset: string;
  /** Decimal text, or all there will ever be. */
  readonly amount: string | 'unlimited';
}

/** What `swap.prepare` finds. */
export interface SwapReadiness {
  readonly preparations: readonly SwapPreparation[];
  /** How many transactions of the account the node knows. */
  readonly pending: number | null;
}

export interface SwapPrepareArgs {
  readonly venue: string;
  readonly base: string;
  /** Decimal text. */
  readonly amountIn: string;
}

/** `preparation.build`; nonce and fees as of a swap. */
export interface PreparationBuildArgs extends Pick<SwapBuildArgs, 'venue' | 'nonce' | 'fees'> {
  readonly preparation: SwapPreparation;
}

export interface SwapBuildArgs {
  readonly planId: string;
  readonly stepIndex: number;
  readonly attempt: number;
  readonly venue: string;
  readonly base: string;
  readonly quote: string;
  /** Decimal text. */
  readonly amountIn: string;
  /** Decimal text. */
  readonly minOut: string;
  /** Seconds since 1970; later the swap does nothing. */
  readonly deadlineS: number;
  /** The step's place among the account's transactions; absent where the venue has no such thing. */
  readonly nonce?: number;
  /** What this transaction offers, to take the place of one that waits; absent: what is usual. */
  readonly fees?: Fees;
}

export interface SwapSubmitArgs {
  readonly venue: string;
  readonly tx: BuiltTx;
}

export interface SwapWaitArgs {
  readonly venue: string;
  readonly tx: BuiltTx;
  /** Those of the same place before it: at most one of them all is mined. Absent: none. */
  readonly earlier?: readonly BuiltTx[];
  readonly timeoutS: number;
}

/** How a transaction ended. Status as in a chain's receipt: 1 done, 0 reverted. */
export type TxReceipt =
  /** amountOut: what a swap paid out, or what was wrapped; 0 of anything else. */
  | { readonly status: 1; readonly txHash: string; readonly amountOut: string }
  | { readonly status: 0; readonly txHash: string; readonly amountOut: null };
