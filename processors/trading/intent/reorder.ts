import type { Message } from '../../../engine/actor.ts';

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
  readonly waiting: readonly Message[];
}

export interface Admission {
  readonly order: Order;
  /** Events whose turn has come, in the order of their sequence. */
  readonly ready: readonly Message[];
  readonly refused: { readonly message: Message; readonly reason: string } | null;
}

export const EMPTY_ORDER: Order = { next: 1, applied: [], waiting: [] };

/**
 * Takes one event and gives out all whose turn has come. An event's turn is when all lower sequences and its
 * cause have been applied; an event of a sequence that was applied already is dropped.
 *
 * Limits: REORDER_LIMIT waiting; one more is refused.
 * Source: B-73, B-74.
 */
export function admit(order: Order, message: Message): Admission {
  const { sequence } = message;
  if (sequence === null)
    return { order, ready: [], refused: { message, reason: 'It has no sequence; number it.' } };
  if (isOver(order, message) || isWaiting(order, message))
    return { order, ready: [], refused: null };
  if (!isDue(order, message)) return hold(order, message);
  return drain(applied(order, message), [message]);
}

function hold(order: Order, message: Message): Admission {
  if (order.waiting.length >= REORDER_LIMIT) {
    const reason =
      `${REORDER_LIMIT} events wait for sequence ${order.next} of ${message.correlationId} already; ` +
      `find the missing event, then redrive this one.`;
    return { order, ready: [], refused: { message, reason } };
  }
  const waiting = [...order.waiting, message].sort(bySequence);
  return { order: { ...order, waiting }, ready: [], refused: null };
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
