import { envelopeHeaders } from '../engine/event-headers.ts';
import type { Envelope, Headers } from '../engine/event.ts';

/**
 * The record headers of an event that a producer at the edge puts on a topic: those that the engine gives its
 * own, and `extra`, which wins.
 *
 * Source: docs/reference/interfaces.md, Records.
 */
export function eventHeaders(envelope: Envelope, extra: Headers = {}): Headers {
  return { ...envelopeHeaders(envelope), ...extra };
}
