import type { EventCause } from './actor.ts';
import type { EventRecord, Micros } from './event.ts';
import type { UnplacedEmit } from './journal.ts';
import type { Cause, ParkedMessage } from './task-state.ts';
import { isRekeyed } from './topology.ts';

/** An emit ready for the journal, with the event as its consumers will decode it. */
export interface EncodedEmit {
  readonly emit: UnplacedEmit;
  /** Null for read models and dead letters. */
  readonly event: EventRecord | null;
}

/** What the events of one decision descend from. */
export interface EmitOrigin {
  /** Key of the deciding actor: where answers to what it tells come back. */
  readonly key: string;
  readonly cause: Cause;
  /** What derived ids descend from: the id of the input. */
  readonly causeId: string;
  readonly time: Micros;
  /** The record of the input; absent: it is none. */
  readonly source?: InputSource;
}

/** Bytes of a message's record, and where it stood; at null: it comes from the chain. */
export interface InputSource {
  readonly value: Uint8Array;
  readonly at: ParkedMessage['at'] | null;
}

/** What comes after the events of a decision: the newest that its correlation got, or, without one, its cause. */
export function newestStep(cause: Cause, emits: readonly EncodedEmit[]): Cause {
  return emits.reduce(stepped, cause);
}

/** What comes after one of them. */
export function stepped(cause: Cause, { emit, event }: EncodedEmit): Cause {
  if (event === null || isRekeyed(emit.topic)) return cause;
  return { ...cause, eventId: event.envelope.event_id, sequence: event.envelope.sequence };
}

/** What an event follows from: the direct cause, and the one id that all its causes make in any order (J8). */
export function joined(
  { cause, causeId }: EmitOrigin,
  others: readonly EventCause[],
): Pick<EmitOrigin, 'cause' | 'causeId'> {
  if (others.length === 0) return { cause, causeId };
  const newest = others.reduce<EventCause>(
    (last, each) => ((each.sequence ?? 0) > (last.sequence ?? 0) ? each : last),
    cause,
  );
  const ids = new Set([causeId, ...others.map(({ eventId }) => eventId)]);
  const { eventId, sequence } = newest;
  return { cause: { ...cause, eventId, sequence }, causeId: [...ids].sort().join() };
}
