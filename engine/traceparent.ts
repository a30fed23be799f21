import { hashOf } from './derived-id.ts';
import { HEADER, type Headers } from './event.ts';
import type { Cause } from './task-state.ts';

/*
 * Trace context as W3C's version 00 has it, `00-<trace>-<span>-<flags>`, passed on by the pure core. A trace begins
 * outside; here a span's id is derived from what it is of, so that a replay gives the same headers (J8), and whoever
 * reports the span finds the same id. Without a header there is no trace, and nothing is derived.
 */

const VALID = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const SPAN_HEX = 16;

/** The trace context of a record; null: it has none, or one that is not understood. */
export function traceparentOf(headers: Headers): string | null {
  const given = headers[HEADER.traceparent];
  return given !== undefined && VALID.test(given) ? given : null;
}

/** As the header of a record; none without a trace. */
export function traceHeaders(traceparent: string | null | undefined): Headers {
  return traceparent ? { [HEADER.traceparent]: traceparent } : {};
}

/** 32 hexadecimal digits; null: no trace. */
export function traceIdOf(traceparent: string | null): string | null {
  return traceparent === null ? null : traceparent.slice(3, 35);
}

/** 16 hexadecimal digits. */
export function spanIdOf(traceparent: string): string {
  return traceparent.slice(36, 52);
}

/** Whether its spans are wanted. */
export function isSampled(traceparent: string): boolean {
  return (parseInt(traceparent.slice(53), 16) & 1) === 1;
}

/** The same trace, at another span. */
export function atSpan(traceparent: string, spanId: string): string {
  return `${traceparent.slice(0, 36)}${spanId}${traceparent.slice(52)}`;
}

/** The span of an actor that handles a message: what its emits, effects and timers descend from. */
export function handlerSpan(traceparent: string, actor: string, eventId: string): string {
  return atSpan(traceparent, hashOf(eventId, actor, 'span').slice(0, SPAN_HEX));
}

/** The span of one attempt of an effect; `resultId`: the event id of its result, which is derived already. */
export function attemptSpan(traceparent: string, resultId: string): string {
  return atSpan(traceparent, resultId.replaceAll('-', '').slice(0, SPAN_HEX));
}

/**
 * What the decision of an actor about a message descends from: its trace goes on from the handler. A trace whose spans
 * nobody wants is passed on as it came.
 */
export function handledBy(cause: Cause, actor: string, eventId: string): Cause {
  const { traceparent } = cause;
  if (traceparent === null || !isSampled(traceparent)) return cause;
  return { ...cause, traceparent: handlerSpan(traceparent, actor, eventId) };
}
