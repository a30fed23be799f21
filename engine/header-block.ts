import { isWrittenAsAscii } from './ascii.ts';
import type { Headers } from './event.ts';

/*
 * Headers as bytes. A record of Kafka and a map of Avro have the same: their number, then name and text of each, every one
 * behind its length; a map has a zero more at its end. So the headers of an emit are encoded once, when it gets its place, and
 * stand so in the journal and on the topic.
 *
 * Source: Kafka's documentation, "Record Header"; Avro's specification, "Maps".
 */

/** Bytes that UTF-8 takes for one UTF-16 unit, at most. */
const UTF8_GROWTH = 3;
/** Longest length of a text, and of the number of headers. */
const VARINT_BYTES = 5;
/** A text of this many bytes or fewer has a length of one byte. */
const SHORT_TEXT = 63;
const SCRATCH_BYTES = 16 * 1024;

/** Headers that nobody changes any more, with their bytes. */
export class PlacedHeaders {
  readonly [name: string]: string;
  // Private, so that a copy of the names and texts has no bytes of another set.
  readonly #block: Uint8Array;

  /** `headers` and one more, which comes last. */
  constructor(headers: Headers, name: string, text: string) {
    const own = this as Record<string, string>;
    for (const each in headers) own[each] = headers[each] as string;
    own[name] = text;
    this.#block = encoder.encode(own);
  }

  static blockOf(headers: Headers): Uint8Array | undefined {
    return #block in headers ? headers.#block : undefined;
  }
}

/** The bytes of headers, encoded now unless they have them. */
export function headerBlock(headers: Headers): Uint8Array {
  return PlacedHeaders.blockOf(headers) ?? encoder.encode(headers);
}

/** Writes into bytes of its own first, since nothing says beforehand how long UTF-8 will be. */
class HeaderEncoder {
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #at = 0;

  encode(headers: Headers): Uint8Array {
    let count = 0;
    let most = VARINT_BYTES;
    for (const name in headers) {
      count += 1;
      most += 2 * VARINT_BYTES + UTF8_GROWTH * (name.length + (headers[name] as string).length);
    }
    if (most > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(2 * most);
    this.#at = 0;
    this.#varint(count);
    for (const name in headers) {
      this.#text(name);
      this.#text(headers[name] as string);
    }
    const block = Buffer.allocUnsafe(this.#at);
    block.set(this.#scratch.subarray(0, this.#at));
    return block;
  }

  /** Most texts are short: their length is guessed to take one byte, and the text is written again where it does not. */
  #text(value: string): void {
    const { length } = value;
    if (length <= SHORT_TEXT && isWrittenAsAscii(value, this.#scratch, this.#at + 1)) {
      this.#scratch[this.#at] = length << 1;
      this.#at += length + 1;
      return;
    }
    const written = this.#scratch.write(value, this.#at + 1);
    if (written <= SHORT_TEXT) {
      this.#scratch[this.#at] = written << 1;
      this.#at += written + 1;
      return;
    }
    this.#varint(written);
    this.#at += this.#scratch.write(value, this.#at);
  }

  /** Zigzag of a number from 0, seven bits a byte, the lowest first. */
  #varint(value: number): void {
    let rest = value << 1;
    while (rest > 0x7f) {
      this.#scratch[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#scratch[this.#at++] = rest;
  }
}

const encoder = new HeaderEncoder();
