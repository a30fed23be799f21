import { createHash } from 'node:crypto';
import { derivedUlid, derivedUuid, hashOf } from '../engine/derived-id.ts';
import { newCorrelationId } from '../avro/index.ts';
import { within } from './deadline.ts';
import type { HistoryReads, SoundIntent } from './ports.ts';
import { Problem } from './problem.ts';

/** Notes of every instance of the gateway on intents with an Idempotency-Key. */
export interface Submissions {
  /** Notes the body of an intent unless there is a note already; returns that one, null when there was none. */
  begin(
    intentId: string,
    fingerprint: string,
    ttlMs: number,
  ): Promise<{ readonly fingerprint: string; readonly isSent: boolean } | null>;
  /** Notes that an intent is on the log. */
  sent(intentId: string, fingerprint: string, ttlMs: number): Promise<void>;
}

/** The ids of an intent and of its first event. */
export interface IntentIds {
  readonly intentId: string;
  readonly eventId: string;
}

/** A day; after it the event store remembers. */
const NOTE_MS = 86_400_000;
const LIMIT_MS = 2_000;
const RETRY_AFTER_SECONDS = 1;
const KEY = /^[\x21-\x7e]{1,255}$/;

/** The header, when there is one. Throws: Problem BAD_REQUEST. */
export function idempotencyKeyOf(header: string | readonly string[] | undefined): string | null {
  if (header === undefined) return null;
  if (typeof header === 'string' && KEY.test(header)) return header;
  const detail =
    'Idempotency-Key is not 1 to 255 printable characters without a space; a UUID will do';
  throw new Problem('BAD_REQUEST', detail);
}

/** The same for the same caller and key, on every instance: the log drops what comes twice by its event id. */
export function idsOf(caller: string | null, key: string): IntentIds {
  const hash = hashOf('idempotency', caller ?? '', key);
  return { intentId: derivedUuid(hash), eventId: derivedUlid(0, 1, hash) };
}

/** Tells the contents of intents apart, however their JSON is written. */
export function fingerprintOf(intent: SoundIntent): string {
  const { strategyId, base, quote, amount_in, notional_usd, max_slippage, metadata } = intent;
  const facts = [strategyId, base, quote, amount_in, notional_usd, max_slippage, metadata ?? null];
  return createHash('sha256').update(canonical(facts)).digest('hex');
}

/**
 * Whether an intent with a caller's key has still to be put on the log.
 *
 * Throws: Problem IDEMPOTENCY_CONFLICT when the key came with another body before; ACCESS_AWAY when that cannot be
 * looked up.
 */
export async function isToBeSent(
  { submissions, store }: { readonly submissions: Submissions; readonly store: HistoryReads },
  intentId: string,
  fingerprint: string,
): Promise<boolean> {
  const noted = await lookedUp(submissions.begin(intentId, fingerprint, NOTE_MS));
  if (noted !== null) {
    if (noted.fingerprint !== fingerprint) throw conflict(intentId);
    return !noted.isSent;
  }
  const [first] = await lookedUp(store.history(newCorrelationId(intentId)));
  if (first === undefined) return true;
  const { payload } = first as { readonly payload: SoundIntent };
  const stored = fingerprintOf(payload);
  await lookedUp(submissions.sent(intentId, stored, NOTE_MS));
  if (stored !== fingerprint) throw conflict(intentId);
  return false;
}

/** An intent with a caller's key is on the log. What cannot be noted now costs a record that is dropped later. */
export async function noteSent(
  submissions: Submissions,
  intentId: string,
  fingerprint: string,
): Promise<void> {
  await lookedUp(submissions.sent(intentId, fingerprint, NOTE_MS)).catch(() => {});
}

function conflict(intentId: string): Problem {
  const detail = `Idempotency-Key was used for another intent, ${intentId}; send that one again, or use a new key`;
  return new Problem('IDEMPOTENCY_CONFLICT', detail);
}

async function lookedUp<Value>(read: Promise<Value>): Promise<Value> {
  try {
    return await within({ what: 'what is known of the key', limitMs: LIMIT_MS }, read);
  } catch (cause) {
    const detail =
      'It cannot be said whether Idempotency-Key was used before; nothing was submitted, send the intent again in a moment';
    throw new Problem('ACCESS_AWAY', detail, { cause, retryAfterSeconds: RETRY_AFTER_SECONDS });
  }
}

/** JSON with the members of objects by name. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join()}}`;
}
