/** Microseconds since the epoch, UTC. An integer: safe in a double until the year 2255. */
export type Micros = number;

export type Family = 'TRADING' | 'BOT' | 'ERP' | 'TIMELINE' | 'CONTRACT' | 'SYSTEM';
export type Priority = 'low' | 'normal' | 'high' | 'critical';

/**
 * What every event carries, whatever its family, spelled as in the Avro record
 * `millrace.envelope.v1.EventEnvelope` so that decoding needs no renaming.
 *
 * Source: docs/requirements/, section 1.1.
 */
export interface Envelope {
  readonly event_id: string;
  readonly family: Family;
  readonly event_type: string;
  readonly event_version: number;
  readonly occurred_at: Micros;
  /** The record's key, as UTF-8. Never empty. */
  readonly correlation_id: string;
  /** The event_id of the direct cause; null only for the first event of a correlation. */
  readonly causation_id: string | null;
  /** Place in the correlation, from 1, without gaps; null for families that do not count. */
  readonly sequence: number | null;
  readonly producer: string;
  readonly priority: Priority;
  readonly trace_id: string | null;
}

/** An event as it stands on a topic: one Avro record per event type. */
export interface EventRecord<Payload = unknown> {
  readonly envelope: Envelope;
  readonly payload: Payload;
  /** Keys that the schema does not know, each as JSON text. */
  readonly payload_extra: Readonly<Record<string, string>>;
  /** The bytes received at the edge, where the family keeps them. */
  readonly raw: Uint8Array | null;
}

/** Where an event type lives and how it is encoded. The catalogue of a family is a list of these. */
export interface EventDefinition {
  /** As on the wire: `intent.submitted`. */
  readonly type: string;
  readonly family: Family;
  readonly version: number;
  /** Logical topic, without TOPIC_PREFIX: `intents`. */
  readonly topic: string;
  /** Full name of the Avro record: `millrace.trading.v1.IntentSubmitted`. */
  readonly record: string;
}

/** A compacted topic that holds the newest value per aggregate. */
export interface ReadModelDefinition {
  /** Logical topic: `rm.intent`. */
  readonly topic: string;
  /** Full name of the Avro record: `millrace.readmodel.v1.Intent`. */
  readonly record: string;
}

/** Names of record headers; all values are UTF-8, numbers in decimal. Source: docs/reference/interfaces.md. */
export const HEADER = {
  eventId: 'event_id',
  eventType: 'event_type',
  family: 'family',
  correlationId: 'correlation_id',
  causationId: 'causation_id',
  sequence: 'sequence',
  priority: 'priority',
  producerId: 'producer_id',
  producerSequence: 'producer_sequence',
  traceparent: 'traceparent',
  fused: 'fused',
  /** Key of the actor that told a record of an rk.* topic, and the topic it wants answers on. */
  replyKey: 'reply_key',
  replyTopic: 'reply_topic',
  /** `application/task/n/index` of the journal entry a record was published from (J5). */
  origin: 'origin',
  /** The dead letter that a redriven record was. */
  redrivenFrom: 'x-redriven-from',
  /** The actor that a dead letter is of, where an actor set it aside. */
  actor: 'x-actor',
} as const;

export type Headers = Readonly<Record<string, string>>;
