import { hash } from 'node:crypto';
import type { Family, Micros } from './event.ts';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** The variant of a UUID over a hexadecimal digit. */
const VARIANT: Readonly<Record<string, string>> = Object.fromEntries(
  [...'0123456789abcdef'].map((digit, value) => [digit, ((value & 0x3) | 0x8).toString(16)]),
);

/** SHA-256, as 64 hexadecimal digits, over parts that cannot run into each other: each is followed by a zero byte. */
export function hashOf(...parts: readonly string[]): string {
  return hash('sha256', parts.join('\u0000') + '\u0000', 'hex');
}

/**
 * A ULID of the logical time in ms, 16 bits of sequence and 64 bits of the hash: derived, so equal on every
 * replay, and still sortable by time and then by place in the correlation.
 *
 * Source: docs/protocol.md, J8.
 */
export function derivedUlid(time: Micros, sequence: number, hash: string): string {
  const random = (sequence & 0xffff).toString(16).padStart(4, '0') + hash.slice(0, 16);
  let text = timeText(Math.floor(time / 1000));
  // Five hexadecimal digits are four of base 32.
  for (let at = 0; at < random.length; at += 5) {
    const value = parseInt(random.slice(at, at + 5), 16);
    text += base32(value >> 15) + base32(value >> 10) + base32(value >> 5) + base32(value);
  }
  return text;
}

/** A UUID with the bits of version 4 and its variant set over the hash. */
export function derivedUuid(hash: string): string {
  const variant = VARIANT[hash.charAt(16)] ?? '';
  return (
    `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-${variant}${hash.slice(17, 20)}-` +
    hash.slice(20, 32)
  );
}

/** The id of the `index`-th event that `actor` emitted because of `causeId`. */
export function derivedEventId(of: {
  readonly causeId: string;
  readonly actor: string;
  readonly index: number;
  readonly family: Family;
  readonly time: Micros;
  readonly sequence: number | null;
}): string {
  const hash = hashOf(of.causeId, of.actor, String(of.index));
  return of.family === 'TRADING'
    ? derivedUlid(of.time, of.sequence ?? of.index, hash)
    : derivedUuid(hash);
}

const TIME_DIGITS = 10;

/** Beyond what shifts of 32 bits can do. */
function timeText(ms: number): string {
  let text = '';
  for (let rest = ms; text.length < TIME_DIGITS; rest = Math.floor(rest / 32))
    text = base32(rest % 32) + text;
  return text;
}

/** The digit of the lowest five bits. */
function base32(value: number): string {
  return CROCKFORD.charAt(value & 31);
}
