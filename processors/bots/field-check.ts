import { BOT_RULES, type BotFieldRule, type BotRuleCode } from '../../avro/index.ts';
import { ExactNumber } from './exact-json.ts';
import { microsOfUtc } from './utc-time.ts';

const { limits, patterns, events } = BOT_RULES;
const UUID4 = new RegExp(patterns.uuid4);
const UUID = new RegExp(patterns.uuid);
const DECIMAL = new RegExp(patterns.decimal);
const EXPONENT = /[eE]([+-]?[0-9]+)$/;
/** Past it numeric of Postgres, and with it jsonb, may refuse a number. */
const MAX_EXPONENT = 1_000;
const utf8 = new TextEncoder();

/** What is wrong with a value that is there; null when nothing is. */
export type FieldCheck = (value: unknown) => BotRuleCode | null;

/** The check that a rule of avro/rules/bot-events.v1.json asks for. */
export function checkOf({ kind, values = [] }: BotFieldRule): FieldCheck {
  switch (kind) {
    case 'uuid4':
      return ofText((text) => (UUID4.test(text) ? null : 'NOT_A_UUID_V4'));
    case 'uuid_or_empty':
      return ofText((text) => (text === '' || UUID.test(text) ? null : 'NOT_A_UUID'));
    case 'event_type':
      return ofText((text) => (Object.hasOwn(events, text) ? null : 'UNKNOWN_EVENT_TYPE'));
    case 'version':
      return ofText((text) => (values.includes(text) ? null : 'UNKNOWN_VERSION'));
    case 'timestamp':
      return ofText((text) => (microsOfUtc(text) === null ? 'NOT_A_UTC_TIMESTAMP' : null));
    case 'id':
      return ofText((text) => (text === '' ? 'EMPTY' : storable(text, limits.idBytes)));
    case 'text':
      return ofText((text) => storable(text, limits.textBytes));
    case 'enum':
      return ofText((text) => (values.includes(text) ? null : 'NOT_ALLOWED'));
    case 'decimal':
      return (value) => (decimalText(value) === null ? 'NOT_A_DECIMAL' : null);
    case 'boolean':
      return (value) => (typeof value === 'boolean' ? null : 'NOT_A_BOOLEAN');
    case 'object':
      return (value) => (isJsonObject(value) ? null : 'NOT_AN_OBJECT');
  }
}

function ofText(check: (text: string) => BotRuleCode | null): FieldCheck {
  return (value) => (typeof value === 'string' ? check(value) : 'NOT_A_STRING');
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof ExactNumber)
  );
}

/** A decimal with the digits it was written with; null when it is none. */
export function decimalText(value: unknown): string | null {
  const text =
    value instanceof ExactNumber ? value.source : typeof value === 'number' ? `${value}` : value;
  if (typeof text !== 'string' || text.length > limits.decimalChars) return null;
  const match = DECIMAL.exec(text);
  if (match === null) return null;
  return Math.abs(Number(match[1] ?? 0)) <= limits.decimalExponent ? text : null;
}

function storable(text: string, maxBytes: number): BotRuleCode | null {
  if (text.includes('\u0000') || !text.isWellFormed()) return 'NOT_STORABLE';
  if (text.length * 3 <= maxBytes) return null;
  return utf8.encode(text).length > maxBytes ? 'TOO_LONG' : null;
}

/** What is wrong with a value under a key that no rule knows; any JSON that a store can hold will do. */
export function checkUnknown(value: unknown, depth = 1): BotRuleCode | null {
  if (depth > limits.depth) return 'TOO_DEEP';
  if (typeof value === 'string') return storable(value, limits.eventBytes);
  if (value instanceof ExactNumber || typeof value === 'number') return checkNumber(value);
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, part] of Object.entries(value)) {
    const found = storable(key, limits.eventBytes) ?? checkUnknown(part, depth + 1);
    if (found !== null) return found;
  }
  return null;
}

function checkNumber(value: ExactNumber | number): BotRuleCode | null {
  const text = value instanceof ExactNumber ? value.source : String(value);
  const exponent = Number(EXPONENT.exec(text)?.[1] ?? 0);
  return Math.abs(exponent) <= MAX_EXPONENT ? null : 'NOT_STORABLE';
}
