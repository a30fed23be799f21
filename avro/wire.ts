import type { EventRecord, Priority } from '../engine/event.ts';
import { eventDefinition } from './catalogue.ts';
import { isoMicros, microsFromIso } from './micros.ts';
import { joinPayload, splitPayload } from './payload.ts';

/**
 * A trading event as REST, WebSocket and traces show it. It has `topic` where the record has event_type.
 *
 * Source: docs/reference/interfaces.md, Records; B-01, B-07.
 */
export interface WireEvent {
  readonly eventId: string;
  /** ISO 8601, UTC, six decimals. */
  readonly timestamp: string;
  /** The event type: `intent.submitted`. */
  readonly topic: string;
  readonly correlationId: string;
  readonly causationId: string | null;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly version: number;
  readonly sequence: number | null;
}

/** Shape: keys in the order of WireEvent; `metadata` as a value; unknown keys after the known ones. */
export function toWire({ envelope, payload, payload_extra }: EventRecord): WireEvent {
  return {
    eventId: envelope.event_id,
    timestamp: isoMicros(envelope.occurred_at),
    topic: envelope.event_type,
    correlationId: envelope.correlation_id,
    causationId: envelope.causation_id,
    payload: joinPayload({ payload: payload as Record<string, unknown>, payload_extra }),
    version: envelope.event_version,
    sequence: envelope.sequence,
  };
}

/**
 * The record of a wire event; what the wire form leaves out comes from `rest`.
 *
 * Throws: CatalogueError for a topic that is not in the catalogue; TimeError.
 */
export function fromWire(
  wire: WireEvent,
  rest: {
    readonly producer: string;
    readonly priority?: Priority;
    readonly traceId?: string | null;
  },
): EventRecord<Readonly<Record<string, unknown>>> {
  const { family } = eventDefinition(wire.topic);
  return {
    envelope: {
      event_id: wire.eventId,
      family,
      event_type: wire.topic,
      event_version: wire.version,
      occurred_at: microsFromIso(wire.timestamp),
      correlation_id: wire.correlationId,
      causation_id: wire.causationId,
      sequence: wire.sequence,
      producer: rest.producer,
      priority: rest.priority ?? 'normal',
      trace_id: rest.traceId ?? null,
    },
    ...splitPayload(wire.topic, wire.payload),
    raw: null,
  };
}
