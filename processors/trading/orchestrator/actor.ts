import type {
  ExecCompletedPayload,
  ExecFailedPayload,
  ExecStartedPayload,
  ExecStepFilledPayload,
  ExecStepSubmittedPayload,
  NonceGivenPayload,
  NonceSettledPayload,
  NonceWantedPayload,
  PlanCreatedPayload,
} from '../../../avro/index.ts';
import {
  actor,
  event,
  type Actor,
  type Decision,
  type EffectResult,
  type EventEmit,
  type Message,
  setTimer,
  tell,
} from '../../../engine/actor.ts';
import type { Micros } from '../../../engine/event.ts';
import {
  afterPreparation,
  atStep,
  BUMP_AFTER_S,
  canBump,
  type Fill,
  type Ledger,
  nextEffects,
  openEffectId,
  openLedger,
  preparationOf,
  RECEIPT_TIMEOUT_S,
  upcastLedger,
  type VenueAccounts,
} from './ledger.ts';
import type { BuiltTx, SwapReadiness, TxReceipt } from './swap-effects.ts';

/*
 * Invariants kept here:
 * - all swaps signed for a step have one nonce, and retries submit the very bytes: a second swap is impossible, even
 *   if a failed submission did reach the chain after all (X-16, B-61);
 * - what a swap needs first (ether wrapped, an allowance) is a transaction like it, at the places right before its own:
 *   nobody else's swap can use up the allowance in between;
 * - exec.step_submitted is journaled before its receipt is waited for (B-57);
 * - a ledger ends once: with exec.completed or with exec.failed (B-75).
 */

export interface OrchestratorOptions {
  /** Attempts to build and submit one step; as many times its receipt is asked for. */
  readonly maxAttempts: number;
  /** Pause before the second, third … attempt; the last one stands for all later ones. */
  readonly retryDelaysMs: readonly number[];
  /** Whose transactions a venue's are: their places are asked for (rk.chain.account). Default: none's. */
  readonly accounts?: VenueAccounts;
  /** How long a transaction waits before one that offers more takes its place. Default BUMP_AFTER_S; at most that. */
  readonly bumpAfterS?: number;
}

type State = Ledger | null;

/** Timer of one who got no place. */
const ASK_AGAIN = 'ask';
type Failure = Extract<EffectResult, { ok: false }>;

/** Failures that another attempt cannot heal. */
const FINAL_CODES: ReadonlySet<string> = new Set([
  'TX_REVERTED',
  'TX_TIMEOUT',
  'TX_DROPPED',
  'WRONG_CHAIN',
]);

/**
 * Executes each plan once, step after step.
 *
 * Source: B-56 … B-61, B-75.
 */
export function orchestratorActor(options: OrchestratorOptions): Actor<State> {
  const { accounts = {}, bumpAfterS = BUMP_AFTER_S } = options;
  const retry = (ledger: Ledger, failure: Failure, time: Micros) =>
    retried(ledger, failure, time, options);
  const built = (ledger: State, result: EffectResult, time: Micros): Decision<State> => {
    if (!isAwaited(ledger, result)) return {};
    if (!result.ok) return unbumped(ledger) ?? retry(ledger, result, time);
    return proceed({ ...ledger, tx: result.value as BuiltTx, phase: 'submitting' });
  };
  return actor<State>({
    name: 'orchestrator',
    state: {
      version: 2,
      initial: () => null,
      upcast: (_version, stored) => upcastLedger(stored as Parameters<typeof upcastLedger>[0]),
    },
    emits: [
      'exec.started',
      'exec.step_submitted',
      'exec.step_filled',
      'exec.completed',
      'exec.failed',
      'chain.nonce_wanted',
      'chain.nonce_settled',
    ],
    handles: {
      'plan.created': (ledger, { payload, occurredAt }: Message<PlanCreatedPayload>) =>
        ledger === null ? started(openLedger(payload, occurredAt, { accounts, bumpAfterS })) : {},
      'chain.nonce_given': (ledger, { payload }: Message<NonceGivenPayload>, { time }) =>
        ledger === null ? {} : reserved(ledger, payload, time),
    },
    timers: {
      [ASK_AGAIN]: (ledger) => (ledger?.phase === 'reserving' ? { emit: [wanted(ledger)] } : {}),
    },
    effects: {
      'swap.prepare': (ledger, result, { time }) => {
        if (!isAwaited(ledger, result)) return {};
        if (!result.ok) return retry(ledger, result, time);
        const { preparations, pending } = result.value as SwapReadiness;
        const ready: Ledger = { ...ledger, preparations, attempt: 1, phase: 'reserving' };
        return { state: ready, emit: [wanted(ready, pending)] };
      },
      'preparation.build': (ledger, result, { time }) => built(ledger, result, time),
      'swap.build': (ledger, result, { time }) => built(ledger, result, time),
      'swap.submit': (ledger, result, { time }) => {
        if (!isAwaited(ledger, result)) return {};
        if (result.ok) return submitted(ledger);
        return unbumped(ledger) ?? retry(ledger, result, time);
      },
      'swap.wait': (ledger, result, { time }) => {
        if (!isAwaited(ledger, result)) return {};
        if (!result.ok && result.code === 'TX_UNCONFIRMED') return unconfirmed(ledger);
        if (!result.ok && result.code === 'TX_TIMEOUT' && canBump(ledger)) return bumped(ledger);
        if (!result.ok) return retry(ledger, result, time);
        return settled(ledger, result.value as TxReceipt, accounts);
      },
    },
  });
}

function isAwaited(ledger: State, result: EffectResult): ledger is Ledger {
  return ledger !== null && openEffectId(ledger) === result.id;
}

function started(ledger: Ledger): Decision<State> {
  const { planId, intentId, steps } = ledger;
  const start = event('exec.started', {
    planId,
    intentId,
    stepIndex: 0,
  } satisfies ExecStartedPayload);
  const decision =
    steps.length === 0
      ? failed(ledger, 'TX_DROPPED', `steps is empty: plan ${planId} has nothing to execute.`)
      : proceed(ledger);
  return { ...decision, emit: [start, ...(decision.emit ?? [])] };
}

function proceed(ledger: Ledger, notBefore?: Micros): Decision<State> {
  return { state: ledger, effects: nextEffects(ledger, notBefore), emit: [] };
}

/** `pending`: how many transactions of the account were known a moment ago; null: nobody has looked. */
function wanted(
  { planId, stepIndex, account, preparations }: Ledger,
  pending: number | null = null,
): EventEmit {
  const count = preparations.length + 1;
  const payload: NonceWantedPayload = { planId, stepIndex, count, pending };
  return tell('chain.nonce_wanted', account ?? '', payload);
}

/** The account has answered: with a place, or with when to ask again. */
function reserved(
  ledger: Ledger,
  { planId, stepIndex, nonce, retryMs }: NonceGivenPayload,
  time: Micros,
): Decision<State> {
  if (planId !== ledger.planId || stepIndex !== ledger.stepIndex) return {};
  if (ledger.phase !== 'reserving') return {};
  if (nonce !== null) return proceed({ ...ledger, phase: 'building', nonce });
  const reason = `No place among the transactions of ${ledger.account} came free before the swap's deadline.`;
  if (time >= ledger.deadlineS * 1_000_000) return failed(ledger, 'NONCE_UNAVAILABLE', reason);
  return { timers: [setTimer(ASK_AGAIN, time + retryMs * 1_000)] };
}

/** The transaction needs its place no more. Of what was never handed in, nobody will find anything there. */
function givenBack(
  { planId, stepIndex, account, nonce }: Ledger,
  isUsed: boolean,
  ahead = 0,
): readonly EventEmit[] {
  if (account === null || nonce === null) return [];
  const payload: NonceSettledPayload = { planId, stepIndex, nonce: nonce + ahead, isUsed };
  return [tell('chain.nonce_settled', account, payload)];
}

/** All places of a step that comes to nothing, the last first: what nothing hangs on is simply there again. */
function allGivenBack(ledger: Ledger, isUsed: boolean): readonly EventEmit[] {
  const later = ledger.preparations.map((_, index) => index + 1).reverse();
  return [
    ...later.flatMap((ahead) => givenBack(ledger, false, ahead)),
    ...givenBack(ledger, isUsed),
  ];
}

function submitted(ledger: Ledger): Decision<State> {
  const waiting = proceed({ ...ledger, phase: 'waiting', wait: 1 });
  if (preparationOf(ledger) !== null) return waiting;
  const { planId, intentId, stepIndex, attempt } = ledger;
  const txHash = txHashOf(ledger);
  const payload: ExecStepSubmittedPayload = {
    planId,
    intentId,
    stepIndex,
    txHash,
    attempt,
    replaces: ledger.earlier.at(-1)?.txHash ?? null,
  };
  return { ...waiting, emit: [event('exec.step_submitted', payload)] };
}

/** It is mined, so neither is it replaced nor does the step fail: only the chain can take it back. */
function unconfirmed(ledger: Ledger): Decision<State> {
  return proceed({ ...ledger, unconfirmed: ledger.unconfirmed + 1 });
}

/** Nobody has mined it for a while: another of the same place, which offers more, is to take its turn. */
function bumped(ledger: Ledger): Decision<State> {
  const { tx, earlier } = ledger;
  if (tx === null) return {};
  return proceed({ ...ledger, earlier: [...earlier, tx], tx: null, phase: 'building', wait: 0 });
}

/** What was to replace a transaction came to nothing: the one before is waited for again. null: it was the first. */
function unbumped(ledger: Ledger): Decision<State> | null {
  const tx = ledger.earlier.at(-1);
  if (tx === undefined) return null;
  return proceed({
    ...ledger,
    tx: { ...tx, fees: undefined },
    earlier: ledger.earlier.slice(0, -1),
    phase: 'waiting',
    wait: 1,
  });
}

function settled(ledger: Ledger, receipt: TxReceipt, accounts: VenueAccounts): Decision<State> {
  const { txHash } = receipt;
  const preparation = preparationOf(ledger);
  if (receipt.status === 0) {
    const what = preparation === null ? '' : `, to ${preparation.kind} ${preparation.asset},`;
    const reason = `Transaction ${txHash}${what} was reverted by the chain.`;
    return failed(ledger, 'TX_REVERTED', reason);
  }
  if (preparation !== null) {
    const next = proceed(afterPreparation(ledger));
    return { ...next, emit: givenBack(ledger, true) };
  }
  const { planId, intentId, stepIndex, steps } = ledger;
  const fill: Fill = { amountOut: receipt.amountOut, txHash };
  const outcome = { planId, intentId, stepIndex, ...fill };
  const filled = event('exec.step_filled', outcome satisfies ExecStepFilledPayload);
  const after: Ledger = { ...ledger, filled: [...ledger.filled, fill] };
  const back = givenBack(ledger, true);
  if (stepIndex + 1 < steps.length) {
    const next = proceed({ ...after, ...atStep(stepIndex + 1, steps, accounts) });
    return { ...next, emit: [filled, ...back, ...(next.emit ?? [])] };
  }
  const completed = event('exec.completed', outcome satisfies ExecCompletedPayload);
  return { state: { ...after, phase: 'done' }, emit: [filled, completed, ...back] };
}

function retried(
  ledger: Ledger,
  failure: Failure,
  time: Micros,
  { maxAttempts, retryDelaysMs }: OrchestratorOptions,
): Decision<State> {
  if (failure.kind === 'final' || FINAL_CODES.has(failure.code))
    return failed(ledger, failure.code, reasonOf(ledger, failure));
  const waiting = ledger.phase === 'waiting';
  const made = waiting ? ledger.wait : ledger.attempt;
  if (made >= maxAttempts)
    return failed(
      ledger,
      'ATTEMPTS_EXCEEDED',
      `Step ${ledger.stepIndex} failed in all ${maxAttempts} attempts of ${failure.name}; the last one by ` +
        `${failure.code}: ${failure.reason}`,
    );
  const delayMs = retryDelaysMs[made - 1] ?? retryDelaysMs.at(-1) ?? 0;
  const next = waiting ? { wait: made + 1 } : { attempt: made + 1 };
  return proceed({ ...ledger, ...next }, time + delayMs * 1000);
}

function reasonOf(ledger: Ledger, failure: Failure): string {
  if (failure.code !== 'TX_TIMEOUT') return failure.reason;
  return `timeout: transaction ${txHashOf(ledger)} has no receipt after ${RECEIPT_TIMEOUT_S} s.`;
}

function failed(ledger: Ledger, code: string, reason: string): Decision<State> {
  const { planId, intentId, stepIndex } = ledger;
  const payload: ExecFailedPayload = { planId, intentId, stepIndex, reason, code };
  // Refused for sure, it is nowhere; what was taken may be mined yet, and what came too late found another there.
  const isUsed = ledger.phase === 'waiting' || code === 'NONCE_TOO_LOW';
  const emit = [event('exec.failed', payload), ...allGivenBack(ledger, isUsed)];
  return { state: { ...ledger, phase: 'failed' }, emit };
}

function txHashOf(ledger: Ledger): string {
  if (ledger.tx !== null) return ledger.tx.txHash;
  throw new Error(`plan ${ledger.planId} is ${ledger.phase} without a signed transaction`);
}
