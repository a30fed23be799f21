import type { Message } from '../../engine/actor.ts';
import type { Cause } from '../../engine/task-state.ts';

/** What of an event must be handled once: itself, and every letter that it was. */
export function handledAs(eventId: string, redrivenFrom: string | undefined): string {
  return redrivenFrom === undefined ? eventId : `${eventId} from ${redrivenFrom}`;
}

/** The step of its correlation that a message is, or, of what was told, the one that it was told for. */
export function stepOf(message: Message): Cause {
  const { eventId, correlationId, causationId, envelope, replyTo, traceparent = null } = message;
  const { sequence, priority } = envelope;
  const step = replyTo !== undefined && causationId !== null ? causationId : eventId;
  return { eventId: step, correlationId, sequence, priority, traceparent };
}
