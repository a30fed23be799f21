import type { Micros } from '../engine/event.ts';

const ISO = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?Z$/;
/** Year 1 to 9999: what ISO 8601 writes with four digits. */
const MIN_MS = Date.parse('0001-01-01T00:00:00Z');
const MAX_MS = Date.parse('9999-12-31T23:59:59.999Z');

export class TimeError extends Error {
  override readonly name = 'TimeError';
  readonly code = 'NOT_A_TIME';
}

/** ISO 8601, UTC, six decimals: `2026-01-02T03:04:05.000006Z`. Throws: TimeError. */
export function isoMicros(micros: Micros): string {
  const ms = Math.floor(micros / 1000);
  if (!Number.isSafeInteger(micros) || ms < MIN_MS || ms > MAX_MS) {
    throw new TimeError(`${micros} is no time in microseconds; pass an integer`);
  }
  const text = new Date(ms).toISOString();
  return `${text.slice(0, -1)}${String(micros - ms * 1000).padStart(3, '0')}Z`;
}

/** Inverse of isoMicros; also takes fewer decimals. Throws: TimeError. */
export function microsFromIso(text: string): Micros {
  const match = ISO.exec(text);
  const ms = match ? Date.parse(`${match[1]}Z`) : NaN;
  if (!match || Number.isNaN(ms)) {
    throw new TimeError(
      `${JSON.stringify(text)} is no UTC time; write it like 2026-01-02T03:04:05.000006Z`,
    );
  }
  return ms * 1000 + Number((match[2] ?? '').padEnd(6, '0'));
}
