import { BOT_RULES, type BotFieldRule, type BotRuleCode } from '../../avro/index.ts';
import { checkOf, checkUnknown, type FieldCheck, isJsonObject } from './field-check.ts';

/** Why an event of a bot is refused. */
export interface BotRejection {
  /** Envelope: its name. Payload: `payload.<name>`. Empty: the event as a whole. */
  readonly field: string;
  readonly code: BotRuleCode;
  /** What is wrong, with the value, and what would be right. */
  readonly message: string;
}

export type BotEvent = Readonly<Record<string, unknown>> & {
  readonly payload: Readonly<Record<string, unknown>>;
};

export interface ValidateOptions {
  /** A legacy import: `correlation_id` may be absent (S-17). Default false. */
  readonly legacy?: boolean;
}

interface CompiledRule {
  readonly rule: BotFieldRule;
  readonly check: FieldCheck;
}

const compiled = (rules: readonly BotFieldRule[]): readonly CompiledRule[] =>
  rules.map((rule) => ({ rule, check: checkOf(rule) }));

const ENVELOPE = compiled(BOT_RULES.envelope);
const ENVELOPE_BY_NAME = new Map(ENVELOPE.map((field) => [field.rule.name, field]));
const PAYLOADS: ReadonlyMap<string, readonly CompiledRule[]> = new Map(
  Object.entries(BOT_RULES.events).map(([type, { payload }]) => [type, compiled(payload)]),
);
const KNOWN: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(BOT_RULES.events).map(([type, { payload }]) => [
    type,
    new Set(payload.map(({ name }) => name)),
  ]),
);

/**
 * Checks an event as JSON has it (numbers may be ExactNumber); null: it is one of the six events.
 *
 * Source: S-03…S-28; avro/rules/bot-events.v1.json.
 */
export function validateBotEvent(
  event: unknown,
  { legacy = false }: ValidateOptions = {},
): BotRejection | null {
  if (!isJsonObject(event)) return rejection('', 'NOT_AN_OBJECT', event);
  for (const { rule, check } of ENVELOPE) {
    const value = event[rule.name];
    const isNeeded = rule.required && !(legacy && rule.name === 'correlation_id');
    const code = codeOf(value, isNeeded, check);
    if (code !== null) return rejection(rule.name, code, value, rule);
  }
  const { event_type, payload } = event as { event_type: string; payload: BotEvent['payload'] };
  return validateBotPayload(event_type, payload);
}

/** The payload's part of the rules. `type` is one of the six. */
export function validateBotPayload(
  type: string,
  payload: BotEvent['payload'],
): BotRejection | null {
  for (const { rule, check } of PAYLOADS.get(type) ?? []) {
    const value = payload[rule.name];
    const code = codeOf(value, isRequired(rule, payload), check);
    if (code !== null) return rejection(`payload.${rule.name}`, code, value, rule);
  }
  const known = KNOWN.get(type);
  for (const name of Object.keys(payload)) {
    if (known?.has(name)) continue;
    const failed = validateUnknownKey(name, payload[name]);
    if (failed !== null) return failed;
  }
  return null;
}

/** A key that no rule knows: kept, as long as a store can hold it (S-28). */
export function validateUnknownKey(name: string, value: unknown): BotRejection | null {
  const code = checkUnknown(name) ?? checkUnknown(value);
  return code === null ? null : rejection(`payload.${shownText(name)}`, code, value);
}

/** Whether a value of a field passes; for envelopes that came as Avro. */
export function validateBotField(name: string, value: unknown): BotRejection | null {
  const found = ENVELOPE_BY_NAME.get(name);
  if (found === undefined) return null;
  const code = codeOf(value, found.rule.required, found.check);
  return code === null ? null : rejection(name, code, value, found.rule);
}

function codeOf(value: unknown, isNeeded: boolean, check: FieldCheck): BotRuleCode | null {
  if (value === undefined || value === null) return isNeeded ? 'REQUIRED' : null;
  return check(value);
}

function isRequired(rule: BotFieldRule, payload: BotEvent['payload']): boolean {
  const { required, requiredWhen } = rule;
  if (requiredWhen === undefined) return required;
  const other = payload[requiredWhen.field];
  return required || (typeof other === 'string' && requiredWhen.in.includes(other));
}

/** A rejection in words. */
export function rejection(
  field: string,
  code: BotRuleCode,
  value?: unknown,
  rule?: BotFieldRule,
): BotRejection {
  const subject = field === '' ? 'the event' : field;
  const given = value === undefined || value === null ? '' : ` (${shownText(value)})`;
  const remedy = rule?.values === undefined ? '' : `; it may be ${rule.values.join(', ')}`;
  return { field, code, message: `${subject} ${BOT_RULES.codes[code]}${given}${remedy}` };
}

const SHOWN_CHARS = 100;

function shownText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  const short = text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
  return short.toWellFormed().replaceAll('\u0000', '\\u0000');
}
