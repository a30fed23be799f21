import type { ReplyAddress } from '../../../engine/actor.ts';
import type { Micros } from '../../../engine/event.ts';

/** Transactions of an account that may be under way at once: nodes drop what is queued deeper. */
export const OPEN_NONCES = 16;
/** How long a place may be held without the chain having seen a transaction there, while others hang on it. */
export const IDLE_GRANT_S = 15;

export interface Step {
  readonly planId: string;
  readonly stepIndex: number;
}

/** A step and one of its places among the account's transactions. */
export interface Grant extends Step {
  readonly nonce: number;
  /** When it was given, or the place of the same step before it was settled. */
  readonly at: Micros;
}

/** A step that wants places, so many (default 1), one after the other. */
export interface Asker extends Step {
  readonly count?: number;
  readonly replyTo: ReplyAddress;
}

/** The places among an account's transactions, as far as they matter now. */
export interface Nonces {
  /** `chainId:address`: the actor's key, for its effects. */
  readonly account: string;
  /** The lowest one that nobody has had; null: nothing is under way, so the chain is asked. */
  readonly next: number | null;
  /** At most OPEN_NONCES. */
  readonly open: readonly Grant[];
  /** Who asked first while the chain is asked; the others ask again. */
  readonly asker: Asker | null;
  /** The place that was empty when the chain was last looked at, with others behind it; null or absent: none. */
  readonly empty?: number | null;
  /** One more than the highest that was used since the chain was asked last; absent: none was. */
  readonly floor?: number;
  /** Questions to the chain so far, and places filled: each effect has an id of its own. */
  readonly asked: number;
}

export const NO_NONCES: Nonces = { account: '', next: null, open: [], asker: null, asked: 0 };

/** The first of the places that a step has already; null: it has none. */
export function grantOf({ open }: Nonces, step: Step): Grant | null {
  return open.find((each) => isOf(each, step)) ?? null;
}

/**
 * What is known of the next place from a look that a step took itself, while nothing is under way. A number below what
 * was used since is an old one, or the chain has begun anew: then null, and the chain is asked.
 */
export function seenNext({ open, floor = 0 }: Nonces, pending: number | null): number | null {
  return open.length === 0 && pending !== null && pending >= floor ? pending : null;
}

/** Gives a step the next places, one after the other; null: too many are under way, or the chain has to be asked. */
export function give(
  nonces: Nonces,
  { planId, stepIndex }: Step,
  of: { readonly at: Micros; readonly count: number },
): { readonly nonces: Nonces; readonly nonce: number } | null {
  const { next: nonce, open } = nonces;
  const { at, count } = of;
  if (nonce === null || open.length + count > OPEN_NONCES) return null;
  const grants = Array.from({ length: count }, (_, index) => ({
    ...{ planId, stepIndex, at },
    nonce: nonce + index,
  }));
  return { nonces: { ...nonces, next: nonce + count, open: [...open, ...grants] }, nonce };
}

/** A step needs a place no more. One that nobody was shown, and nothing hangs on, is simply there again. */
export function settle(
  nonces: Nonces,
  step: Step & { readonly nonce: number },
  { isUsed, at }: { readonly isUsed: boolean; readonly at: Micros },
): Nonces {
  const { nonce } = step;
  if (!nonces.open.some((each) => isOf(each, step) && each.nonce === nonce)) return nonces;
  const left = nonces.open.filter((each) => each.nonce !== nonce);
  const floor = isUsed ? Math.max(nonces.floor ?? 0, nonce + 1) : (nonces.floor ?? 0);
  if (left.length === 0) return { ...nonces, open: left, next: null, empty: null, floor };
  // The next of the same step could not be handed in before.
  const open = left.map((each) => (isOf(each, step) ? { ...each, at } : each));
  const isLast = !isUsed && nonce + 1 === nonces.next;
  return { ...nonces, open, next: isLast ? nonce : nonces.next, floor };
}

/**
 * The place that nothing stands at although what is under way hangs on it, and nobody is about to hand anything in
 * there; null: there is none. `pending`: how many transactions of the account the node knows.
 */
export function holeAt({ open }: Nonces, pending: number, now: Micros): number | null {
  const hangs = open.some(({ nonce }) => nonce > pending);
  if (!hangs) return null;
  const holder = open.find(({ nonce }) => nonce === pending);
  if (holder === undefined) return pending;
  // It waits for what its step does first, which has a place of its own before this one.
  if (open.some((each) => isOf(each, holder) && each.nonce < pending)) return null;
  return now - holder.at >= IDLE_GRANT_S * 1_000_000 ? pending : null;
}

function isOf(grant: Grant, { planId, stepIndex }: Step): boolean {
  return grant.planId === planId && grant.stepIndex === stepIndex;
}
