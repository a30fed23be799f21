import type { Micros } from '../engine/event.ts';

const ISO = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?Z$/;
export class TimeError extends Error {
  override readonly name = 'TimeError';
  readonly code = 'NOT_A_TIME';
}

/** ISO 8601, UTC, six decimals: `2026-01-02T03:04:05.000006Z`. Throws: TimeError. */
export function isoMicros(micros: Micros): string {
  if (!Number.isSafeInteger(micros)) {
    throw new TimeError(`${micros} is no time in microseconds; pass an integer below 2^53`);
  }
  const ms = Math.floor(micros / 1000);
  const text = new Date(ms).toISOString();
  return `${text.slice(0, -1)}${String(micros - ms * 1000).padStart(3, '0')}Z`;
}

/** Inverse of isoMicros; also takes fewer decimals. Throws: TimeError. */
export function microsFromIso(text: string): Micros {
  const match = ISO.exec(text);
  const ms = match ? Date.parse(`${match[1]}Z`) : NaN;
  const micros = ms * 1000 + Number((match?.[2] ?? '').padEnd(6, '0'));
  // Date.parse takes 31 February for 3 March.
  if (Number.isSafeInteger(micros) && new Date(ms).toISOString().startsWith(match?.[1] ?? '?')) {
    return micros;
  }
  throw new TimeError(
    `${JSON.stringify(text)} is no UTC time; write it like 2026-01-02T03:04:05.000006Z`,
  );
}
