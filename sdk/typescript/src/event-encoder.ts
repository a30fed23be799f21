import { CONTRACT, RULES } from './contract.ts';
import type { BotEvent } from './event.ts';
import { decimalText, microsOf } from './check.ts';
import { causationOf, lower, traceIdOf } from './record.ts';

/*
 * Avro values of the six records, written by hand: the general encoder takes most of an event's processor time, and of the
 * envelope's 22 fields only six differ between the events of a producer. That both write the same bytes is a property that
 * is tested, with the vectors.
 */

/** As Avro an event is no longer than as JSON, but for lengths and absent fields. */
const SCRATCH_BYTES = 2 * RULES.limits.eventBytes + 64 * 1024;
const FRAMING_BYTES = 5;
/** Texts up to here have a length of one byte. */
const SHORT_TEXT = 63;
const LAST_ASCII = 0x7f;
const NULL = 0;
/** The second branch of a union with null. */
const SOME = 2;
/** Places in the enums Family and Priority, and the number 1. */
const BOT_FAMILY = 2;
const NORMAL = 2;
const VERSION_1 = 2;

interface PayloadField {
  readonly name: string;
  readonly kind: 'string' | 'optional' | 'boolean';
  readonly isDecimal: boolean;
}

interface Layout {
  readonly fields: readonly PayloadField[];
  readonly names: ReadonlySet<string>;
}

const LAYOUTS: ReadonlyMap<string, Layout> = new Map(
  Object.keys(RULES.events).map((type) => [type, layoutOf(type)]),
);

type Identity = Pick<
  BotEvent,
  'producer' | 'instance_name' | 'controller_id' | 'connector_name' | 'trading_pair'
>;

/** Encodes events one after the other; it keeps what they have in common. */
export class EventEncoder {
  readonly #idOf: (type: string) => number;
  readonly #bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #at = 0;
  #identity: Identity | null = null;
  #identityBytes = Buffer.alloc(0);

  /** `idOf`: the registry's id of an event type's schema. */
  constructor(idOf: (type: string) => number) {
    this.#idOf = idOf;
  }

  /** Shape: magic 0, schema id, Avro body; a buffer of its own. */
  encode(event: BotEvent, traceparent: string | undefined): Buffer {
    const { event_type, payload } = event;
    const layout = LAYOUTS.get(event_type) as Layout;
    this.#bytes[0] = 0;
    this.#bytes.writeUInt32BE(this.#idOf(event_type), 1);
    this.#at = FRAMING_BYTES;
    this.#envelope(event, traceparent);
    for (const field of layout.fields) this.#field(field, payload[field.name]);
    this.#extra(layout.names, payload);
    this.#byte(NULL); // raw
    const bytes = Buffer.allocUnsafe(this.#at);
    this.#bytes.copy(bytes, 0, 0, this.#at);
    return bytes;
  }

  #envelope(event: BotEvent, traceparent: string | undefined): void {
    this.#text(lower(event.event_id));
    this.#byte(BOT_FAMILY);
    this.#text(event.event_type);
    this.#byte(VERSION_1);
    this.#long(microsOf(event.ts_utc) ?? 0);
    this.#text(lower(event.correlation_id));
    this.#optional(causationOf(event));
    this.#who(event);
    this.#optional(traceIdOf(traceparent));
    this.#byte(NULL); // routing_key
    this.#byte(NULL); // metadata
    this.#byte(NULL); // actor_source
  }

  /** From parent_event_id to visibility. */
  #who(event: BotEvent): void {
    if (this.#identity === null || !isSame(this.#identity, event)) {
      const { producer, instance_name, controller_id, connector_name, trading_pair } = event;
      const from = this.#at;
      for (let absent = 0; absent < 2; absent++) this.#byte(NULL); // parent_event_id, sequence
      this.#text(producer);
      for (let absent = 0; absent < 2; absent++) this.#byte(NULL); // producer_version, producer_instance
      this.#byte(SOME);
      for (const text of [instance_name, controller_id, connector_name, trading_pair])
        this.#text(text);
      this.#byte(NORMAL);
      for (let absent = 0; absent < 4; absent++) this.#byte(NULL); // idempotency_key to visibility
      this.#identity = { producer, instance_name, controller_id, connector_name, trading_pair };
      this.#identityBytes = Buffer.from(this.#bytes.subarray(from, this.#at));
      return;
    }
    this.#identityBytes.copy(this.#bytes, this.#at);
    this.#at += this.#identityBytes.length;
  }

  #field({ kind, isDecimal }: PayloadField, value: unknown): void {
    if (kind === 'boolean') return this.#byte(value === true ? 1 : 0);
    if (value === undefined || value === null) return this.#byte(NULL);
    const text = isDecimal && typeof value !== 'string' ? decimalText(value) : (value as string);
    if (kind === 'optional') this.#byte(SOME);
    this.#text(text ?? '');
  }

  /** Keys that the schema does not know, each as JSON text. */
  #extra(known: ReadonlySet<string>, payload: BotEvent['payload']): void {
    const extra: [string, string][] = [];
    for (const name in payload) {
      if (known.has(name)) continue;
      const text = JSON.stringify(payload[name]) as string | undefined;
      if (text !== undefined) extra.push([name, text]);
    }
    if (extra.length > 0) this.#long(extra.length);
    for (const [name, text] of extra) {
      this.#text(name);
      this.#text(text);
    }
    this.#byte(0); // the end of the map
  }

  #optional(text: string | null): void {
    if (text === null) return this.#byte(NULL);
    this.#byte(SOME);
    this.#text(text);
  }

  #byte(byte: number): void {
    this.#bytes[this.#at++] = byte;
  }

  #text(text: string): void {
    if (text.length <= SHORT_TEXT && this.#ascii(text)) return;
    this.#long(Buffer.byteLength(text));
    this.#at += this.#bytes.write(text, this.#at);
  }

  /** For few letters a loop is faster than a call into the runtime. False: not of ASCII alone, and not written. */
  #ascii(text: string): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = text.length << 1;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > LAST_ASCII) return false;
      bytes[at++] = code;
    }
    this.#at = at;
    return true;
  }

  /** Zigzag, seven bits a byte, the lowest first; beyond 32 bits, so without bit operators. */
  #long(value: number): void {
    let rest = value >= 0 ? value * 2 : -value * 2 - 1;
    while (rest > 0x7f) {
      const low = rest % 0x80;
      this.#bytes[this.#at++] = low | 0x80;
      rest = (rest - low) / 0x80;
    }
    this.#bytes[this.#at++] = rest;
  }
}

function isSame(known: Identity, event: BotEvent): boolean {
  return (
    known.producer === event.producer &&
    known.instance_name === event.instance_name &&
    known.controller_id === event.controller_id &&
    known.connector_name === event.connector_name &&
    known.trading_pair === event.trading_pair
  );
}

interface SchemaField {
  readonly name: string;
  readonly type: unknown;
}

/** Throws: Error when the schema has what this file does not write. */
function layoutOf(type: string): Layout {
  const { record = '', payload: rules = [] } = RULES.events[type] ?? {};
  const decimals = new Set(rules.filter(({ kind }) => kind === 'decimal').map(({ name }) => name));
  const [, payload] = (CONTRACT.schemas[record] as unknown as { fields: SchemaField[] }).fields;
  const { fields } = payload?.type as { readonly fields: readonly SchemaField[] };
  const layout = fields.map(({ name, type: each }) => ({
    name,
    kind: kindOf(type, name, each),
    isDecimal: decimals.has(name),
  }));
  return { fields: layout, names: new Set(fields.map(({ name }) => name)) };
}

function kindOf(event: string, name: string, type: unknown): PayloadField['kind'] {
  if (type === 'string' || type === 'boolean') return type;
  if (JSON.stringify(type) === '["null","string"]') return 'optional';
  throw new Error(
    `The schema of ${event} has ${name} as ${JSON.stringify(type)}; teach event-encoder.ts.`,
  );
}
