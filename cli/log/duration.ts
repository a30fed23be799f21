import { UsageError } from '../command.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `90s`, `15m`, `24h`, `7d` in milliseconds. Throws: UsageError. */
export function durationMs(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const factor = UNIT_MS[unit ?? ''];
  if (count === undefined || factor === undefined)
    throw new UsageError('WRONG_USE', `'${text}' is no duration; say 90s, 15m, 24h or 7d.`);
  return Number(count) * factor;
}

/** When a look back begins: the epoch's milliseconds, or null for `all`. Throws: UsageError. */
export function sinceMs(text: string, nowMs: number): number | null {
  return text === 'all' ? null : nowMs - durationMs(text);
}
