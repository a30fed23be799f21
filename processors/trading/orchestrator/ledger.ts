import type { PlanCreatedPayload, PlanStep } from '../../../avro/index.ts';
import type { EffectRequest } from '../../../engine/actor.ts';
import type { Micros } from '../../../engine/event.ts';
import type { BuiltTx, SwapBuildArgs, SwapSubmitArgs, SwapWaitArgs } from './swap-effects.ts';

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
  readonly phase: 'reserving' | 'building' | 'submitting' | 'waiting' | 'done' | 'failed';
  /** Whose transaction this step's is, and its place there; null: the venue has no such thing. */
  readonly account: string | null;
  readonly nonce: number | null;
  /** Once signed, the only transaction this step will ever have. */
  readonly tx: BuiltTx | null;
  readonly filled: readonly Fill[];
}

/** From the submission; never shorter than the swap's own deadline, which is as long after the plan. */
export const RECEIPT_TIMEOUT_S = 120;
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

/** What a ledger says when it comes to a step. */
export function atStep(
  stepIndex: number,
  steps: readonly PlanStep[],
  accounts: VenueAccounts,
): Pick<Ledger, 'stepIndex' | 'attempt' | 'wait' | 'phase' | 'tx' | 'account' | 'nonce'> {
  const account = accounts[steps[stepIndex]?.venue ?? ''] ?? null;
  const phase = account === null ? 'building' : 'reserving';
  return { stepIndex, attempt: 1, wait: 0, phase, tx: null, account, nonce: null };
}

/** The id of the effect that a ledger waits for; a result of any other is late and means nothing. */
export function openEffectId({ stepIndex, attempt, wait, phase }: Ledger): string | null {
  const prefix = `step-${stepIndex}/attempt-${attempt}`;
  switch (phase) {
    case 'building':
      return `${prefix}/build`;
    case 'submitting':
      return `${prefix}/submit`;
    case 'waiting':
      return `${prefix}/wait-${wait}`;
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
    const args: SwapBuildArgs = { planId, stepIndex, attempt, ...swap, ...place };
    return [{ id, name: 'swap.build', args, ...when }];
  }
  if (phase === 'submitting')
    return [{ id, name: 'swap.submit', args: { venue, tx } satisfies SwapSubmitArgs, ...when }];
  const args: SwapWaitArgs = { venue, tx, timeoutS: RECEIPT_TIMEOUT_S };
  return [{ id, name: 'swap.wait', args, ...when }];
}

function currentStep({ planId, steps, stepIndex }: Ledger): PlanStep {
  const step = steps[stepIndex];
  if (step !== undefined) return step;
  throw new RangeError(`plan ${planId} has no step ${stepIndex}; it has ${steps.length}`);
}
