import { BotError, type FieldProblem } from './bot-error.ts';
import { RULES, type FieldRule } from './contract.ts';

/*
 * The rules of sdk/README.md, made into functions once. Only the first field that fails is told, and in the order of the
 * rules: so every SDK and the server say the same of the same event.
 */

const { limits } = RULES;
const UUID4 = new RegExp(RULES.patterns.uuid4);
const UUID = new RegExp(RULES.patterns.uuid);
const TIMESTAMP = new RegExp(RULES.patterns.timestamp);
const DECIMAL = new RegExp(RULES.patterns.decimal);
/** UTF-8 takes at most this many bytes for one UTF-16 unit. */
const UTF8_GROWTH = 3;
const MICROS_DIGITS = 6;
/** `2026-01-02T03:04:05` */
const SECOND_CHARS = 19;

type Values = Readonly<Record<string, unknown>>;
/** The code of what is wrong; null: nothing. */
type Check = (value: unknown) => string | null;

const CHECKS: Readonly<Record<FieldRule['kind'], (rule: FieldRule) => Check>> = {
  uuid4: () => textThat((text) => (UUID4.test(text) ? null : 'NOT_A_UUID_V4')),
  uuid_or_empty: () => textThat((text) => (text === '' || UUID.test(text) ? null : 'NOT_A_UUID')),
  event_type: () =>
    textThat((text) => (Object.hasOwn(RULES.events, text) ? null : 'UNKNOWN_EVENT_TYPE')),
  version: ({ values }) => oneOf(values, 'UNKNOWN_VERSION'),
  timestamp: () => textThat((text) => (microsOf(text) === null ? 'NOT_A_UTC_TIMESTAMP' : null)),
  id: () => textThat((text) => (text === '' ? 'EMPTY' : textProblem(text, limits.idBytes))),
  text: () => textThat((text) => textProblem(text, limits.textBytes)),
  enum: ({ values }) => oneOf(values, 'NOT_ALLOWED'),
  decimal: () => (value) => (decimalText(value) === null ? 'NOT_A_DECIMAL' : null),
  boolean: () => (value) => (typeof value === 'boolean' ? null : 'NOT_A_BOOLEAN'),
  object: () => (value) => (isObject(value) ? null : 'NOT_AN_OBJECT'),
};

interface CompiledField {
  readonly rule: FieldRule;
  readonly check: Check;
}

interface CompiledPayload {
  readonly fields: readonly CompiledField[];
  readonly names: ReadonlySet<string>;
}

const ENVELOPE = compiled(RULES.envelope);
const PAYLOADS: ReadonlyMap<string, CompiledPayload> = new Map(
  Object.entries(RULES.events).map(([type, { payload }]) => [
    type,
    { fields: compiled(payload), names: new Set(payload.map(({ name }) => name)) },
  ]),
);

/** What is wrong with an event as JSON has it; null: nothing. */
export function problemOf(event: unknown): FieldProblem | null {
  if (!isObject(event)) return problem('', 'NOT_AN_OBJECT', event);
  const inEnvelope = firstProblem(ENVELOPE, event, '');
  if (inEnvelope !== null) return inEnvelope;
  return payloadProblem(event['event_type'] as string, event['payload'] as Values);
}

/** What is wrong with the envelope alone. */
export function envelopeProblem(event: Values): FieldProblem | null {
  return firstProblem(ENVELOPE, event, '');
}

/** What is wrong with a payload of a known type. */
export function payloadProblem(type: string, payload: unknown): FieldProblem | null {
  const rules = PAYLOADS.get(type);
  if (rules === undefined) return problem('event_type', 'UNKNOWN_EVENT_TYPE', type);
  if (!isObject(payload)) return problem('payload', 'NOT_AN_OBJECT', payload);
  const known = firstProblem(rules.fields, payload, 'payload.');
  if (known !== null) return known;
  for (const name in payload) {
    if (rules.names.has(name)) continue;
    const code = textProblem(name, Infinity) ?? extraProblem(payload[name], 1);
    if (code !== null) return problem(`payload.${name}`, code, payload[name]);
  }
  return null;
}

/**
 * A value of an unknown key as JSON has it, and nobody else can change any more.
 *
 * Throws: BotError INVALID_EVENT where JSON has no such value, such as a `toJSON` that gives a bigint.
 */
export function plainValue(name: string, value: object): unknown {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    throw invalid(problem(`payload.${name}`, 'NOT_STORABLE', value));
  }
  const plain: unknown = text === undefined ? undefined : JSON.parse(text);
  const code = extraProblem(plain, 1);
  if (code !== null) throw invalid(problem(`payload.${name}`, code, plain));
  return plain;
}

/** The problem as an error. */
export function invalid(found: FieldProblem): BotError {
  return new BotError('INVALID_EVENT', found.message, { problem: found });
}

export function tooLarge(bytes: number): BotError {
  return invalid(problem('', 'TOO_LARGE', `${bytes} bytes, at most ${limits.eventBytes}`));
}

/** A decimal as text, with the digits given; null when it is none. */
export function decimalText(value: unknown): string | null {
  const isNumber = typeof value === 'number' || typeof value === 'bigint';
  if (!isNumber && typeof value !== 'string') return null;
  const text = typeof value === 'string' ? value : String(value).replace('e+', 'e');
  const match = text.length <= limits.decimalChars ? DECIMAL.exec(text) : null;
  if (match === null || Math.abs(Number(match[1] ?? 0)) > limits.decimalExponent) return null;
  return text;
}

/** Microseconds of an ISO 8601 time in UTC, further digits cut; null when there is no such time. */
export function microsOf(text: string): number | null {
  // Events come many to the millisecond.
  if (text === lastTime.text) return lastTime.micros;
  const match = TIMESTAMP.exec(text);
  if (match === null) return null;
  const second = text.slice(0, SECOND_CHARS);
  if (second !== lastSecond.text) {
    const micros = secondMicros(match);
    if (micros === null) return null;
    lastSecond = { text: second, micros };
  }
  const fraction = match[7] ?? '';
  const rest = Number(fraction.slice(0, MICROS_DIGITS).padEnd(MICROS_DIGITS, '0'));
  lastTime = { text, micros: lastSecond.micros + rest };
  return lastTime.micros;
}

let lastTime = { text: '', micros: 0 };

let lastSecond = { text: '', micros: 0 };

function secondMicros(match: RegExpExecArray): number | null {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number);
  if (year < limits.yearMin || year > limits.yearMax || month < 1 || month > 12) return null;
  if (day < 1 || day > daysOf(year, month) || hour > 23 || minute > 59 || second > 59) return null;
  return Date.UTC(year, month - 1, day, hour, minute, second) * 1000;
}

function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function compiled(rules: readonly FieldRule[]): readonly CompiledField[] {
  return rules.map((rule) => ({ rule, check: CHECKS[rule.kind](rule) }));
}

function firstProblem(
  fields: readonly CompiledField[],
  values: Values,
  prefix: string,
): FieldProblem | null {
  for (const { rule, check } of fields) {
    const value = values[rule.name];
    if (value === undefined || value === null) {
      if (isRequired(rule, values)) return problem(prefix + rule.name, 'REQUIRED', value);
      continue;
    }
    const code = check(value);
    if (code !== null) return problem(prefix + rule.name, code, value);
  }
  return null;
}

function isRequired({ required, requiredWhen }: FieldRule, values: Values): boolean {
  if (required || requiredWhen === undefined) return required;
  return requiredWhen.in.includes(values[requiredWhen.field] as string);
}

function problem(field: string, code: string, value: unknown): FieldProblem {
  const given = value === undefined || value === null ? '' : ` (${shown(value)} was given)`;
  const what = `${field === '' ? 'the event' : field} ${RULES.codes[code] ?? code}`;
  return { field, code, message: `${what}${given}` };
}

function shown(value: unknown): string {
  const text = textOf(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** As JSON, where it is any: a value that is refused may be anything at all, such as one that contains itself. */
function textOf(value: unknown): string {
  if (typeof value === 'bigint') return `${value}`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Array.isArray(value) ? 'an array that is no JSON' : `${typeof value} that is no JSON`;
  }
}

function textThat(check: (text: string) => string | null): Check {
  return (value) => (typeof value === 'string' ? check(value) : 'NOT_A_STRING');
}

function oneOf(values: readonly string[] = [], code: string): Check {
  return textThat((text) => (values.includes(text) ? null : code));
}

function textProblem(text: string, maxBytes: number): string | null {
  if (text.includes('\0') || !text.isWellFormed()) return 'NOT_STORABLE';
  const isShort = text.length * UTF8_GROWTH <= maxBytes;
  return isShort || Buffer.byteLength(text) <= maxBytes ? null : 'TOO_LONG';
}

function extraProblem(value: unknown, depth: number): string | null {
  if (depth > limits.depth) return 'TOO_DEEP';
  if (typeof value === 'string') return textProblem(value, Infinity);
  if (typeof value === 'number') return Number.isFinite(value) ? null : 'NOT_STORABLE';
  if (typeof value !== 'object' || value === null)
    return typeof value === 'bigint' ? 'NOT_STORABLE' : null;
  for (const [name, each] of Object.entries(value as Values)) {
    const code = textProblem(name, Infinity) ?? extraProblem(each, depth + 1);
    if (code !== null) return code;
  }
  return null;
}

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
