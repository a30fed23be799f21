import type {
  AccountFillArgs,
  AccountReadArgs,
  BuiltTx,
  PreparationBuildArgs,
  SwapBuildArgs,
  SwapPrepareArgs,
  SwapReadiness,
  SwapSubmitArgs,
  SwapWaitArgs,
  TxReceipt,
} from '../../processors/trading/index.ts';
import { VenueError, type VenueAdapter } from './venue.ts';

/** Performs the orchestrator's effects. Throws: VenueError. */
export interface SwapPerformers {
  readonly 'swap.prepare': (args: unknown, signal: AbortSignal) => Promise<SwapReadiness>;
  readonly 'preparation.build': (args: unknown, signal: AbortSignal) => Promise<BuiltTx>;
  readonly 'swap.build': (args: unknown, signal: AbortSignal) => Promise<BuiltTx>;
  readonly 'swap.submit': (args: unknown, signal: AbortSignal) => Promise<string>;
  readonly 'swap.wait': (args: unknown, signal: AbortSignal) => Promise<TxReceipt>;
  readonly 'account.read': (args: unknown, signal: AbortSignal) => Promise<number>;
  readonly 'account.look': (args: unknown, signal: AbortSignal) => Promise<number>;
  readonly 'account.fill': (args: unknown, signal: AbortSignal) => Promise<string>;
  // What takes performers looks them up by the name of the effect.
  readonly [name: string]: (args: unknown, signal: AbortSignal) => Promise<unknown>;
}

/**
 * The effects of a swap, on the venue that the plan names.
 *
 * Order: each is performed at least once; only `swap.submit` changes anything, and the same bytes execute once.
 * Source: B-57, B-58, B-61.
 */
export function swapPerformers(venues: ReadonlyMap<string, VenueAdapter>): SwapPerformers {
  const pending = async (args: unknown, signal: AbortSignal): Promise<number> => {
    const { account } = args as AccountReadArgs;
    return (await venueOfAccount(venues, account).nonceState(signal)).pending;
  };
  return {
    'account.read': pending,
    'account.look': pending,
    'account.fill': async (args, signal) => {
      const { account, nonce } = args as AccountFillArgs;
      const venue = venueOfAccount(venues, account);
      return venue.submitTx(await venue.buildFill({ nonce }, signal), signal);
    },
    'swap.prepare': async (args, signal) => {
      const { venue, base, amountIn } = args as SwapPrepareArgs;
      const target = venueOf(venues, venue);
      const [preparations, { pending }] = await Promise.all([
        target.preparations({ base, amountIn }, signal),
        target.nonceState(signal),
      ]);
      return { preparations, pending };
    },
    'preparation.build': async (args, signal) => {
      const { venue: name, preparation, ...terms } = args as PreparationBuildArgs;
      const { kind, ...what } = preparation;
      const venue = venueOf(venues, name);
      const order = { ...what, ...terms };
      return kind === 'wrap' ? venue.buildWrap(order, signal) : venue.buildApproval(order, signal);
    },
    'swap.build': async (args, signal) => {
      const step = args as SwapBuildArgs;
      const { base, quote, amountIn, minOut, deadlineS, nonce, fees } = step;
      const venue = venueOf(venues, step.venue);
      const { recipient } = venue;
      const reference = `${step.planId}/step-${step.stepIndex}/attempt-${step.attempt}`;
      const swap = { base, quote, amountIn, minOut, recipient, reference, deadlineS };
      const place = nonce === undefined ? {} : { nonce };
      const offer = fees === undefined ? {} : { fees };
      return venue.buildSwapTx({ ...swap, ...place, ...offer }, signal);
    },
    'swap.submit': async (args, signal) => {
      const { venue, tx } = args as SwapSubmitArgs;
      return venueOf(venues, venue).submitTx(tx, signal);
    },
    'swap.wait': async (args, signal) => {
      const { venue: name, tx, earlier = [], timeoutS } = args as SwapWaitArgs;
      const venue = venueOf(venues, name);
      const others = new AbortController();
      const both = AbortSignal.any([signal, others.signal]);
      const waits = [tx, ...earlier].map((each) =>
        venue.waitReceipt(each.txHash, timeoutS, { tx: each, signal: both }),
      );
      try {
        return await Promise.any(waits);
      } catch (error) {
        throw error instanceof AggregateError ? decisive(error.errors) : error;
      } finally {
        others.abort();
        await Promise.allSettled(waits);
      }
    },
  };
}

/** One that is mined decides; else what became of the last one says it for all: the others had its place. */
function decisive(errors: readonly unknown[]): unknown {
  const isMined = (error: unknown): boolean =>
    error instanceof VenueError && error.code === 'TX_UNCONFIRMED';
  return errors.find(isMined) ?? errors[0];
}

function venueOfAccount(venues: ReadonlyMap<string, VenueAdapter>, account: string): VenueAdapter {
  const venue = [...venues.values()].find((each) => each.account === account);
  if (venue !== undefined) return venue;
  throw new VenueError(
    'WRONG_CHAIN',
    `this process does not sign for ${account}; give it that account's key and chain`,
  );
}

function venueOf(venues: ReadonlyMap<string, VenueAdapter>, name: string): VenueAdapter {
  const venue = venues.get(name);
  if (venue !== undefined) return venue;
  const known = [...venues.keys()].join(', ');
  throw new VenueError(
    'WRONG_CHAIN',
    `the plan wants venue ${name}, this process has ${known || 'none'}; start one that has it`,
  );
}
