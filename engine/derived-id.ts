import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Family, Micros } from './event.ts';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** SHA-256 over parts that cannot run into each other: each is followed by a zero byte. */
export function hashOf(...parts: readonly string[]): Uint8Array {
  return sha256(utf8ToBytes(parts.join('\u0000') + '\u0000'));
}

export function hexOf(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += HEX[byte];
  return hex;
}

/**
 * A ULID of the logical time in ms, 16 bits of sequence and 64 bits of the hash: derived, so equal on every
 * replay, and still sortable by time and then by place in the correlation.
 *
 * Source: docs/protocol.md, J8.
 */
export function derivedUlid(time: Micros, sequence: number, hash: Uint8Array): string {
  let text = base32(BigInt(Math.floor(time / 1000)), 10);
  let random = BigInt(sequence & 0xffff);
  for (let index = 0; index < 8; index++) random = (random << 8n) | BigInt(hash[index] ?? 0);
  text += base32(random, 16);
  return text;
}

/** A UUID with the bits of version 4 and its variant set over the hash. */
export function derivedUuid(hash: Uint8Array): string {
  const bytes = hash.slice(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = hexOf(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
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

function base32(value: bigint, length: number): string {
  let text = '';
  let rest = value;
  for (let index = 0; index < length; index++) {
    text = CROCKFORD.charAt(Number(rest & 31n)) + text;
    rest >>= 5n;
  }
  return text;
}
