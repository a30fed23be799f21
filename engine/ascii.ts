const LAST_ASCII = 0x7f;

/**
 * Writes a text letter by letter: for few of them a loop is faster than a call into the runtime. False: it is not of ASCII alone,
 * and what stands from `at` on is no text.
 *
 * Limits: the caller has seen that there is room for a byte a letter.
 */
export function isWrittenAsAscii(text: string, bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > LAST_ASCII) return false;
    bytes[at + index] = code;
  }
  return true;
}
