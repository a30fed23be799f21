import { BOT_RULES } from '../../avro/index.ts';
import type { Micros } from '../../engine/event.ts';

const ISO = new RegExp(BOT_RULES.patterns.timestamp);
const { yearMin, yearMax } = BOT_RULES.limits;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Microseconds of an ISO 8601 time in UTC, further digits cut; null when it is none, or no such day exists. */
export function microsOfUtc(text: string): Micros | null {
  const match = ISO.exec(text);
  if (match === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number);
  if (year < yearMin || year > yearMax || month < 1 || month > 12) return null;
  if (day < 1 || day > daysOf(year, month) || hour > 23 || minute > 59 || second > 59) return null;
  const seconds = ((dayNumber(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
  return seconds * 1_000_000 + Number((match[7] ?? '').slice(0, 6).padEnd(6, '0'));
}

function daysOf(year: number, month: number): number {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return month === 2 && isLeap ? 29 : (MONTH_DAYS[month - 1] ?? 0);
}

/** Days since 1970-01-01. Source: Howard Hinnant, days_from_civil. */
function dayNumber(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
