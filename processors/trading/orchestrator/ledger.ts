import type { PlanCreatedPayload, PlanStep } from '../../../avro/index.ts';
import type { EffectRequest } from '../../../engine/actor.ts';
import type { Micros } from '../../../engine/event.ts';
import type { BuiltTx, Fees, SwapBuildArgs, SwapSubmitArgs, SwapWaitArgs } from './swap-effects.ts';

export interface Fill {
  readonly amountOut: string;
  readonly txHash: string;
}

/** The execution of one plan. It stays when all is over: a second plan of its correlation finds it and stops. */
export interface Ledger {
  readonly planId: string;
  readonly intentId: string;
  readonly steps: readonly PlanStep[];
  /** Of every step's swap, seconds since 1970: 120 s after the plan. */
  readonly deadlineS: number;
  readonly stepIndex: number;
  /** Of building and submitting this step, from 1. */
  readonly attempt: number;
  /** Of waiting for this step's receipt, from 1; 0 before. */
  readonly wait: number;
  /** How often it was mined when a wait ended, and not under enough blocks: no attempt. Absent: never. */
  readonly unconfirmed?: number;
  readonly phase: 'reserving' | 'building' | 'submitting' | 'waiting' | 'done' | 'failed';
  /** Whose transaction this step's is, and its place there; null: the venue has no such thing. */
  readonly account: string | null;
  readonly nonce: number | null;
  /** Signed last. Others that this step may have had stand at the same nonce, and the chain takes one. */
  readonly tx: BuiltTx | null;
  /** Those handed in before it, which it was to replace. */
  readonly earlier: readonly BuiltTx[];
  readonly filled: readonly Fill[];
}

/** From the submission; never shorter than the swap's own deadline, which is as long after the plan. */
export const RECEIPT_TIMEOUT_S = 120;
/** How long a transaction waits before one that offers more takes its place, */
export const BUMP_AFTER_S = 30;
/** how often, */
export const MOST_BUMPS = 3;
/** and how much more, in per cent: nodes want a tenth at least. */
const BUMPED_PERCENT = 125n;
const SWAP_DEADLINE_S = 120;

/** Venue → `chainId:address` of the account that swaps there; a venue without one has no nonces. */
export type VenueAccounts = Readonly<Record<string, string>>;

export function openLedger(
  plan: PlanCreatedPayload,
  plannedAt: Micros,
  accounts: VenueAccounts,
): Ledger {
  const { planId, intentId, steps } = plan;
  const deadlineS = Math.floor(plannedAt / 1_000_000) + SWAP_DEADLINE_S;
  return { planId, intentId, steps, deadlineS, ...atStep(0, steps, accounts), filled: [] };
}

/** When its plan was made. Units: seconds since 1970. */
export function plannedAtS({ deadlineS }: Pick<Ledger, 'deadlineS'>): number {
  return deadlineS - SWAP_DEADLINE_S;
}

/** What a ledger says when it comes to a step. */
export function atStep(
  stepIndex: number,
  steps: readonly PlanStep[],
  accounts: VenueAccounts,
): Omit<Ledger, 'planId' | 'intentId' | 'steps' | 'deadlineS' | 'filled'> {
  const account = accounts[steps[stepIndex]?.venue ?? ''] ?? null;
  const phase = account === null ? 'building' : 'reserving';
  return { stepIndex, attempt: 1, wait: 0, phase, tx: null, earlier: [], account, nonce: null };
}

/** The id of the effect that a ledger waits for; a result of any other is late and means nothing. */
export function openEffectId(ledger: Ledger): string | null {
  const { stepIndex, attempt, wait, unconfirmed, phase, earlier } = ledger;
  const bump = earlier.length === 0 ? '' : `/bump-${earlier.length}`;
  const prefix = `step-${stepIndex}/attempt-${attempt}${bump}`;
  switch (phase) {
    case 'building':
      return `${prefix}/build`;
    case 'submitting':
      return `${prefix}/submit`;
    case 'waiting':
      return `${prefix}/wait-${wait}${unconfirmed === undefined ? '' : `/again-${unconfirmed}`}`;
    case 'reserving':
    case 'done':
    case 'failed':
      return null;
  }
}

/** The effect that takes a ledger on from where it is; none when it is at its end. */
export function nextEffects(ledger: Ledger, notBefore?: Micros): readonly EffectRequest[] {
  const id = openEffectId(ledger);
  if (id === null) return [];
  const when = notBefore === undefined ? {} : { notBefore };
  const { planId, stepIndex, attempt, phase, tx, deadlineS, nonce } = ledger;
  const { venue, base, quote, amount_in: amountIn, min_out: minOut } = currentStep(ledger);
  if (phase === 'building' || tx === null) {
    const swap = { venue, base, quote, amountIn, minOut, deadlineS };
    const place = nonce === null ? {} : { nonce };
    const fees = bumpedFees(ledger);
    const offer = fees === null ? {} : { fees };
    const args: SwapBuildArgs = { planId, stepIndex, attempt, ...swap, ...place, ...offer };
    return [{ id, name: 'swap.build', args, ...when }];
  }
  if (phase === 'submitting')
    return [{ id, name: 'swap.submit', args: { venue, tx } satisfies SwapSubmitArgs, ...when }];
  const { earlier } = ledger;
  const timeoutS = waitS(ledger);
  const args: SwapWaitArgs = { venue, tx, timeoutS, ...(earlier.length > 0 && { earlier }) };
  return [{ id, name: 'swap.wait', args, ...when }];
}

/** Whether another transaction may take the place of the one that waits. */
export function canBump({ tx, nonce, earlier }: Ledger): boolean {
  return nonce !== null && tx?.fees !== undefined && earlier.length < MOST_BUMPS;
}

/** All waits of a step together take RECEIPT_TIMEOUT_S. */
function waitS(ledger: Ledger): number {
  if (canBump(ledger)) return BUMP_AFTER_S;
  return RECEIPT_TIMEOUT_S - ledger.earlier.length * BUMP_AFTER_S;
}

/** What a transaction has to offer that takes the place of the last one; null: there is none, or it names no fees. */
function bumpedFees({ earlier }: Ledger): Fees | null {
  const fees = earlier.at(-1)?.fees;
  if (fees === undefined) return null;
  const more = (fee: string): string => String((BigInt(fee) * BUMPED_PERCENT) / 100n + 1n);
  const { maxFeePerGas, maxPriorityFeePerGas } = fees;
  return {
    maxFeePerGas: more(maxFeePerGas),
    maxPriorityFeePerGas: more(maxPriorityFeePerGas),
  };
}

function currentStep({ planId, steps, stepIndex }: Ledger): PlanStep {
  const step = steps[stepIndex];
  if (step !== undefined) return step;
  throw new RangeError(`plan ${planId} has no step ${stepIndex}; it has ${steps.length}`);
}
