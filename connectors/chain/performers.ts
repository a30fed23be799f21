import type {
  BuiltTx,
  SwapBuildArgs,
  SwapSubmitArgs,
  SwapWaitArgs,
  TxReceipt,
} from '../../processors/trading/index.ts';
import { VenueError, type VenueAdapter } from './venue.ts';

/** Performs the orchestrator's effects. Throws: VenueError. */
export interface SwapPerformers {
  readonly 'swap.build': (args: unknown, signal: AbortSignal) => Promise<BuiltTx>;
  readonly 'swap.submit': (args: unknown, signal: AbortSignal) => Promise<string>;
  readonly 'swap.wait': (args: unknown, signal: AbortSignal) => Promise<TxReceipt>;
  // What takes performers looks them up by the name of the effect.
  readonly [name: string]: (args: unknown, signal: AbortSignal) => Promise<unknown>;
}

/**
 * The effects of a swap on one venue.
 *
 * Order: each is performed at least once; only `swap.submit` changes anything, and the same bytes execute once.
 * Source: B-57, B-58, B-61.
 */
export function swapPerformers(
  venue: VenueAdapter,
  { recipient }: { readonly recipient: string },
): SwapPerformers {
  return {
    'swap.build': (args, signal) => {
      const { venue: wanted, ...step } = args as SwapBuildArgs;
      if (wanted !== venue.venue)
        throw new VenueError(
          'WRONG_CHAIN',
          `the plan wants venue ${wanted}, this process trades on ${venue.venue}; start one for it`,
        );
      const { base, quote, amountIn, minOut } = step;
      const reference = `${step.planId}/step-${step.stepIndex}/attempt-${step.attempt}`;
      return venue.buildSwapTx({ base, quote, amountIn, minOut, recipient, reference }, signal);
    },
    'swap.submit': (args, signal) => venue.submitTx((args as SwapSubmitArgs).tx, signal),
    'swap.wait': (args, signal) => {
      const { tx, timeoutS } = args as SwapWaitArgs;
      return venue.waitReceipt(tx.txHash, timeoutS, { tx, signal });
    },
  };
}
