import { HEADER } from '../engine/event.ts';
import type { Envelope, Headers } from '../engine/event.ts';

/**
 * The record headers of an event: routing, skipping and tracing need no decode.
 *
 * Shape: values as text, numbers in decimal; a header whose value is null is absent. `extra` wins.
 * Source: docs/reference/interfaces.md, Records.
 */
export function eventHeaders(envelope: Envelope, extra: Headers = {}): Headers {
  const headers: Record<string, string> = {
    [HEADER.eventId]: envelope.event_id,
    [HEADER.eventType]: envelope.event_type,
    [HEADER.family]: envelope.family,
    [HEADER.correlationId]: envelope.correlation_id,
    [HEADER.priority]: envelope.priority,
  };
  if (envelope.causation_id !== null) headers[HEADER.causationId] = envelope.causation_id;
  if (envelope.sequence !== null) headers[HEADER.sequence] = String(envelope.sequence);
  return { ...headers, ...extra };
}
