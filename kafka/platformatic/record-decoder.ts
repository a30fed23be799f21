import { compressionsAlgorithmsByBitmask } from '@platformatic/kafka';
import { KafkaError, type FetchedRecord } from '../client.ts';
import { TextCache } from '../../engine/text-cache.ts';

/*
 * Record batches, format 2, as a Fetch answers them. The library reads each byte through a list of buffers and makes three objects a
 * header; here an answer is read in one buffer, and texts that come again are not made again.
 * Source: Kafka's documentation, "Record Batch"; a property compares what is read with what was written.
 */

const HEAD_BYTES = 61;
/** First offset and length, which the length does not count. */
const BYTES_BEFORE_LENGTH_ENDS = 12;
const MAGIC = 2;
/** Bits of a batch's attributes: how it is compressed; the broker's clock stamped it; its records are markers of the broker. */
const COMPRESSION = 0x07;
const HAS_APPEND_TIME = 0x08;
const IS_CONTROL = 0x20;
const TWO_32 = 2 ** 32;

export interface DecodedRecords {
  readonly records: readonly FetchedRecord[];
  /** After the last batch that is whole; null: there is none. */
  readonly nextOffset: number | null;
}

interface Head {
  readonly firstOffset: number;
  readonly leaderEpoch: number;
  readonly firstTimestamp: number;
  /** Of all records, where the broker's clock says it; null: each has its own. */
  readonly appendTime: number | null;
  readonly count: number;
}

interface Place {
  readonly topic: string;
  readonly partition: number;
  /** Records below it were not asked for: a batch is answered whole. */
  readonly offset: number;
}

interface Compression {
  decompressSync(bytes: Buffer): Buffer;
}

const COMPRESSIONS: Readonly<Record<number, Compression>> = compressionsAlgorithmsByBitmask;

const names = new TextCache();
const texts = new TextCache();

/** Bytes in one piece or several. */
export interface Bytes {
  readonly length: number;
  /** Copied only where it is of several pieces. */
  slice(start: number, end: number): Buffer;
}

/**
 * Reads the batches of one partition; the last one may be cut off, and is left out then. What a record holds on to is its batch, or
 * the piece in which that came.
 *
 * Throws: KafkaError CORRUPT_MESSAGE when lengths do not fit; UNSUPPORTED_FOR_MESSAGE_FORMAT for formats before 2.
 */
export function decodeBatches(bytes: Bytes, place: Place): DecodedRecords {
  const records: FetchedRecord[] = [];
  let nextOffset: number | null = null;
  let at = 0;
  while (bytes.length - at >= HEAD_BYTES) {
    const head = bytes.slice(at, at + HEAD_BYTES);
    const end = at + BYTES_BEFORE_LENGTH_ENDS + head.readInt32BE(8);
    if (end > bytes.length) break;
    if (head[16] !== MAGIC) throw oldFormat(place, head[16]);
    if (end < at + HEAD_BYTES) throw corrupt(place);
    nextOffset = longAt(head, 0) + head.readInt32BE(23) + 1;
    const attributes = head.readInt16BE(21);
    if ((attributes & IS_CONTROL) === 0 && nextOffset > place.offset) {
      const body = bodyOf(bytes.slice(at + HEAD_BYTES, end), attributes);
      new BatchReader(body, place).into(records, headOf(head, attributes));
    }
    at = end;
  }
  return { records, nextOffset };
}

function headOf(head: Buffer, attributes: number): Head {
  return {
    firstOffset: longAt(head, 0),
    leaderEpoch: head.readInt32BE(12),
    firstTimestamp: longAt(head, 27),
    appendTime: (attributes & HAS_APPEND_TIME) === 0 ? null : longAt(head, 35),
    count: head.readInt32BE(57),
  };
}

/** As the library reads it: what it cannot is not read. */
function bodyOf(body: Buffer, attributes: number): Buffer {
  const compression = attributes & COMPRESSION;
  if (compression === 0) return body;
  const algorithm: Compression | undefined = COMPRESSIONS[compression];
  if (algorithm === undefined) throw new Error(`Nothing reads compression ${compression}.`);
  return algorithm.decompressSync(body);
}

class BatchReader {
  readonly #bytes: Buffer;
  readonly #place: Place;
  #at = 0;

  constructor(bytes: Buffer, place: Place) {
    this.#bytes = bytes;
    this.#place = place;
  }

  into(records: FetchedRecord[], head: Head): void {
    const { topic, partition, offset: from } = this.#place;
    for (let index = 0; index < head.count; index++) {
      const length = this.#varint();
      const end = this.#at + length;
      if (length < 0 || end > this.#bytes.length) throw corrupt(this.#place);
      this.#at += 1; // attributes: none are in use
      const timestampMs = head.appendTime ?? head.firstTimestamp;
      const later = this.#varlong();
      const offset = head.firstOffset + this.#varint();
      if (offset >= from)
        records.push({
          topic,
          partition,
          offset,
          leaderEpoch: head.leaderEpoch,
          timestampMs: head.appendTime === null ? timestampMs + later : timestampMs,
          key: this.#blob(),
          value: this.#blob(),
          headers: this.#headers(),
        });
      if (this.#at > end) throw corrupt(this.#place);
      this.#at = end;
    }
  }

  #headers(): Record<string, string> {
    const headers: Record<string, string> = {};
    for (let count = this.#varint(); count > 0; count--) {
      const name = this.#text(names);
      const text = this.#text(texts);
      if (name !== null && text !== null) headers[name] = text;
    }
    return headers;
  }

  #text(cache: TextCache): string | null {
    const length = this.#varint();
    if (length < 0) return null;
    const start = this.#at;
    this.#at = this.#past(length);
    return cache.read(this.#bytes, start, this.#at);
  }

  #blob(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    const start = this.#at;
    this.#at = this.#past(length);
    return this.#bytes.subarray(start, this.#at);
  }

  #past(length: number): number {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw corrupt(this.#place);
    return end;
  }

  /** Zigzag of 32 bits. */
  #varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++] as number;
    let value = byte & 0x7f;
    for (let shift = 7; byte > 0x7f; shift += 7) {
      if (shift > 28) throw corrupt(this.#place);
      byte = bytes[this.#at++] as number;
      value |= (byte & 0x7f) << shift;
    }
    return (value >>> 1) ^ -(value & 1);
  }

  /** Zigzag of up to 64 bits, as far as a double is exact. */
  #varlong(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++] as number;
    let value = byte & 0x7f;
    for (let factor = 128; byte > 0x7f; factor *= 128) {
      if (factor > Number.MAX_SAFE_INTEGER) throw corrupt(this.#place);
      byte = bytes[this.#at++] as number;
      value += (byte & 0x7f) * factor;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

function corrupt({ topic, partition, offset }: Place): KafkaError {
  return new KafkaError(
    'CORRUPT_MESSAGE',
    true,
    `A record batch of ${topic}/${partition}, asked for from offset ${offset}, has lengths that do not fit.`,
  );
}

function oldFormat({ topic, partition }: Place, magic: number | undefined): KafkaError {
  return new KafkaError(
    'UNSUPPORTED_FOR_MESSAGE_FORMAT',
    false,
    `${topic}/${partition} holds records of format ${magic}; write them anew by a producer of Kafka 0.11 or later.`,
  );
}

/** Eight bytes, big-endian and signed, as far as a double is exact. */
function longAt(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4);
}
