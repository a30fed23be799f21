import { BOT_RULES, eventDefinition, joinPayload, splitPayload } from '../../avro/index.ts';
import type { EventEnvelope } from '../../avro/index.ts';
import type { EventRecord } from '../../engine/event.ts';
import { ExactNumber, parseExactJson } from './exact-json.ts';
import { decimalText } from './field-check.ts';
import { microsOfUtc } from './utc-time.ts';
import {
  type BotEvent,
  type BotRejection,
  rejection,
  validateBotEvent,
  validateBotField,
  validateBotPayload,
  type ValidateOptions,
  validateUnknownKey,
} from './validate-event.ts';

/** An event of a bot as it stands on `orders`. */
export type BotRecord = EventRecord<Readonly<Record<string, unknown>>> & {
  readonly envelope: EventEnvelope & { readonly bot: NonNullable<EventEnvelope['bot']> };
};

/** An event that passed all rules. */
export interface TakenEvent {
  readonly record: BotRecord;
  /** It came without a correlation id, and has its own event_id for one (S-17). */
  readonly backfilled: boolean;
}

export type BotIntake =
  | { readonly ok: true; readonly taken: TakenEvent }
  /** `event`: as far as it could be read; null when it is no JSON object. */
  | {
      readonly ok: false;
      readonly rejection: BotRejection;
      readonly event: Readonly<Record<string, unknown>> | null;
    };

const utf8 = new TextDecoder('utf-8', { fatal: true });
const DECIMALS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(BOT_RULES.events).map(([type, { payload }]) => [
    type,
    new Set(payload.filter(({ kind }) => kind === 'decimal').map(({ name }) => name)),
  ]),
);

/** One event as JSON, from any way in: checked, and made the record for `orders`, its bytes kept. Source: S-28, S-32. */
export function takeBotJson(raw: Uint8Array, options: ValidateOptions = {}): BotIntake {
  if (raw.length > BOT_RULES.limits.eventBytes) return refusedWhole('TOO_LARGE', raw.length);
  let event: unknown;
  try {
    event = parseExactJson(utf8.decode(raw));
  } catch (error) {
    return refusedWhole('NOT_JSON', error instanceof Error ? error.message : error);
  }
  const failed = validateBotEvent(event, options);
  if (failed !== null) return { ok: false, rejection: failed, event: asObject(event) };
  return { ok: true, taken: recordOf(event as BotEvent, raw) };
}

/** One record of `orders` as an SDK or a stranger wrote it: the same rules once more. */
export function takeBotRecord(record: EventRecord): BotIntake {
  const { envelope, payload, payload_extra } = record as BotRecord;
  const failed =
    validateEnvelope(envelope) ??
    validateBotPayload(envelope.event_type, payload) ??
    validateExtras(payload_extra);
  if (failed !== null) return { ok: false, rejection: failed, event: wireOf(record as BotRecord) };
  const backfilled = envelope.correlation_id === '';
  const event_id = envelope.event_id.toLowerCase();
  const correlation_id = backfilled ? event_id : envelope.correlation_id.toLowerCase();
  // As SDKs write it: a copy would be a good part of the work.
  if (event_id === envelope.event_id && correlation_id === envelope.correlation_id)
    return { ok: true, taken: { record: record as BotRecord, backfilled } };
  const named = { ...envelope, event_id, correlation_id } as BotRecord['envelope'];
  return { ok: true, taken: { record: { ...(record as BotRecord), envelope: named }, backfilled } };
}

const ENVELOPE_TEXTS = ['event_id', 'event_type', 'producer', 'correlation_id', 'causation_id'];
const BOT_TEXTS = ['instance_name', 'controller_id', 'connector_name', 'trading_pair'] as const;

function validateEnvelope(envelope: EventEnvelope): BotRejection | null {
  if (envelope.family !== 'BOT') return rejection('', 'UNKNOWN_EVENT_TYPE', envelope.event_type);
  for (const name of ENVELOPE_TEXTS) {
    const found = validateBotField(name, envelope[name as 'event_id']);
    if (found !== null) return found;
  }
  for (const name of BOT_TEXTS) {
    const found = validateBotField(name, envelope.bot?.[name]);
    if (found !== null) return found;
  }
  return validateBotField('event_version', `v${envelope.event_version}`);
}

function validateExtras(extras: Readonly<Record<string, string>>): BotRejection | null {
  for (const name in extras) {
    const text = extras[name] ?? '';
    try {
      const found = validateUnknownKey(name, parseExactJson(text));
      if (found !== null) return found;
    } catch {
      return rejection(`payload.${name}`, 'NOT_JSON', text);
    }
  }
  return null;
}

function recordOf(event: BotEvent, raw: Uint8Array): TakenEvent {
  const text = event as unknown as Readonly<Record<string, string>>;
  const event_id = String(text['event_id']).toLowerCase();
  const type = String(text['event_type']);
  const correlation = String(text['correlation_id'] ?? '').toLowerCase();
  const { payload, payload_extra } = splitPayload(type, event.payload);
  const causation = String(text['causation_id'] ?? '').toLowerCase();
  const record: BotRecord = {
    envelope: {
      event_id,
      family: 'BOT',
      event_type: type,
      event_version: eventDefinition(type).version,
      occurred_at: microsOfUtc(String(text['ts_utc'])) ?? 0,
      correlation_id: correlation === '' ? event_id : correlation,
      causation_id: causation === '' ? null : causation,
      sequence: null,
      producer: String(text['producer']),
      bot: {
        instance_name: String(text['instance_name']),
        controller_id: String(text['controller_id']),
        connector_name: String(text['connector_name']),
        trading_pair: String(text['trading_pair']),
      },
      priority: 'normal',
      trace_id: null,
    },
    payload: withDecimals(type, payload),
    payload_extra,
    raw,
  };
  return { record, backfilled: correlation === '' };
}

/** Decimals as text, with the digits they came with. */
function withDecimals(
  type: string,
  payload: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const decimals = DECIMALS.get(type);
  return Object.fromEntries(
    Object.entries(payload).map(([name, value]) => [
      name,
      decimals?.has(name) && value !== null ? decimalText(value) : value,
    ]),
  );
}

/** The payload as the document has it: known keys that are set, then the others with every digit they had. */
export function botPayload(record: BotRecord): Readonly<Record<string, unknown>> {
  const { payload, payload_extra } = record;
  const joined: Record<string, unknown> = {};
  for (const name in payload) if (payload[name] !== null) joined[name] = payload[name];
  for (const name in payload_extra)
    Object.defineProperty(joined, name, {
      value: parseExactJson(payload_extra[name] ?? ''),
      configurable: true,
      enumerable: true,
      writable: true,
    });
  return joined;
}

/**
 * What makes two records the same event said twice, as text: not how it was encoded, nor what carried it (S-41).
 */
export function botContent(record: BotRecord, payload = botPayload(record)): string {
  const { envelope } = record;
  const { event_type, occurred_at, correlation_id, causation_id, producer, bot } = envelope;
  const { instance_name, controller_id, connector_name, trading_pair } = bot;
  const names = Object.keys(payload).sort();
  return JSON.stringify([
    event_type,
    occurred_at,
    correlation_id,
    causation_id,
    producer,
    instance_name,
    controller_id,
    connector_name,
    trading_pair,
    names,
    names.map((name) => payload[name]),
  ]);
}

function wireOf(record: BotRecord): Readonly<Record<string, unknown>> {
  const { envelope } = record;
  return { ...envelope, ...envelope.bot, payload: joinPayload(record) };
}

function refusedWhole(code: 'TOO_LARGE' | 'NOT_JSON', given: unknown): BotIntake {
  return { ok: false, rejection: rejection('', code, given), event: null };
}

function asObject(event: unknown): Readonly<Record<string, unknown>> | null {
  const isObject = typeof event === 'object' && event !== null && !Array.isArray(event);
  return isObject && !(event instanceof ExactNumber)
    ? (event as Readonly<Record<string, unknown>>)
    : null;
}
