import { hash } from 'node:crypto';
import { BOT_EVENTS, BOT_RECORDS, type EventEnvelope } from '../avro/index.ts';
import type { BotOrigin, BotReject, BotRow } from '../connectors/postgres/index.ts';
import { type Codec, CodecError } from '../engine/codec.ts';
import { type EventRecord, HEADER } from '../engine/event.ts';
import { producerOf } from '../engine/producer-marks.ts';
import type { FetchedRecord } from '../kafka/client.ts';
import {
  type BotIntake,
  type BotRejection,
  botContent,
  botPayload,
  microsOfUtc,
  takeBotJson,
  takeBotRecord,
  type TakenEvent,
} from '../processors/bots/index.ts';

/** Under which its dead letters stand. */
export const BOT_APPLICATION = 'event-store';
/** Avro, from SDKs; JSON as the document writes it; what producers say was acknowledged; dead letters that come back. */
export const BOT_TOPIC = {
  avro: 'orders',
  json: 'orders.json',
  sent: 'orders.sent',
  redrive: `${BOT_APPLICATION}.redrive`,
} as const;
/** The topic that a record was written for: says whether it is Avro or JSON. */
export const ORIGINAL_TOPIC_HEADER = 'x-original-topic';
/** Ways in that say so themselves; absent: the topic's own. Source: S-34. */
export const INGEST_SOURCE_HEADER = 'ingest_source';
/** `backfilled`: the event came without a correlation id, and was given one before it was encoded (S-17). */
export const STATUS_HEADER = 'schema_validation_status';

const EDGES = new Set(['http', 'legacy_file']);
const RECORD_OF = new Map(BOT_EVENTS.map(({ type, record }) => [type, record]));
const RECORDS = new Set(BOT_RECORDS.map(({ record }) => record));
/** Of what a rejected event says of itself. */
const MAX_TEXT = 200;

/** A record of `orders` or `orders.json` as the store takes it: a row, or why it is none. */
export type ReadRecord =
  | { readonly row: BotRow; readonly reject: null }
  | { readonly row: null; readonly reject: BotReject };

/** Order: after the codec has learnt the record's schema. Throws: CodecError REGISTRY_AWAY (retry). */
export function readBotRecord(record: FetchedRecord, codec: Codec): ReadRecord {
  const origin = originOf(record);
  const value = record.value ?? new Uint8Array();
  const isJson = writtenFor(record) === BOT_TOPIC.json;
  const intake = isJson ? takeJson(value, origin) : takeAvro(value, codec);
  if (!intake.ok) return { row: null, reject: rejectOf(origin, intake, value) };
  const hinted = !isJson && record.headers[STATUS_HEADER] === 'backfilled';
  return { row: rowOf(origin, intake.taken, { value, hinted }), reject: null };
}

/** The same for an event that Postgres cannot hold. */
export function refusedRow(row: BotRow): BotReject {
  const { eventType, eventId, instanceName, tsMicros } = row;
  const message = 'the payload is nothing that the store can hold';
  const shown = { eventType, eventId, instanceName, tsMicros, field: 'payload', message };
  return { ...row, ...shown, code: 'NOT_STORABLE', correlationMissing: row.status !== 'valid' };
}

/** The topic whose form a record has: of one that comes back the one it stood on first. */
export function writtenFor({ topic, headers }: Pick<FetchedRecord, 'topic' | 'headers'>): string {
  if (topic !== BOT_TOPIC.redrive) return topic;
  return headers[ORIGINAL_TOPIC_HEADER] === BOT_TOPIC.json ? BOT_TOPIC.json : BOT_TOPIC.avro;
}

/**
 * An import puts on `orders.json` only what breaks a rule, and says there that it is one, so that the letter names that rule.
 * Nothing else may leave out what only an import may: whoever writes to the topic can write that header (S-17). What comes back
 * was sent by an operator.
 */
function takeJson(value: Uint8Array, { topic, ingestSource }: BotOrigin): Intake {
  const legacy = ingestSource === 'legacy_file';
  const intake = takeBotJson(value, { legacy });
  const isClaim = intake.ok && legacy && topic === BOT_TOPIC.json;
  return isClaim ? takeBotJson(value, { legacy: false }) : intake;
}

function takeAvro(value: Uint8Array, codec: Codec): Intake {
  try {
    const decoded = codec.decode(value);
    const { envelope } = decoded.value as Partial<EventRecord>;
    const isOne = RECORDS.has(decoded.record) && envelope !== undefined;
    if (isOne && RECORD_OF.get(envelope.event_type) === decoded.record)
      return takeBotRecord(decoded.value as EventRecord);
    const given = envelope === undefined ? decoded.record : envelope.event_type;
    const message = `event_type is none of the event types (${given} in a ${decoded.record})`;
    return refused({ field: 'event_type', code: 'UNKNOWN_EVENT_TYPE', message });
  } catch (error) {
    if (!(error instanceof CodecError) || error.code === 'REGISTRY_AWAY') throw error;
    return refused({ field: '', code: 'UNDECODABLE', message: error.message });
  }
}

type Rejection = Omit<BotRejection, 'code'> & { readonly code: string };
type Intake =
  | Extract<BotIntake, { ok: true }>
  | {
      readonly ok: false;
      readonly rejection: Rejection;
      readonly event: Readonly<Record<string, unknown>> | null;
    };

function refused(rejection: Rejection): Intake {
  return { ok: false, rejection, event: null };
}

function originOf(record: FetchedRecord): BotOrigin {
  const { topic, partition, offset, headers } = record;
  const own = writtenFor(record) === BOT_TOPIC.json ? 'kafka_json' : 'kafka';
  const said = headers[INGEST_SOURCE_HEADER] ?? '';
  const ingestSource = EDGES.has(said) ? said : own;
  return { topic, partition, offset, ingestSource, mark: producerOf(headers) };
}

function rowOf(
  origin: BotOrigin,
  { record, backfilled }: TakenEvent,
  { value, hinted }: { readonly value: Uint8Array; readonly hinted: boolean },
): BotRow {
  const { envelope, raw } = record;
  const { bot } = envelope;
  const payload = botPayload(record);
  return {
    ...origin,
    eventId: envelope.event_id,
    eventType: envelope.event_type,
    eventVersion: envelope.event_version,
    tsMicros: envelope.occurred_at,
    producer: envelope.producer,
    instanceName: bot.instance_name,
    controllerId: bot.controller_id,
    connectorName: bot.connector_name,
    tradingPair: bot.trading_pair,
    correlationId: envelope.correlation_id,
    causationId: envelope.causation_id === '' ? null : envelope.causation_id,
    payload: JSON.stringify(payload),
    raw: raw ?? value,
    rawFormat: raw === null ? 'avro' : 'json',
    contentHash: hash('sha256', botContent(record, payload), 'buffer').subarray(0, 16),
    status: backfilled || hinted ? 'backfilled' : 'valid',
  };
}

function rejectOf(
  origin: BotOrigin,
  { rejection, event }: Extract<Intake, { ok: false }>,
  raw: Uint8Array,
): BotReject {
  const { field, code, message } = rejection;
  const bot = (event?.['bot'] ?? null) as EventEnvelope['bot'] | null;
  const occurredAt = event?.['occurred_at'];
  const correlation = event?.['correlation_id'];
  return {
    ...origin,
    eventId: shortText(event?.['event_id']),
    eventType: shortText(event?.['event_type']),
    instanceName: shortText(event?.['instance_name'] ?? bot?.instance_name),
    tsMicros:
      typeof occurredAt === 'number' ? occurredAt : microsOfUtc(String(event?.['ts_utc'] ?? '')),
    field: field.replaceAll('\u0000', ''),
    code,
    message: message.slice(0, 1_000),
    correlationMissing:
      event !== null && (correlation === undefined || correlation === null || correlation === ''),
    raw,
  };
}

function shortText(value: unknown): string | null {
  if (typeof value !== 'string' || value === '') return null;
  return value.slice(0, MAX_TEXT).toWellFormed().replaceAll('\u0000', '');
}

/** Headers of the letters and rows know the type of a record that could not be decoded. */
export function saidType({ headers }: FetchedRecord): string | null {
  const type = headers[HEADER.eventType];
  return type !== undefined && RECORD_OF.has(type) ? type : null;
}
