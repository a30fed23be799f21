import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { ByteRow } from '../engine/byte-rows.ts';
import { EngineError } from '../engine/errors.ts';

/*
 * Rows of a local store. Shape: `<table>\u0001<key>` → eight digits of a checksum over the row's name and its text, then the
 * text: the value behind `=`. A key too long for the library stands under its hash, and whole before its value.
 */

const SEPARATOR = '\u0001';
const AFTER_SEPARATOR = '\u0002';
/** LMDB takes keys of up to 1,978 bytes; what is longer stands under its hash. */
const KEY_BYTES = 1_500;
const CRC_DIGITS = 8;
const HEX_DIGITS = Buffer.from('0123456789abcdef');

/** The rows of a table stand from here on. */
export function startOf(table: string): Buffer {
  return Buffer.from(table + SEPARATOR);
}

/** No row of it stands here or later. */
export function endOf(table: string): Buffer {
  return Buffer.from(table + AFTER_SEPARATOR);
}

export function rowOf(table: string, key: string): Buffer {
  return Buffer.from(nameOf(table, key));
}

export function nameOf(table: string, key: string): string {
  if (!isLong(key)) return table + SEPARATOR + key;
  return `${table}${SEPARATOR}#${createHash('sha256').update(key).digest('hex')}`;
}

/** What stands in the row of a key. */
export function textOf(key: string, value: string): string {
  return isLong(key) ? `#${key.length}:${key}${value}` : `=${value}`;
}

function isLong(key: string): boolean {
  return key.length * 3 >= KEY_BYTES && Buffer.byteLength(key) >= KEY_BYTES;
}

/** The key, where it stands before the value, and the value. */
export function valueOf(text: string): readonly [string | null, string] {
  if (text.startsWith('=')) return [null, text.slice(1)];
  const start = text.indexOf(':') + 1;
  const end = start + Number(text.slice(1, start - 1));
  return [text.slice(start, end), text.slice(end)];
}

/** Throws: EngineError STORE_FAILED (retake). */
export function checked(sealedText: string, row: Buffer): string {
  const text = sealedText.slice(CRC_DIGITS);
  if (parseInt(sealedText.slice(0, CRC_DIGITS), 16) === crc32(text, crc32(row))) return text;
  throw new EngineError(
    'STORE_FAILED',
    'retake',
    'A value of the local store has another checksum than it was written with; the store is made anew.',
  );
}

/** The same of bytes that nobody has read as text yet. */
export function isSealed(row: Buffer, bytes: Buffer, from: number, to: number): boolean {
  if (to - from < CRC_DIGITS) return false;
  const sum = crc32(bytes.subarray(from + CRC_DIGITS, to), crc32(row));
  // Compared where they stand: of a hundred thousand rows each text counts.
  for (let digit = 0; digit < CRC_DIGITS; digit++)
    if (bytes[from + digit] !== digitOf(sum, digit)) return false;
  return true;
}

function digitOf(sum: number, digit: number): number {
  return HEX_DIGITS[(sum >>> (4 * (CRC_DIGITS - 1 - digit))) & 15] as number;
}

/** Bytes of many rows at once. */
const SLAB_BYTES = 64 * 1024;
/** Bytes that UTF-8 takes for one UTF-16 unit, at most. */
const UTF8_GROWTH = 3;
/** Longer texts are written by the runtime: a call into it costs as much as so many letters. */
const SHORT_TEXT = 96;
const LAST_ASCII = 0x7f;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  return sum;
});

/** A row's name, and its text behind the checksum. */
interface Sealed {
  readonly row: Buffer;
  readonly value: Buffer;
}

/** Makes rows, as bytes that stay as they are, many in one piece: a buffer and two checksums for each cost more than the row. */
export class RowWriter {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #at = 0;

  sealed(name: string, text: string): Sealed {
    const start = this.#room(UTF8_GROWTH * (name.length + text.length) + CRC_DIGITS);
    const middle = this.#write(name, start);
    return this.#seal(start, middle, this.#write(text, middle + CRC_DIGITS));
  }

  /** The same of what stands in bytes already; null: it is removed, or its key is too long for that. */
  copied(row: ByteRow): Sealed | null {
    const { table, bytes, keyStart, keyFrom, keyUntil, valueStart, valueFrom, valueUntil } = row;
    if (valueUntil < valueFrom) return null;
    const keyBytes = UTF8_GROWTH * keyStart.length + keyUntil - keyFrom;
    if (keyBytes >= KEY_BYTES) return null;
    const texts = table.length + valueStart.length + row.valueEnd.length;
    const most = keyBytes + UTF8_GROWTH * (texts + 2) + valueUntil - valueFrom + CRC_DIGITS;
    const start = this.#room(most);
    const key = this.#write(keyStart, this.#write(SEPARATOR, this.#write(table, start)));
    const middle = this.#copy(bytes, keyFrom, keyUntil, key);
    const value = this.#write(valueStart, this.#write('=', middle + CRC_DIGITS));
    const end = this.#copy(bytes, valueFrom, valueUntil, value);
    return this.#seal(start, middle, this.#write(row.valueEnd, end));
  }

  /** Where so many bytes may be written. */
  #room(most: number): number {
    if (most > this.#slab.length - this.#at) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, most));
      this.#at = 0;
    }
    return this.#at;
  }

  #seal(start: number, middle: number, end: number): Sealed {
    const sum = ~this.#sum(middle + CRC_DIGITS, end, this.#sum(start, middle, -1)) >>> 0;
    for (let digit = 0; digit < CRC_DIGITS; digit++)
      this.#slab[middle + digit] = digitOf(sum, digit);
    this.#at = end;
    return { row: this.#slab.subarray(start, middle), value: this.#slab.subarray(middle, end) };
  }

  /** Where they end. */
  #copy(bytes: Buffer, from: number, until: number, at: number): number {
    if (until - from > SHORT_TEXT) return at + bytes.copy(this.#slab, at, from, until);
    for (let index = from; index < until; index++) this.#slab[at++] = bytes[index] as number;
    return at;
  }

  /** Where the text ends. */
  #write(text: string, at: number): number {
    if (text.length > SHORT_TEXT) return at + this.#slab.write(text, at);
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > LAST_ASCII) return at + this.#slab.write(text, at);
      this.#slab[at + index] = code;
    }
    return at + text.length;
  }

  /** CRC-32, without the negations at its start and end. */
  #sum(from: number, until: number, before: number): number {
    if (until - from > SHORT_TEXT) return ~crc32(this.#slab.subarray(from, until), ~before >>> 0);
    let sum = before;
    for (let at = from; at < until; at++)
      sum = (sum >>> 8) ^ (CRC_TABLE[(sum ^ (this.#slab[at] as number)) & 0xff] as number);
    return sum;
  }
}
