import { envelopeProblem, invalid, payloadProblem, tooLarge } from './check.ts';
import { RULES } from './contract.ts';
import type { BotEvent, BotEventType, EmitOptions, Upstream } from './event.ts';
import { keptPayload } from './record.ts';
import { type EntryMeta, type SpoolEntry, spoolEntry } from './spool-frame.ts';

/** Who emits: what all events of a producer say of it. Source: S-07…S-11. */
export interface BotIdentity {
  /** Name of the service or controller. */
  readonly producer: string;
  readonly instance_name: string;
  readonly controller_id: string;
  /** `bitget`, `bitget_paper_trade`, … */
  readonly connector_name: string;
  readonly trading_pair: string;
}

/** What one emit says. */
export interface EmitCall {
  readonly type: BotEventType;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly options: EmitOptions;
  /** What it follows; null: it begins a chain. */
  readonly upstream: Upstream | null;
}

type Writable<Value> = { -readonly [Key in keyof Value]: Value[Key] };

const VERSION = 'v1';
const NO_META: EntryMeta = {};
/** UTF-8 takes at most this many bytes for one UTF-16 unit. */
const UTF8_GROWTH = 3;
/** Of a call that gives none. */
export const NO_OPTIONS: EmitOptions = {};

/** The event of a call. Throws: BotError INVALID_EVENT. Source: S-15, S-16. */
export function eventOf(identity: BotIdentity, call: EmitCall): BotEvent {
  const { type, payload, options, upstream } = call;
  const event_id = options.event_id ?? crypto.randomUUID();
  const correlation_id = upstream?.correlation_id ?? event_id;
  const event = {
    event_id,
    event_type: type,
    event_version: VERSION,
    ts_utc: options.ts_utc ?? nowText(),
    producer: identity.producer,
    instance_name: identity.instance_name,
    controller_id: identity.controller_id,
    connector_name: options.connector_name ?? identity.connector_name,
    trading_pair: options.trading_pair ?? identity.trading_pair,
    correlation_id,
    ...(upstream === null ? {} : { causation_id: upstream.event_id }),
    payload,
  } as Writable<BotEvent>;
  // What each event of this producer says was checked when it was opened.
  const isUsual = upstream === null && options === NO_OPTIONS;
  const inEnvelope = isUsual ? null : envelopeProblem(event as never);
  const found = inEnvelope ?? payloadProblem(type, payload);
  if (found !== null) throw invalid(found);
  event.payload = keptPayload(type, payload);
  return event;
}

/** What of an event is kept until the broker has it. Throws: BotError INVALID_EVENT: too large. */
export function entryOf(event: BotEvent, traceparent: string | undefined): SpoolEntry {
  const json = jsonOf(event);
  const isShort = json.length * UTF8_GROWTH <= RULES.limits.eventBytes;
  const bytes = isShort ? 0 : Buffer.byteLength(json);
  if (bytes > RULES.limits.eventBytes) throw tooLarge(bytes);
  return spoolEntry(traceparent === undefined ? NO_META : { traceparent }, json);
}

let lastNow = { ms: -1, text: '' };

/** Many events fall into one millisecond. */
function nowText(): string {
  const ms = Date.now();
  if (ms !== lastNow.ms) lastNow = { ms, text: new Date(ms).toISOString() };
  return lastNow.text;
}

let lastIdentity = { of: '', json: '' };

/** As JSON.stringify has it, in half the time: what the rules let through as an id, a type or a time needs no escapes. */
function jsonOf(event: BotEvent): string {
  const { producer, instance_name, controller_id, connector_name, trading_pair } = event;
  const of = `${producer}\0${instance_name}\0${controller_id}\0${connector_name}\0${trading_pair}`;
  if (of !== lastIdentity.of) {
    const identity = { producer, instance_name, controller_id, connector_name, trading_pair };
    lastIdentity = { of, json: JSON.stringify(identity).slice(1, -1) };
  }
  const { event_id, event_type, event_version, ts_utc, correlation_id, causation_id } = event;
  const follows = typeof causation_id === 'string' ? `"causation_id":"${causation_id}",` : '';
  return (
    `{"event_id":"${event_id}","event_type":"${event_type}","event_version":"${event_version}",` +
    `"ts_utc":"${ts_utc}",${lastIdentity.json},"correlation_id":"${correlation_id}",${follows}` +
    `"payload":${JSON.stringify(event.payload)}}`
  );
}
