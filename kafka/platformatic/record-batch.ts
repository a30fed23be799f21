import { crc32c } from '@platformatic/kafka';
import { headerBlock } from '../../engine/header-block.ts';
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
/** Besides keys, values and headers: lengths and deltas. */
const RECORD_OVERHEAD = 5 * VARINT_BYTES;

/** The records of one partition, in their order, as one uncompressed batch. */
export function encodeRecordBatch(records: readonly RecordToSend[], timestampMs: number): Buffer {
  const blocks = records.map(({ headers }) => headerBlock(headers));
  let bytes = HEAD_BYTES;
  for (const [index, { key, value }] of records.entries())
    bytes += RECORD_OVERHEAD + sizeOf(key) + sizeOf(value) + sizeOf(blocks[index] ?? null);
  const writer = new BatchWriter(bytes);
  for (const [index, record] of records.entries())
    writer.record(record, blocks[index] as Uint8Array, index);
  return writer.finish(records.length, BigInt(timestampMs));
}

function sizeOf(bytes: Uint8Array | null): number {
  return bytes?.byteLength ?? 0;
}

class BatchWriter {
  readonly #bytes: Buffer;
  #at = HEAD_BYTES;

  constructor(mostBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(mostBytes);
  }

  record({ key, value }: RecordToSend, headers: Uint8Array, offsetDelta: number): void {
    const start = this.#at;
    // The length stands before what it measures: written behind a gap for the longest, and moved up to it.
    this.#at = start + VARINT_BYTES;
    this.#bytes[this.#at++] = 0; // attributes
    this.#bytes[this.#at++] = 0; // timestamp delta: all have the batch's
    this.#varint(offsetDelta);
    this.#blob(key);
    this.#blob(value);
    this.#bytes.set(headers, this.#at);
    this.#at += headers.byteLength;
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
