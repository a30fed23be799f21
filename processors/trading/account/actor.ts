import type {
  NonceGivenPayload,
  NonceSettledPayload,
  NonceWantedPayload,
} from '../../../avro/index.ts';
import {
  actor,
  type Actor,
  cancelTimer,
  type Context,
  type Decision,
  type EffectRequest,
  type EventEmit,
  type Message,
  reply,
  type ReplyAddress,
  setTimer,
} from '../../../engine/actor.ts';
import {
  type Asker,
  give,
  grantOf,
  holeAt,
  NO_NONCES,
  type Nonces,
  seenNext,
  settle,
  type Step,
} from './nonces.ts';

/*
 * Invariants kept here:
 * - a place is given to one step, and a step that asks again gets those it has;
- the places of one step follow one another, so nobody else's transaction comes between;
 * - places are given in their order, and at most OPEN_NONCES are under way;
 * - a place that nobody will use is filled while something hangs on it. Whoever held it can then use it no more:
 *   the chain takes one transaction a place, so a step that comes after all fails, and swaps nothing.
 */

/** `account.read` and `account.look`: how many transactions of the account does the node know? */
export interface AccountReadArgs {
  readonly account: string;
}

/** `account.fill`: puts a transaction that does nothing there. */
export interface AccountFillArgs extends AccountReadArgs {
  readonly nonce: number;
}

/** Between two looks at whether something hangs on an empty place. */
const LOOK_EVERY_S = 5;
/** After which one asks again who got no place. */
const ASK_AGAIN_MS = 100;
/** How old a step's own look at the chain may be. Units: microseconds. */
const FRESH_MICROS = 2_000_000;
/** A node that is away is asked again after this many milliseconds, and then by whoever still wants a place. */
const READ_LADDER_MS = [250, 1_000, 5_000];
const LOOK = 'look';

/**
 * Hands out the places (nonces) among an account's transactions, one actor an account.
 *
 * Source: B-61; docs/adr/014.
 */
export function accountActor(): Actor<Nonces> {
  return actor<Nonces>({
    name: 'account',
    state: { version: 1, initial: () => NO_NONCES },
    emits: ['chain.nonce_given'],
    handles: {
      'chain.nonce_wanted': (nonces, message: Message<NonceWantedPayload>, context) =>
        wanted(nonces, message, context),
      'chain.nonce_settled': (nonces, { payload }: Message<NonceSettledPayload>, { time }) => {
        const after = settle(nonces, payload, { isUsed: payload.isUsed, at: time });
        return { state: after, timers: after.open.length === 0 ? [cancelTimer(LOOK)] : [] };
      },
    },
    effects: {
      'account.read': (nonces, result, context) => {
        const { asker } = nonces;
        if (asker === null) return {};
        const idle = { ...nonces, asker: null };
        if (!result.ok) return { state: idle, emit: [given(asker.replyTo, asker, null)] };
        return granted({ ...idle, next: result.value as number, floor: 0 }, asker, context);
      },
      'account.look': (nonces, result, { time }) => {
        if (nonces.open.length === 0) return {};
        const empty = result.ok ? holeAt(nonces, result.value as number, time) : null;
        // A node that has just lost a transaction is about to be shown it again.
        if (empty !== null && empty === nonces.empty)
          return fill({ ...nonces, empty: null }, empty);
        return empty === (nonces.empty ?? null) ? {} : { state: { ...nonces, empty } };
      },
      // Filled, or used by somebody after all, or to be looked at again.
      'account.fill': () => ({}),
    },
    timers: {
      [LOOK]: (nonces, _firing, { time }) => {
        if (nonces.open.length === 0) return {};
        return {
          state: { ...nonces, asked: nonces.asked + 1 },
          effects: [effectOf(nonces, 'account.look', { account: nonces.account })],
          timers: [setTimer(LOOK, time + LOOK_EVERY_S * 1_000_000)],
        };
      },
    },
  });
}

function wanted(
  nonces: Nonces,
  message: Message<NonceWantedPayload>,
  context: Context,
): Decision<Nonces> {
  const { payload: step, replyTo } = message;
  if (replyTo === undefined) return {};
  const known = grantOf(nonces, step);
  if (known !== null) return { emit: [given(replyTo, step, known.nonce)] };
  if (nonces.next !== null) return granted(nonces, { ...step, replyTo }, context);
  if (nonces.asker !== null) return { emit: [given(replyTo, step, null)] };
  const isFresh = context.time - message.occurredAt < FRESH_MICROS;
  const next = isFresh ? seenNext(nonces, step.pending ?? null) : null;
  if (next !== null)
    return granted({ ...nonces, account: message.key, next }, { ...step, replyTo }, context);
  const { planId, stepIndex, count = 1 } = step;
  const account = message.key;
  const effect = effectOf(nonces, 'account.read', { account });
  return {
    state: {
      ...{ ...nonces, account, asked: nonces.asked + 1 },
      asker: { planId, stepIndex, count, replyTo },
    },
    effects: [{ ...effect, ladderMs: READ_LADDER_MS }],
  };
}

function effectOf(
  { asked }: Nonces,
  name: string,
  args: AccountReadArgs | AccountFillArgs,
): EffectRequest {
  return { id: `${name}-${asked}`, name, args };
}

function fill(nonces: Nonces, nonce: number): Decision<Nonces> {
  return {
    state: { ...nonces, asked: nonces.asked + 1 },
    effects: [effectOf(nonces, 'account.fill', { account: nonces.account, nonce })],
  };
}

function granted(
  nonces: Nonces,
  { replyTo, count = 1, ...step }: Asker,
  { time }: Context,
): Decision<Nonces> {
  const done = give(nonces, step, { at: time, count });
  if (done === null) return { state: nonces, emit: [given(replyTo, step, null)] };
  const isFirst = nonces.open.length === 0;
  return {
    state: done.nonces,
    emit: [given(replyTo, step, done.nonce)],
    timers: isFirst ? [setTimer(LOOK, time + LOOK_EVERY_S * 1_000_000)] : [],
  };
}

function given(
  replyTo: ReplyAddress,
  { planId, stepIndex }: Step,
  nonce: number | null,
): EventEmit {
  const retryMs = nonce === null ? ASK_AGAIN_MS : 0;
  const payload: NonceGivenPayload = { planId, stepIndex, nonce, retryMs };
  return reply({ replyTo }, 'chain.nonce_given', payload);
}
