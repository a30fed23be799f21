import { crc32c } from '@platformatic/kafka';
import type { RecordToSend } from '../client.ts';

/*
 * Record batches, format 2. The library makes one out of some fifty small buffers a record and puts them together
 * twice; here a batch is written once, into one buffer, which is a fifth of an application's processor time.
 * Source: Kafka's documentation, "Record Batch"; a property compares each byte with the library's.
 */

/** From the first offset to the number of records. */
const HEAD_BYTES = 61;
/** The length of the batch counts what follows its own field. */
const BYTES_BEFORE_LENGTH_ENDS = 12;
/** The checksum covers what follows its own field. */
const CRC_AT = 17;
const CHECKED_FROM = 21;
const MAGIC = 2;
/** A producer id and what goes with it, for producers that have none (J3b). */
const NO_PRODUCER_ID = -1n;
/** Longest varint of 32 bits. */
const VARINT_BYTES = 5;
/** Besides keys, values and headers: lengths, deltas and the count of headers. */
const RECORD_OVERHEAD = 6 * VARINT_BYTES;
/** A text of this many bytes or fewer has a length of one byte. */
const SHORT_TEXT = 63;
const LAST_ASCII = 0x7f;
/** Bytes that UTF-8 takes for one UTF-16 unit, at most. */
const UTF8_GROWTH = 3;

/** The records of one partition, in their order, as one uncompressed batch. */
export function encodeRecordBatch(records: readonly RecordToSend[], timestampMs: number): Buffer {
  const writer = new BatchWriter(
    records.reduce((sum, record) => sum + mostBytes(record), HEAD_BYTES),
  );
  for (const [index, record] of records.entries()) writer.record(record, index);
  return writer.finish(records.length, BigInt(timestampMs));
}

function mostBytes({ key, value, headers }: RecordToSend): number {
  let bytes = RECORD_OVERHEAD + (key?.byteLength ?? 0) + (value?.byteLength ?? 0);
  for (const name in headers)
    bytes += 2 * VARINT_BYTES + UTF8_GROWTH * (name.length + (headers[name]?.length ?? 0));
  return bytes;
}

class BatchWriter {
  readonly #bytes: Buffer;
  #at = HEAD_BYTES;

  constructor(mostBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(mostBytes);
  }

  record({ key, value, headers }: RecordToSend, offsetDelta: number): void {
    const start = this.#at;
    // The length stands before what it measures: written behind a gap for the longest, and moved up to it.
    this.#at = start + VARINT_BYTES;
    this.#bytes[this.#at++] = 0; // attributes
    this.#bytes[this.#at++] = 0; // timestamp delta: all have the batch's
    this.#varint(offsetDelta);
    this.#blob(key);
    this.#blob(value);
    let count = 0;
    for (const _name in headers) count += 1;
    this.#varint(count);
    for (const name in headers) {
      this.#text(name);
      this.#text(headers[name] ?? '');
    }
    const length = this.#at - start - VARINT_BYTES;
    this.#at = start;
    this.#varint(length);
    this.#bytes.copyWithin(this.#at, start + VARINT_BYTES, start + VARINT_BYTES + length);
    this.#at += length;
  }

  finish(count: number, timestamp: bigint): Buffer {
    const bytes = this.#bytes;
    bytes.writeBigInt64BE(0n, 0); // first offset: the broker's to say
    bytes.writeInt32BE(this.#at - BYTES_BEFORE_LENGTH_ENDS, 8);
    bytes.writeInt32BE(0, 12); // leader epoch: the broker's
    bytes.writeInt8(MAGIC, 16);
    bytes.writeInt16BE(0, 21); // attributes
    bytes.writeInt32BE(count - 1, 23);
    bytes.writeBigInt64BE(timestamp, 27);
    bytes.writeBigInt64BE(timestamp, 35);
    bytes.writeBigInt64BE(NO_PRODUCER_ID, 43);
    bytes.writeInt16BE(0, 51); // producer epoch
    bytes.writeInt32BE(0, 53); // first sequence
    bytes.writeInt32BE(count, 57);
    bytes.writeUInt32BE(crc32c(bytes.subarray(CHECKED_FROM, this.#at)), CRC_AT);
    return bytes.subarray(0, this.#at);
  }

  #blob(blob: Uint8Array | null): void {
    if (blob === null) return this.#varint(-1);
    this.#varint(blob.byteLength);
    this.#bytes.set(blob, this.#at);
    this.#at += blob.byteLength;
  }

  /** Most texts are short: their length is guessed to take one byte, and the text is written again where it does not. */
  #text(text: string): void {
    if (text.length <= SHORT_TEXT && this.#ascii(text)) return;
    const written = this.#bytes.write(text, this.#at + 1);
    if (written <= SHORT_TEXT) {
      this.#bytes[this.#at] = written << 1;
      this.#at += written + 1;
      return;
    }
    this.#varint(written);
    this.#at += this.#bytes.write(text, this.#at);
  }

  /** For few letters a loop is faster than a call into the runtime. False: not of ASCII alone, and not written. */
  #ascii(text: string): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = text.length << 1;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > LAST_ASCII) return false;
      bytes[at++] = code;
    }
    this.#at = at;
    return true;
  }

  /** Zigzag, seven bits a byte, the lowest first. */
  #varint(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }
}
