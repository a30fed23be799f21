import type { EffectResult, Message } from './actor.ts';
import { derivedUuid, hashOf } from './derived-id.ts';
import { type EventRecord, HEADER, type Headers } from './event.ts';
import { attemptSpan, traceIdOf, traceparentOf } from './traceparent.ts';
import type { Cause, OpenEffect, OpenTimer } from './task-state.ts';

type Writable<Value> = { -readonly [Name in keyof Value]: Value[Name] };

/** An event as an actor sees it. */
export function toMessage(event: EventRecord, key: string, headers: Headers = {}): Message {
  const { envelope } = event;
  const replyKey = headers[HEADER.replyKey];
  const topic = headers[HEADER.replyTopic] ?? null;
  const traceparent = traceparentOf(headers);
  const message: Writable<Message> = {
    type: envelope.event_type,
    eventId: envelope.event_id,
    key,
    correlationId: envelope.correlation_id,
    causationId: envelope.causation_id,
    sequence: envelope.sequence,
    occurredAt: envelope.occurred_at,
    payload: event.payload,
    envelope,
  };
  if (replyKey !== undefined) message.replyTo = { key: replyKey, topic };
  if (traceparent !== null) message.traceparent = traceparent;
  return message;
}

/**
 * What the emits of a message's handler descend from. Of what was told that is the event it was told for: a question
 * and its answer are no steps of their correlation, which runs on without a gap (docs/protocol.md, J7).
 */
export function causeOf(message: Message): Cause {
  const step = message.replyTo === undefined ? null : message.causationId;
  return {
    eventId: step ?? message.eventId,
    correlationId: message.correlationId,
    sequence: message.sequence,
    priority: message.envelope.priority,
    traceparent: message.traceparent ?? null,
  };
}

/** An effect's result as a message, so that it can be parked like one. */
export function resultMessage(effect: OpenEffect, result: EffectResult, eventId: string): Message {
  return internal(attempted(effect, eventId), {
    type: `effect:${result.name}`,
    eventId,
    payload: { result, effect },
  });
}

/** The same effect with its trace at the attempt that gave this result. */
export function attempted<Effect extends Pick<OpenEffect, 'cause'>>(
  effect: Effect,
  resultId: string,
): Effect {
  const { traceparent } = effect.cause;
  if (traceparent === null) return effect;
  return { ...effect, cause: { ...effect.cause, traceparent: attemptSpan(traceparent, resultId) } };
}

/** The event id of a firing; `causeId` as the timer's cause has it (J8). */
export function firingId(
  causeId: string,
  actor: string,
  { name, due }: Pick<OpenTimer, 'name' | 'due'>,
): string {
  return derivedUuid(hashOf(causeId, actor, name, String(due)));
}

/** A timer's firing as a message, likewise. */
export function firingMessage(timer: OpenTimer, eventId: string): Message {
  return internal(timer, { type: `timer:${timer.name}`, eventId, payload: timer });
}

function internal(
  { actor, key, cause }: { readonly actor: string; readonly key: string; readonly cause: Cause },
  { type, eventId, payload }: Pick<Message, 'type' | 'eventId' | 'payload'>,
): Message {
  const { correlationId, eventId: causationId, sequence, priority, traceparent } = cause;
  return {
    type,
    eventId,
    key,
    correlationId,
    causationId,
    sequence,
    occurredAt: 0,
    payload,
    envelope: {
      event_id: eventId,
      family: 'SYSTEM',
      event_type: type,
      event_version: 1,
      occurred_at: 0,
      correlation_id: correlationId,
      causation_id: causationId,
      sequence,
      producer: actor,
      priority,
      trace_id: traceIdOf(traceparent),
    },
    ...(traceparent === null ? {} : { traceparent }),
  };
}
