import type { PlanCreatedPayload, PlanStep } from '../../../avro/index.ts';
import type { EffectRequest } from '../../../engine/actor.ts';
import type { Micros } from '../../../engine/event.ts';
import type {
  BuiltTx,
  Fees,
  SwapPreparation,
  PreparationBuildArgs,
  SwapBuildArgs,
  SwapPrepareArgs,
  SwapSubmitArgs,
  SwapWaitArgs,
} from './swap-effects.ts';

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
  /** How long a transaction of its waits before one that offers more takes its place. */
  readonly bumpAfterS: number;
  readonly stepIndex: number;
  /** What is left to do before this step's swap, in order; each is a transaction with a place of its own. */
  readonly preparations: readonly SwapPreparation[];
  /** Of building and submitting the transaction that is under way, from 1. */
  readonly attempt: number;
  /** Of waiting for its receipt, from 1; 0 before. */
  readonly wait: number;
  /** How often it was mined when a wait ended, and not under enough blocks: no attempt. */
  readonly unconfirmed: number;
  readonly phase:
    'preparing' | 'reserving' | 'building' | 'submitting' | 'waiting' | 'done' | 'failed';
  /** Whose transactions this step's are; null: the venue has no such thing. */
  readonly account: string | null;
  /** Place of the one that is under way; the later ones follow it. */
  readonly nonce: number | null;
  /** Signed last. Others that it may have had stand at the same nonce, and the chain takes one. */
  readonly tx: BuiltTx | null;
  /** Those handed in before it, which it was to replace. */
  readonly earlier: readonly BuiltTx[];
  readonly filled: readonly Fill[];
}

/** From the submission; never shorter than the swap's own deadline, which is as long after the plan. */
export const RECEIPT_TIMEOUT_S = 120;
/** How long a transaction waits, unless it is said otherwise, before one that offers more takes its place, */
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
  { accounts, bumpAfterS }: { readonly accounts: VenueAccounts; readonly bumpAfterS: number },
): Ledger {
  const { planId, intentId, steps } = plan;
  const deadlineS = Math.floor(plannedAt / 1_000_000) + SWAP_DEADLINE_S;
  const told = { planId, intentId, steps, deadlineS, bumpAfterS };
  return { ...told, ...atStep(0, steps, accounts), filled: [] };
}

/** When its plan was made. Units: seconds since 1970. */
export function plannedAtS({ deadlineS }: Pick<Ledger, 'deadlineS'>): number {
  return deadlineS - SWAP_DEADLINE_S;
}

/** Turns a ledger of version 1, which had no preparations, into today's. */
export function upcastLedger(stored: LedgerV1 | null): Ledger | null {
  return stored === null
    ? null
    : {
        ...{ ...stored, bumpAfterS: BUMP_AFTER_S },
        ...{ preparations: [], unconfirmed: stored.unconfirmed ?? 0 },
      };
}

type LedgerV1 = Omit<Ledger, 'bumpAfterS' | 'preparations' | 'unconfirmed'> & {
  readonly unconfirmed?: number;
};

/** What a ledger says when it comes to a step. */
export function atStep(
  stepIndex: number,
  steps: readonly PlanStep[],
  accounts: VenueAccounts,
): Omit<Ledger, 'planId' | 'intentId' | 'steps' | 'deadlineS' | 'bumpAfterS' | 'filled'> {
  const account = accounts[steps[stepIndex]?.venue ?? ''] ?? null;
  const phase = account === null ? 'building' : 'preparing';
  return { stepIndex, preparations: [], ...NEXT_TX, phase, account, nonce: null };
}

const NEXT_TX = { attempt: 1, wait: 0, unconfirmed: 0, tx: null, earlier: [] } as const;

/** What a ledger says when a preparation is done: the next transaction is to be built, at the next place. */
export function afterPreparation(ledger: Ledger): Ledger {
  const { preparations, nonce } = ledger;
  return {
    ...{ ...ledger, ...NEXT_TX },
    phase: 'building',
    preparations: preparations.slice(1),
    nonce: nonce === null ? null : nonce + 1,
  };
}

/** What is under way: a preparation, or the swap itself (null). */
export function preparationOf({ preparations }: Ledger): SwapPreparation | null {
  return preparations[0] ?? null;
}

/** The id of the effect that a ledger waits for; a result of any other is late and means nothing. */
export function openEffectId(ledger: Ledger): string | null {
  const { stepIndex, attempt, wait, unconfirmed, phase, earlier } = ledger;
  const part = preparationOf(ledger)?.kind;
  const bump = earlier.length === 0 ? '' : `/bump-${earlier.length}`;
  const step = `step-${stepIndex}${part === undefined ? '' : `/${part}`}`;
  const prefix = `${step}/attempt-${attempt}${bump}`;
  switch (phase) {
    case 'preparing':
      return `${prefix}/prepare`;
    case 'building':
      return `${prefix}/build`;
    case 'submitting':
      return `${prefix}/submit`;
    case 'waiting':
      return `${prefix}/wait-${wait}${unconfirmed === 0 ? '' : `/again-${unconfirmed}`}`;
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
  return [{ id, ...nextEffect(ledger), ...when }];
}

function nextEffect(ledger: Ledger): Pick<EffectRequest, 'name' | 'args'> {
  const { phase, tx, earlier } = ledger;
  const { venue, base, amount_in: amountIn } = currentStep(ledger);
  if (phase === 'preparing')
    return {
      name: 'swap.prepare',
      args: { venue, base, amountIn } satisfies SwapPrepareArgs,
    };
  if (phase === 'building' || tx === null) return buildEffect(ledger);
  if (phase === 'submitting')
    return { name: 'swap.submit', args: { venue, tx } satisfies SwapSubmitArgs };
  const timeoutS = waitS(ledger);
  const args: SwapWaitArgs = { venue, tx, timeoutS, ...(earlier.length > 0 && { earlier }) };
  return { name: 'swap.wait', args };
}

function buildEffect(ledger: Ledger): Pick<EffectRequest, 'name' | 'args'> {
  const { planId, stepIndex, attempt, deadlineS, nonce } = ledger;
  const { venue, base, quote, amount_in: amountIn, min_out: minOut } = currentStep(ledger);
  const fees = bumpedFees(ledger);
  const terms = { ...(nonce !== null && { nonce }), ...(fees !== null && { fees }) };
  const preparation = preparationOf(ledger);
  if (preparation !== null) {
    const args: PreparationBuildArgs = { venue, preparation, ...terms };
    return { name: 'preparation.build', args };
  }
  const swap = { venue, base, quote, amountIn, minOut, deadlineS };
  const args: SwapBuildArgs = { planId, stepIndex, attempt, ...swap, ...terms };
  return { name: 'swap.build', args };
}

/** Whether another transaction may take the place of the one that waits. */
export function canBump({ tx, nonce, earlier }: Ledger): boolean {
  return nonce !== null && tx?.fees !== undefined && earlier.length < MOST_BUMPS;
}

/** All waits of one place together take RECEIPT_TIMEOUT_S. */
function waitS(ledger: Ledger): number {
  if (canBump(ledger)) return ledger.bumpAfterS;
  return RECEIPT_TIMEOUT_S - ledger.earlier.length * ledger.bumpAfterS;
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
