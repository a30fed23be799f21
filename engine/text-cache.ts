/** Longest text that is remembered, in bytes: ids are longer, and come once. */
const LONGEST = 24;
const PLACES = 1024;
const LAST_ASCII = 0x7f;
/** Bytes at the end of a text that its place is chosen by: texts that are alike mostly differ there. */
const TELLING = 5;

/**
 * Makes texts of UTF-8, and gives the same one again for short bytes that come again: names and most texts of headers do,
 * and comparing a dozen bytes costs a fraction of making a string.
 *
 * Limits: 1,024 texts of up to 24 bytes, of ASCII; of two that fall on one place the later stays.
 */
export class TextCache {
  readonly #known = new Array<string>(PLACES).fill('');

  read(bytes: Buffer, start: number, end: number): string {
    if (end - start > LONGEST) return bytes.toString('utf8', start, end);
    let place = end - start;
    for (let at = Math.max(start, end - TELLING); at < end; at++)
      place = (place * 31 + (bytes[at] as number)) & (PLACES - 1);
    const known = this.#known[place] as string;
    if (isText(known, bytes, start, end)) return known;
    const text = bytes.toString('utf8', start, end);
    if (text.length === end - start) this.#known[place] = text;
    return text;
  }
}

/** Whether these bytes are the text's; false for any that is not of ASCII. */
function isText(text: string, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte > LAST_ASCII || text.charCodeAt(at - start) !== byte) return false;
  }
  return true;
}
