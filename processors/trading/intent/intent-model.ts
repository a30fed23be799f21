import type {
  IntentReadModel,
  IntentState,
  IntentSubmittedPayload,
  IntentSummary,
  TradingPayloads,
} from '../../../avro/index.ts';
import { isoMicros } from '../../../avro/micros.ts';
import type { Message } from '../../../engine/actor.ts';
import type { Micros } from '../../../engine/event.ts';

export type TradingType = keyof TradingPayloads;

/** State before the event → event → state after. What is not listed is illegal. Source: B-67, X-14. */
export const TRANSITIONS: Readonly<
  Record<IntentState | 'None', Partial<Readonly<Record<TradingType, IntentState>>>>
> = {
  None: { 'intent.submitted': 'Submitted' },
  Submitted: {
    'risk.approved': 'Submitted',
    'risk.rejected': 'Failed',
    'intent.accepted': 'Accepted',
  },
  Accepted: { 'plan.created': 'Planned', 'plan.rejected': 'Failed' },
  Planned: { 'exec.started': 'Executing', 'exec.failed': 'Failed' },
  Executing: {
    'exec.step_submitted': 'Executing',
    'exec.step_filled': 'Executing',
    'exec.completed': 'Completed',
    'exec.failed': 'Failed',
  },
  Completed: {},
  Failed: {},
};

/** The read model, with the id it is kept under. */
export interface IntentModel {
  readonly intentId: string;
  /** When its first event happened: how long it took is measured from there (B-84). */
  readonly submittedAt: Micros;
  readonly value: IntentReadModel;
}

/**
 * The intent after an event; null when the event is illegal now and has to be ignored.
 *
 * Shape: keys in the order of GET /intents/{id}.
 * Source: B-67, B-68, B-76.
 */
export function evolveIntent(model: IntentModel | null, message: Message): IntentModel | null {
  const type = message.type as TradingType;
  const state = TRANSITIONS[model?.value.state ?? 'None'][type];
  if (state === undefined) return null;
  const payload = message.payload as Payload;
  if (model !== null && !concerns(model, payload, type)) return null;
  const intentId = model?.intentId ?? payload.intentId;
  const last_event_time = isoMicros(message.occurredAt);
  const latest_plan_id =
    type === 'plan.created' ? (payload.planId ?? null) : (model?.value.latest_plan_id ?? null);
  const before = model?.value.summary ?? openSummary(message.payload as IntentSubmittedPayload);
  const summary = { ...before, ...changeOf(type, payload) };
  const submittedAt = model?.submittedAt ?? message.occurredAt;
  return { intentId, submittedAt, value: { state, last_event_time, latest_plan_id, summary } };
}

type Payload = { readonly intentId: string } & Partial<{
  readonly planId: string;
  readonly amountOut: string;
  readonly txHash: string;
  readonly reason: string;
  readonly code: string;
}>;

function concerns({ intentId, value }: IntentModel, payload: Payload, type: TradingType): boolean {
  if (payload.intentId !== intentId) return false;
  return !type.startsWith('exec.') || payload.planId === value.latest_plan_id;
}

function openSummary(submitted: IntentSubmittedPayload): IntentSummary {
  return {
    strategy_id: submitted.strategyId,
    base: submitted.base,
    quote: submitted.quote,
    amount_in: submitted.amount_in,
    notional_usd: submitted.notional_usd,
    max_slippage: submitted.max_slippage,
    amount_out: null,
    tx_hash: null,
    reason: null,
    code: null,
    failed_stage: null,
  };
}

function changeOf(type: TradingType, payload: Payload): Partial<IntentSummary> {
  const { amountOut = null, txHash = null, reason = null, code = null } = payload;
  switch (type) {
    case 'risk.rejected':
      return { reason, code, failed_stage: 'risk' };
    case 'plan.rejected':
      return { reason, code, failed_stage: 'planning' };
    case 'exec.failed':
      return { reason, code, failed_stage: 'execution' };
    case 'exec.step_submitted':
      return { tx_hash: txHash };
    case 'exec.step_filled':
    case 'exec.completed':
      return { amount_out: amountOut, tx_hash: txHash };
    case 'intent.submitted':
    case 'intent.accepted':
    case 'risk.approved':
    case 'plan.created':
    case 'exec.started':
      return {};
  }
}
