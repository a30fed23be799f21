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

/** A step and its place among the account's transactions. */
export interface Grant extends Step {
  readonly nonce: number;
  readonly at: Micros;
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
  readonly asker: (Step & { readonly replyTo: ReplyAddress }) | null;
  /** Questions to the chain so far, and places filled: each effect has an id of its own. */
  readonly asked: number;
}

export const NO_NONCES: Nonces = { account: '', next: null, open: [], asker: null, asked: 0 };

/** The place that a step has already; null: none. */
export function grantOf({ open }: Nonces, { planId, stepIndex }: Step): Grant | null {
  return open.find((each) => each.planId === planId && each.stepIndex === stepIndex) ?? null;
}

/** Gives a step the next place; null: too many are under way, or the chain has to be asked. */
export function give(
  nonces: Nonces,
  { planId, stepIndex }: Step,
  at: Micros,
): { readonly nonces: Nonces; readonly grant: Grant } | null {
  const { next, open } = nonces;
  if (next === null || open.length >= OPEN_NONCES) return null;
  const grant = { planId, stepIndex, nonce: next, at };
  return { nonces: { ...nonces, next: next + 1, open: [...open, grant] }, grant };
}

/** A step needs its place no more. One that nobody was shown, and nothing hangs on, is simply there again. */
export function settle(nonces: Nonces, step: Step, isUsed: boolean): Nonces {
  const grant = grantOf(nonces, step);
  if (grant === null) return nonces;
  const open = nonces.open.filter((each) => each !== grant);
  if (open.length === 0) return { ...nonces, open, next: null };
  const isLast = !isUsed && grant.nonce + 1 === nonces.next;
  return { ...nonces, open, next: isLast ? grant.nonce : nonces.next };
}

/**
 * The place that has to be filled with a transaction that does nothing, because what is under way hangs on it and
 * nobody will use it; null: there is none. `pending`: how many transactions of the account the node knows.
 */
export function holeAt({ open }: Nonces, pending: number, now: Micros): number | null {
  const hangs = open.some(({ nonce }) => nonce > pending);
  if (!hangs) return null;
  const holder = open.find(({ nonce }) => nonce === pending);
  const isIdle = holder === undefined || now - holder.at >= IDLE_GRANT_S * 1_000_000;
  return isIdle ? pending : null;
}
