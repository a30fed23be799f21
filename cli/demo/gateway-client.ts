import { setTimeout as pause } from 'node:timers/promises';
import { END_STATES, type DemoLine, type EndState } from './intent-file.ts';
import type { Answer, End, HistoryEvent } from './outcome.ts';

/** The gateway answers 503 within 5 s when the broker is away. */
const REQUEST_LIMIT_MS = 10_000;
const RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
const SERVICE_UNAVAILABLE = 503;

/** Told before a request is sent again. `unclear`: the one before it may have been taken all the same. */
export type OnResend = (unclear: boolean) => void;

/** Whether anything answers HTTP there. */
export async function isReachable(url: string): Promise<boolean> {
  try {
    await get(`${url}/livez`);
    return true;
  } catch {
    return false;
  }
}

/**
 * Posts a line; a 503 that it does not expect, and no answer at all, are tried again until the deadline.
 *
 * Units: `deadline` as performance.now().
 */
export async function submit(
  url: string,
  line: DemoLine,
  { deadline, onResend }: { readonly deadline: number; readonly onResend: OnResend },
): Promise<Answer> {
  for (;;) {
    const attempt = await post(url, line.text);
    const { answer, retryAfterMs } = attempt;
    const isFinal = answer.http !== null && answer.http !== SERVICE_UNAVAILABLE;
    if (isFinal || answer.http === line.expect.http) return answer;
    if (performance.now() + retryAfterMs > deadline) return answer;
    await pause(retryAfterMs);
    onResend(attempt.unclear);
  }
}

interface Attempt {
  readonly answer: Answer;
  readonly retryAfterMs: number;
  readonly unclear: boolean;
}

async function post(url: string, body: string): Promise<Attempt> {
  const sentAtMicros = Math.round((performance.timeOrigin + performance.now()) * 1000);
  try {
    const response = await fetch(`${url}/intents`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
    });
    const said = objectOf(await response.text());
    const answer = { http: response.status, ...saidOf(said), sentAtMicros, reason: null };
    return { answer, retryAfterMs: retryAfter(response), unclear: true };
  } catch (error) {
    const reason = reasonOf(error);
    const nothing = { http: null, code: null, fields: [], intentId: null };
    const answer = { ...nothing, sentAtMicros, reason };
    return { answer, retryAfterMs: RETRY_MS, unclear: !NOT_SENT.includes(reason) };
  }
}

function saidOf(said: Readonly<Record<string, unknown>>): {
  readonly code: string | null;
  readonly fields: readonly string[];
  readonly intentId: string | null;
} {
  const { code, errors, intent_id: intentId } = said;
  return {
    code: typeof code === 'string' ? code : null,
    fields: Array.isArray(errors) ? errors.map((each) => String(each?.field)) : [],
    intentId: typeof intentId === 'string' ? intentId : null,
  };
}

function retryAfter(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? 'none');
  return Number.isFinite(seconds) ? Math.min(LONGEST_RETRY_MS, seconds * 1000) : RETRY_MS;
}

/** Nobody took the connection, so nobody took the intent. */
const NOT_SENT: readonly string[] = ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH'];

function reasonOf(error: unknown): string {
  const { name, message, cause } = error as Error & { readonly cause?: { readonly code?: string } };
  return cause?.code ?? (name === 'TimeoutError' ? `none in ${REQUEST_LIMIT_MS} ms` : message);
}

/** Where an intent ended; null: it has not yet, or the gateway cannot say. */
export async function endOf(url: string, intentId: string): Promise<End | null> {
  const model = await read(`${url}/intents/${intentId}`);
  const state = model?.['state'] as EndState;
  if (!END_STATES.includes(state)) return null;
  const summary = model?.['summary'] as { readonly code?: string | null } | undefined;
  return { state, code: summary?.code ?? null };
}

/** The stored events of an intent, in their order; empty: none yet, or the gateway cannot say. */
export async function historyOf(url: string, intentId: string): Promise<readonly HistoryEvent[]> {
  const history = await read(`${url}/intents/${intentId}/history`);
  return (history?.['events'] ?? []) as readonly HistoryEvent[];
}

async function read(url: string): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    const { status, text } = await get(url);
    return status === 200 ? objectOf(text) : null;
  } catch {
    return null;
  }
}

async function get(url: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(url, { signal: AbortSignal.timeout(REQUEST_LIMIT_MS) });
  return { status: response.status, text: await response.text() };
}

/** What is no JSON object has no fields. */
function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
