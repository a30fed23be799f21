import {
  actor,
  deadLetter,
  readModel,
  type Actor,
  type Decision,
  type Emit,
  type Message,
} from '../../../engine/actor.ts';
import { evolveIntent, type IntentModel, type TradingType } from './intent-model.ts';
import { evolvePlan, type PlanModel } from './plan-model.ts';
import { admit, EMPTY_ORDER, type Order } from './reorder.ts';

/** All that is known of one correlation. */
export interface IntentTrack {
  readonly order: Order;
  readonly intent: IntentModel | null;
  readonly plan: PlanModel | null;
  /** Events applied in their turn that were illegal in their state, and so changed nothing. */
  readonly ignored: number;
}

const TYPES: readonly TradingType[] = [
  'intent.submitted',
  'intent.accepted',
  'risk.approved',
  'risk.rejected',
  'plan.created',
  'plan.rejected',
  'exec.started',
  'exec.step_submitted',
  'exec.step_filled',
  'exec.completed',
  'exec.failed',
];

/**
 * Follows each intent through its life and keeps its two read models.
 *
 * Order: events of a correlation are applied by their sequence, whatever order they come in; the read models
 * depend on nothing else.
 * Source: B-67 … B-69, B-73, B-74.
 */
export const intentActor: Actor<IntentTrack> = actor<IntentTrack>({
  name: 'intent',
  state: {
    version: 1,
    initial: () => ({ order: EMPTY_ORDER, intent: null, plan: null, ignored: 0 }),
  },
  emits: ['rm.intent', 'rm.plan'],
  handles: Object.fromEntries(TYPES.map((type) => [type, follow])),
});

function follow(track: IntentTrack, message: Message): Decision<IntentTrack> {
  const { order, ready, refused } = admit(track.order, message);
  if (refused !== null)
    return { emit: [deadLetter(refused.message, 'SEQUENCE_GAP', refused.reason)] };
  if (order === track.order) return {};
  const next = ready.reduce(apply, { ...track, order });
  return { state: next, emit: changes(track, next) };
}

function apply(track: IntentTrack, message: Message): IntentTrack {
  const intent = evolveIntent(track.intent, message);
  if (intent === null) return { ...track, ignored: track.ignored + 1 };
  return { ...track, intent, plan: evolvePlan(track.plan, message) };
}

function changes(before: IntentTrack, { intent, plan }: IntentTrack): Emit[] {
  const emit: Emit[] = [];
  if (intent !== null && intent !== before.intent)
    emit.push(readModel('rm.intent', intent.intentId, intent.value));
  if (plan !== null && plan !== before.plan)
    emit.push(readModel('rm.plan', plan.planId, plan.value));
  return emit;
}
