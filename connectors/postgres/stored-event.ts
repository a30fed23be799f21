/** An event as the store takes it. */
export interface StoredEvent {
  readonly eventId: string;
  /** Microseconds since the epoch, UTC; a safe integer. */
  readonly occurredAtMicros: number;
  /** As on the wire: `intent.submitted`. */
  readonly type: string;
  readonly correlationId: string;
  readonly causationId: string | null;
  /** JSON-safe. */
  readonly payload: object;
  readonly version: number;
  readonly family: string;
  readonly sequence: number | null;
}

/** An event as REST, WebSocket and trace show it, its keys in this order. Source: docs/reference/interfaces.md. */
export interface WireEvent {
  readonly eventId: string;
  /** ISO 8601, UTC, six decimals. */
  readonly timestamp: string;
  /** The event's type. */
  readonly topic: string;
  readonly correlationId: string;
  readonly causationId: string | null;
  readonly payload: unknown;
  readonly version: number;
  readonly sequence: number | null;
}

/** One array per column, for unnest. */
export interface EventColumns {
  readonly micros: readonly number[];
  readonly eventIds: readonly string[];
  readonly types: readonly string[];
  readonly correlationIds: readonly string[];
  readonly causationIds: readonly (string | null)[];
  readonly payloads: readonly string[];
  readonly versions: readonly number[];
  readonly families: readonly string[];
  readonly sequences: readonly (number | null)[];
}

/** Bytes of an indexed text; a btree entry of Postgres ends at some 2,700. */
const MAX_ID_BYTES = 1024;
const MAX_INT4 = 2 ** 31 - 1;

/** What jsonb cannot hold: U+0000 and lone surrogates, which JSON.stringify writes as escapes. */
const UNSTORABLE_ESCAPE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

/** Why Postgres could never store the event; null when it can. */
export function objectionTo(event: StoredEvent): string | null {
  const texts = [event.eventId, event.type, event.correlationId, event.family];
  if (event.causationId !== null) texts.push(event.causationId);
  for (const text of texts) {
    if (text === '') return 'an id, its type or its family is empty';
    if (text.includes('\u0000')) return 'an id holds U+0000';
    if (Buffer.byteLength(text) > MAX_ID_BYTES) return `an id is longer than ${MAX_ID_BYTES} bytes`;
  }
  if (!Number.isSafeInteger(event.occurredAtMicros)) return 'its time is no whole number';
  if (event.sequence !== null && !Number.isSafeInteger(event.sequence)) {
    return 'its sequence is no whole number';
  }
  if (!Number.isInteger(event.version) || Math.abs(event.version) > MAX_INT4) {
    return 'its version is no 32-bit number';
  }
  const json = JSON.stringify(event.payload) as string | undefined;
  if (json === undefined) return 'its payload is no JSON';
  return json.includes('\\u') && UNSTORABLE_ESCAPE.test(json)
    ? 'its payload holds U+0000 or half of a surrogate pair'
    : null;
}

/** The first of each event id, in the order given. */
export function firstOfEachId(events: readonly StoredEvent[]): readonly StoredEvent[] {
  const first = new Map<string, StoredEvent>();
  for (const event of events) if (!first.has(event.eventId)) first.set(event.eventId, event);
  return [...first.values()];
}

export function columnsOf(events: readonly StoredEvent[]): EventColumns {
  return {
    micros: events.map((event) => event.occurredAtMicros),
    eventIds: events.map((event) => event.eventId),
    types: events.map((event) => event.type),
    correlationIds: events.map((event) => event.correlationId),
    causationIds: events.map((event) => event.causationId),
    payloads: events.map((event) => JSON.stringify(event.payload)),
    versions: events.map((event) => event.version),
    families: events.map((event) => event.family),
    sequences: events.map((event) => event.sequence),
  };
}
