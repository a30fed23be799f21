import type { EventDefinition, EventRecord, Family, Micros, Priority } from '../engine/event.ts';
import { eventDefinition } from './catalogue.ts';
import { createUlidGenerator, IdError, isUuid } from './ids.ts';
import { splitPayload } from './payload.ts';

export interface EnvelopeOptions {
  readonly correlationId: string;
  /** event_id of the direct cause; left out or null: the first event of its correlation. */
  readonly causationId?: string | null;
  /** Place in the correlation, from 1. Default null. */
  readonly sequence?: number | null;
  /** Service that says it. Default `millrace`. */
  readonly producer?: string;
  /** Default `normal`. */
  readonly priority?: Priority;
  /** Default: that of the event's definition. */
  readonly family?: Family;
  readonly traceId?: string | null;
  /** Default: a fresh ULID. A producer of many takes them from one generator. */
  readonly eventId?: string;
  /** Default: now. */
  readonly occurredAt?: Micros;
}

export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError';
  readonly code = 'CORRELATION_ID_MISSING';
}

/**
 * An event of any definition, for producers at the edge, ready to be encoded: the payload is as its schema has it.
 *
 * Throws: EnvelopeError without a correlation id.
 */
export function newEvent<Payload>(
  definition: EventDefinition,
  payload: Payload,
  options: EnvelopeOptions,
): EventRecord<Payload> {
  if (typeof options?.correlationId !== 'string' || options.correlationId === '') {
    throw new EnvelopeError(
      `${definition.type} needs a correlation id; make one with newCorrelationId(intentId)`,
    );
  }
  return {
    envelope: {
      event_id: options.eventId ?? createUlidGenerator().next(),
      family: options.family ?? definition.family,
      event_type: definition.type,
      event_version: definition.version,
      occurred_at: options.occurredAt ?? Date.now() * 1000,
      correlation_id: options.correlationId,
      causation_id: options.causationId ?? null,
      sequence: options.sequence ?? null,
      producer: options.producer ?? 'millrace',
      priority: options.priority ?? 'normal',
      trace_id: options.traceId ?? null,
    },
    payload,
    payload_extra: {},
    raw: null,
  };
}

/**
 * An event of the catalogue, likewise. Keys of the payload that its schema does not
 * know go to payload_extra; `metadata` is given as a value.
 *
 * Throws: EnvelopeError without a correlation id; CatalogueError for an unknown topic.
 * Source: B-03.
 */
export function envelope(
  topic: string,
  payload: Readonly<Record<string, unknown>>,
  options: EnvelopeOptions,
): EventRecord<Readonly<Record<string, unknown>>> {
  const event = newEvent(eventDefinition(topic), payload, options);
  return { ...event, ...splitPayload(topic, payload) };
}

/**
 * The same for an event of one aggregate (an intent, a plan): its id is kept as subject_id.
 *
 * Throws: IdError when the aggregate's id is no UUID; as `envelope`.
 * Source: B-05.
 */
export function toEnvelope(
  topic: string,
  aggregateId: string,
  payload: Readonly<Record<string, unknown>>,
  options: EnvelopeOptions,
): EventRecord<Readonly<Record<string, unknown>>> {
  if (!isUuid(aggregateId)) {
    throw new IdError(
      'NOT_AN_ID',
      `the aggregate of ${topic} is a UUID, not ${JSON.stringify(aggregateId)}`,
    );
  }
  const record = envelope(topic, payload, options);
  const subject = { subject_type: topic.split('.')[0] ?? topic, subject_id: aggregateId };
  return { ...record, envelope: { ...record.envelope, ...subject } };
}
