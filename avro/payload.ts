import { eventDefinition } from './catalogue.ts';
import { BOTS_PAYLOAD_FIELDS } from './generated/bots.ts';
import { MARKET_PAYLOAD_FIELDS } from './generated/market.ts';
import { TRADING_PAYLOAD_FIELDS } from './generated/trading.ts';

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  ...TRADING_PAYLOAD_FIELDS,
  ...MARKET_PAYLOAD_FIELDS,
  ...BOTS_PAYLOAD_FIELDS,
};

/** Payload fields that hold JSON as text in the record and as a value outside. */
const JSON_FIELDS: ReadonlySet<string> = new Set(['metadata']);

export interface SplitPayload {
  readonly payload: Readonly<Record<string, unknown>>;
  /** Keys that the schema does not know, each as JSON text. */
  readonly payload_extra: Readonly<Record<string, string>>;
}

/**
 * Takes a payload as people write it apart into what the schema knows and the rest, so that unknown keys
 * survive Avro. `metadata` becomes JSON text.
 *
 * Throws: CatalogueError for an unknown event type.
 */
export function splitPayload(type: string, wire: Readonly<Record<string, unknown>>): SplitPayload {
  const names = FIELDS[eventDefinition(type).type] ?? [];
  const known = new Set(names);
  const inside = names.filter((name) => Object.hasOwn(wire, name));
  const outside = Object.keys(wire).filter((name) => !known.has(name) && wire[name] !== undefined);
  return {
    payload: Object.fromEntries(inside.map((name) => [name, stored(name, wire[name])])),
    payload_extra: Object.fromEntries(outside.map((name) => [name, JSON.stringify(wire[name])])),
  };
}

/** Inverse of splitPayload. A known field wins over an unknown key of the same name. */
export function joinPayload(split: SplitPayload): Readonly<Record<string, unknown>> {
  const known = Object.entries(split.payload).map(([name, value]) => [name, shown(name, value)]);
  const extra = Object.entries(split.payload_extra)
    .filter(([name]) => !Object.hasOwn(split.payload, name))
    .map(([name, text]) => [name, parsed(text)]);
  return Object.fromEntries([...known, ...extra]) as Record<string, unknown>;
}

function stored(name: string, value: unknown): unknown {
  if (!JSON_FIELDS.has(name) || value === null || value === undefined) return value;
  return JSON.stringify(value);
}

function shown(name: string, value: unknown): unknown {
  return JSON_FIELDS.has(name) && typeof value === 'string' ? parsed(value) : value;
}

/** What some other writer stored as text that is no JSON is shown as that text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
