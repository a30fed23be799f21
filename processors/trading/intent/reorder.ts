import type { KeptMessage, Message } from '../../../engine/actor.ts';
import type { Micros } from '../../../engine/event.ts';

/** Events that may wait for one correlation's gap; the next one goes to the dead letters. */
export const REORDER_LIMIT = 64;

/** Ids kept of what was applied last: a cause is a few events old at most. */
export const APPLIED_LIMIT = 256;

/** Where a correlation stands. */
export interface Order {
  /** Sequence to be applied next. */
  readonly next: number;
  /** event_ids applied, oldest first. */
  readonly applied: readonly string[];
  /** Events that came before their turn, by sequence. */
  readonly waiting: readonly KeptMessage[];
  /** How long they wait for what comes next, in logical time; null: none waits. */
  readonly until: Micros | null;
}

export interface Admission {
  readonly order: Order;
  /** Events whose turn has come, in the order of their sequence. */
  readonly ready: readonly Message[];
  readonly refused: Refusal | null;
}

/** An event that is set aside, and why. */
export interface Refusal {
  readonly message: KeptMessage;
  readonly code: 'SEQUENCE_GAP' | 'CAUSE_MISSING';
  readonly reason: string;
}

/** What came, and how it is kept if it has to wait. */
export interface Arrival {
  readonly message: Message;
  readonly keep: (message: Message) => KeptMessage;
}

export const EMPTY_ORDER: Order = { next: 1, applied: [], waiting: [], until: null };

/**
 * Takes one event and gives out all whose turn has come. An event's turn is when all lower sequences and its
 * cause have been applied; an event of a sequence that was applied already is dropped.
 *
 * Limits: REORDER_LIMIT waiting; one more is refused.
 * Source: B-73, B-74.
 */
export function admit(order: Order, { message, keep }: Arrival): Admission {
  const { sequence } = message;
  if (sequence === null) return refused(order, message, 'It has no sequence; number it.');
  if (isOver(order, message) || isWaiting(order, message))
    return { order, ready: [], refused: null };
  if (isDue(order, message)) return drain(applied(order, message), [message]);
  if (order.waiting.length >= REORDER_LIMIT)
    return refused(
      order,
      message,
      `${REORDER_LIMIT} events wait for sequence ${order.next} of ${message.correlationId} already; ` +
        `find the missing event, then redrive this one.`,
    );
  const waiting = [...order.waiting, keep(message)].sort(bySequence);
  return { order: { ...order, waiting }, ready: [], refused: null };
}

/** The order with the time until which its events wait: `due` where they wait for something else than before. */
export function timed(before: Order, after: Order, due: Micros): Order {
  if (after.waiting.length === 0) return { ...after, until: null };
  const isSameGap = before.until !== null && before.next === after.next;
  return isSameGap ? after : { ...after, until: due };
}

/**
 * Gives up waiting: all that waits is set aside, by sequence. Redriven, it takes its turn as if it had just come.
 *
 * Source: B-73, B-74.
 */
export function giveUp(order: Order, waitedMs: number): readonly Refusal[] {
  const { next, waiting } = order;
  return waiting.map((message) => {
    const { sequence, correlationId, causationId } = message;
    if (sequence !== next)
      return {
        message,
        code: 'SEQUENCE_GAP',
        reason:
          `Sequence ${next} of ${correlationId} did not come within ${waitedMs} ms, and this is ${sequence}; ` +
          `find the missing event, then redrive this one.`,
      };
    return {
      message,
      code: 'CAUSE_MISSING',
      reason:
        `Its cause ${causationId ?? '(none is named)'} was not applied to ${correlationId} within ${waitedMs} ms; ` +
        `correct its causation_id, or send the event it names, then redrive this one.`,
    };
  });
}

function refused(order: Order, message: Message, reason: string): Admission {
  return { order, ready: [], refused: { message, code: 'SEQUENCE_GAP', reason } };
}

function drain(order: Order, ready: readonly Message[]): Admission {
  const due = order.waiting.find((each) => isDue(order, each));
  if (due === undefined) {
    const waiting = order.waiting.filter((each) => !isOver(order, each));
    return { order: { ...order, waiting }, ready, refused: null };
  }
  return drain(applied(order, due), [...ready, due]);
}

function applied(order: Order, message: Message): Order {
  return {
    ...order,
    next: order.next + 1,
    applied: [...order.applied, message.eventId].slice(-APPLIED_LIMIT),
    waiting: order.waiting.filter((each) => each.eventId !== message.eventId),
  };
}

function isDue({ next, applied }: Order, { sequence, causationId }: Message): boolean {
  if (sequence !== next) return false;
  return causationId === null ? next === 1 : applied.includes(causationId);
}

function isOver({ next }: Order, { sequence }: Message): boolean {
  return (sequence ?? 0) < next;
}

function isWaiting({ waiting }: Order, { eventId }: Message): boolean {
  return waiting.some((each) => each.eventId === eventId);
}

// By id where two claim one place, so that the order of arrival does not matter.
function bySequence(left: Message, right: Message): number {
  const difference = (left.sequence ?? 0) - (right.sequence ?? 0);
  return difference !== 0 ? difference : left.eventId < right.eventId ? -1 : 1;
}
