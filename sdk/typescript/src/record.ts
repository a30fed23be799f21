import { partitionOf } from '../../../kafka/partitioner.ts';
import type { ProducerIdentity } from './spool-state.ts';
import { decimalText, microsOf } from './check.ts';
import { RULES } from './contract.ts';
import type { BotEvent } from './event.ts';

/*
 * From an event to what stands on the topic: key, headers, Avro value. Source: sdk/README.md, The Avro record.
 */

const TRACE_ID = /^[0-9a-f]{2}-([0-9a-f]{32})-/;

const FIELDS: ReadonlyMap<
  string,
  readonly { readonly name: string; readonly isDecimal: boolean }[]
> = new Map(
  Object.entries(RULES.events).map(([type, { payload }]) => [
    type,
    payload.map(({ name, kind }) => ({ name, isDecimal: kind === 'decimal' })),
  ]),
);
const NAMES: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  [...FIELDS].map(([type, fields]) => [type, new Set(fields.map(({ name }) => name))]),
);

/** A payload as it is kept: decimals as text, nothing undefined, keys in the order given. */
export function keptPayload(
  type: string,
  payload: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const kept: Record<string, unknown> = { ...payload };
  for (const { name, isDecimal } of FIELDS.get(type) ?? []) {
    const value = kept[name];
    if (isDecimal && value !== undefined && value !== null) kept[name] = asText(value);
  }
  return kept;
}

/** The value that the codec encodes. */
export function recordValue(event: BotEvent, traceparent: string | undefined): unknown {
  const { event_type } = event;
  const payload: Record<string, unknown> = {};
  for (const { name, isDecimal } of FIELDS.get(event_type) ?? []) {
    const value = event.payload[name] ?? null;
    payload[name] = isDecimal && value !== null ? asText(value) : value;
  }
  const known = NAMES.get(event_type);
  const payload_extra: Record<string, string> = {};
  for (const name in event.payload) {
    if (known?.has(name) === true) continue;
    const text = JSON.stringify(event.payload[name]) as string | undefined;
    if (text !== undefined) payload_extra[name] = text;
  }
  return { envelope: envelopeOf(event, traceparent), payload, payload_extra, raw: null };
}

/** Of a decimal that was checked. */
function asText(value: unknown): string | null {
  return typeof value === 'string' ? value : decimalText(value);
}

function envelopeOf(event: BotEvent, traceparent: string | undefined): unknown {
  const { instance_name, controller_id, connector_name, trading_pair } = event;
  return {
    event_id: event.event_id.toLowerCase(),
    family: 'BOT',
    event_type: event.event_type,
    event_version: 1,
    occurred_at: microsOf(event.ts_utc),
    correlation_id: keyOf(event),
    causation_id: causationOf(event),
    parent_event_id: null,
    sequence: null,
    producer: event.producer,
    producer_version: null,
    producer_instance: null,
    bot: { instance_name, controller_id, connector_name, trading_pair },
    priority: 'normal',
    idempotency_key: null,
    subject_type: null,
    subject_id: null,
    visibility: null,
    trace_id: TRACE_ID.exec(traceparent ?? '')?.[1] ?? null,
    routing_key: null,
    metadata: null,
    actor_source: null,
  };
}

/** The record key: events of one chain stand on one partition (S-42). */
export function keyOf(event: BotEvent): string {
  return event.correlation_id.toLowerCase();
}

/** The partition of a key. Source: murmur2 as Java has it. */
export function partitionOfKey(key: string, partitions: number): number {
  return partitionOf(Buffer.from(key), partitions);
}

/** The record's headers, in a fixed order; what is null is absent. */
export function headersOf(
  event: BotEvent,
  identity: ProducerIdentity,
  sequence: number,
  traceparent: string | undefined,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {
    event_id: event.event_id.toLowerCase(),
    event_type: event.event_type,
    family: 'BOT',
    correlation_id: keyOf(event),
  };
  const causation = causationOf(event);
  if (causation !== null) headers['causation_id'] = causation;
  headers['priority'] = 'normal';
  headers['producer_id'] = producerText(identity);
  headers['producer_sequence'] = String(sequence);
  if (traceparent !== undefined) headers['traceparent'] = traceparent;
  return headers;
}

/** Shape: `id/incarnation`. */
export function producerText({ producerId, incarnation }: ProducerIdentity): string {
  return `${producerId}/${incarnation}`;
}

function causationOf({ causation_id }: BotEvent): string | null {
  return causation_id === undefined || causation_id === null || causation_id === ''
    ? null
    : causation_id.toLowerCase();
}
