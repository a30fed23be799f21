import { partitionOf } from '../../../kafka/partitioner.ts';
import type { ProducerIdentity } from './spool-state.ts';
import { decimalText, plainValue } from './check.ts';
import { RULES } from './contract.ts';
import type { BotEvent } from './event.ts';

/*
 * From an event to what stands on the topic: key, headers, Avro value. Source: sdk/README.md, The Avro record.
 */

const TRACE_ID = /^[0-9a-f]{2}-([0-9a-f]{32})-/;

const CAPITALS = /[A-F]/;

const FIELDS: ReadonlyMap<
  string,
  readonly { readonly name: string; readonly isDecimal: boolean }[]
> = new Map(
  Object.entries(RULES.events).map(([type, { payload }]) => [
    type,
    payload.map(({ name, kind }) => ({ name, isDecimal: kind === 'decimal' })),
  ]),
);
/**
 * A payload as it is kept: decimals as text, nothing undefined, keys in the order given. Objects under unknown keys are
 * copied: whoever emitted them may change them before they are sent.
 *
 * Order: after its check. Throws: BotError INVALID_EVENT.
 */
export function keptPayload(
  type: string,
  payload: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const kept: Record<string, unknown> = { ...payload };
  for (const { name, isDecimal } of FIELDS.get(type) ?? []) {
    const value = kept[name];
    if (isDecimal && value !== undefined && value !== null) kept[name] = asText(value);
  }
  for (const name in kept) {
    const value = kept[name];
    if (typeof value === 'object' && value !== null) kept[name] = plainValue(name, value);
    else if (typeof value === 'function') kept[name] = undefined;
  }
  return kept;
}

/** Of a decimal that was checked. */
function asText(value: unknown): string | null {
  return typeof value === 'string' ? value : decimalText(value);
}

/** An id as it stands in the record. */
export function lower(id: string): string {
  return CAPITALS.test(id) ? id.toLowerCase() : id;
}

export function traceIdOf(traceparent: string | undefined): string | null {
  return traceparent === undefined ? null : (TRACE_ID.exec(traceparent)?.[1] ?? null);
}

/** The record key: events of one chain stand on one partition (S-42). */
export function keyOf(event: BotEvent): string {
  return lower(event.correlation_id);
}

/** The partition of a key. Source: murmur2 as Java has it. */
export function partitionOfKey(key: string, partitions: number): number {
  return partitionOf(Buffer.from(key), partitions);
}

/** The record's headers, in a fixed order; what is null is absent. `producer`: as `producerText` has it. */
export function headersOf(
  event: BotEvent,
  producer: string,
  sequence: number,
  traceparent: string | undefined,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {
    event_id: lower(event.event_id),
    event_type: event.event_type,
    family: 'BOT',
    correlation_id: keyOf(event),
  };
  const causation = causationOf(event);
  if (causation !== null) headers['causation_id'] = causation;
  headers['priority'] = 'normal';
  headers['producer_id'] = producer;
  headers['producer_sequence'] = String(sequence);
  if (traceparent !== undefined) headers['traceparent'] = traceparent;
  return headers;
}

/** Shape: `id/incarnation`. */
export function producerText({ producerId, incarnation }: ProducerIdentity): string {
  return `${producerId}/${incarnation}`;
}

/** What it follows; null: nothing. */
export function causationOf({ causation_id }: BotEvent): string | null {
  return causation_id === undefined || causation_id === null || causation_id === ''
    ? null
    : lower(causation_id);
}
