import {
  actor,
  cancelTimer,
  type Context,
  deadLetter,
  type DeadLetterEmit,
  readModel,
  setTimer,
  tell,
  type Actor,
  type Decision,
  type Emit,
  type Firing,
  type Message,
  type TimerRequest,
} from '../../../engine/actor.ts';
import { evolveIntent, type IntentModel, type TradingType } from './intent-model.ts';
import { evolvePlan, type PlanModel } from './plan-model.ts';
import { endOf } from './intent-end.ts';
import { admit, EMPTY_ORDER, giveUp, type Order, type Refusal, timed } from './reorder.ts';

/** All that is known of one correlation. */
export interface IntentTrack {
  readonly order: Order;
  readonly intent: IntentModel | null;
  readonly plan: PlanModel | null;
  /** Events applied in their turn that were illegal in their state, and so changed nothing. */
  readonly ignored: number;
  /** The last of them, the oldest first; at most ILLEGAL_LIMIT. */
  readonly illegal: readonly Illegal[];
}

/** An event that was illegal in its turn. */
export interface Illegal {
  readonly type: TradingType;
  /** event_id of the message whose handling brought its turn: its own, or that of the one it had waited for. */
  readonly by: string;
}

/** One message brings 65 turns at most: itself, and all that may wait. */
export const ILLEGAL_LIMIT = 128;

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

/** Runs while events wait for one that is missing. */
const GAP = 'gap';

/**
 * Follows each intent through its life, keeps its two read models, and tells its strategy when it has ended.
 *
 * Order: events of a correlation are applied by their sequence, whatever order they come in; the read models
 * depend on nothing else.
 * Limits: what waits for a missing event longer than `reorderWaitMs` goes to the dead letters.
 * Source: B-67 … B-70, B-73, B-74.
 */
export function intentActor(reorderWaitMs: number): Actor<IntentTrack> {
  const follow = (
    track: IntentTrack,
    message: Message,
    context: Context,
  ): Decision<IntentTrack> => {
    const { keep, time } = context;
    const admission = admit(track.order, { message, keep });
    if (admission.refused !== null) return { emit: [setAside(admission.refused)] };
    if (admission.order === track.order) return {};
    const order = timed(track.order, admission.order, time + reorderWaitMs * 1000);
    const next = admission.ready.reduce((each, ready) => apply(each, ready, message.eventId), {
      ...track,
      order,
    });
    return { state: next, emit: changes(track, next), timers: timersOf(track.order, order) };
  };
  return actor<IntentTrack>({
    name: 'intent',
    state: {
      version: 2,
      initial: () => ({ order: EMPTY_ORDER, intent: null, plan: null, ignored: 0, illegal: [] }),
      // What waited without a time waits for the next event of its correlation, as it did.
      upcast: (_from, stored) => {
        const track = stored as IntentTrack;
        return { ...track, order: { ...track.order, until: null }, illegal: [] };
      },
    },
    emits: ['rm.intent', 'rm.plan', 'position.intent_ended'],
    handles: Object.fromEntries(TYPES.map((type) => [type, follow])),
    timers: {
      [GAP]: (track, { due }: Firing) => {
        const { order } = track;
        // A firing that was parked may come when the gap it was set for is long filled.
        if (order.until === null || due < order.until) return {};
        const rest = { ...order, waiting: [], until: null };
        return {
          state: { ...track, order: rest },
          emit: giveUp(order, reorderWaitMs).map(setAside),
        };
      },
    },
  });
}

function setAside({ message, code, reason }: Refusal): DeadLetterEmit {
  return deadLetter(message, code, reason);
}

function timersOf(before: Order, { until }: Order): readonly TimerRequest[] {
  if (before.until === until) return [];
  return [until === null ? cancelTimer(GAP) : setTimer(GAP, until)];
}

function apply(track: IntentTrack, message: Message, by: string): IntentTrack {
  const intent = evolveIntent(track.intent, message);
  if (intent !== null) return { ...track, intent, plan: evolvePlan(track.plan, message) };
  const illegal = [...track.illegal, { type: message.type as TradingType, by }];
  return { ...track, ignored: track.ignored + 1, illegal: illegal.slice(-ILLEGAL_LIMIT) };
}

function changes(before: IntentTrack, { intent, plan }: IntentTrack): Emit[] {
  const emit: Emit[] = [];
  if (intent !== null && intent !== before.intent)
    emit.push(readModel('rm.intent', intent.intentId, intent.value));
  if (plan !== null && plan !== before.plan)
    emit.push(readModel('rm.plan', plan.planId, plan.value));
  const end = endOf(intent);
  if (end !== null && endOf(before.intent) === null)
    emit.push(tell('position.intent_ended', end.strategyId, end));
  return emit;
}
