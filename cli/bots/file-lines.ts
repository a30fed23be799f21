import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** A line with the bytes it has, blanks around it left out, and where the next one begins. */
export interface FileLine {
  readonly bytes: Buffer;
  /** Offset in the file of what follows it. */
  readonly end: number;
}

const NEW_LINE = 0x0a;
/** An event has at most 256 KiB; what is longer than this is no file of lines. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;

/** The file is not what an import takes. */
export class FileLinesError extends Error {
  override readonly name = 'FileLinesError';
  readonly code = 'NO_LINES';
  readonly reaction = 'stop';
}

/** The lines of a file from a place on, empty ones left out. Throws: FileLinesError for a line of over 8 MiB. */
export async function* linesOf(file: string, start: number): AsyncGenerator<FileLine> {
  let rest = Buffer.alloc(0);
  let end = start;
  for await (const chunk of createReadStream(file, { start })) {
    let from = 0;
    const bytes = chunk as Buffer;
    for (let at = bytes.indexOf(NEW_LINE); at !== -1; at = bytes.indexOf(NEW_LINE, from)) {
      const line = Buffer.concat([rest, bytes.subarray(from, at)]);
      rest = Buffer.alloc(0);
      end += line.length + 1;
      from = at + 1;
      const whole = trimmed(line);
      if (whole.length > 0) yield { bytes: whole, end };
    }
    rest = Buffer.concat([rest, bytes.subarray(from)]);
    if (rest.length > MAX_LINE_BYTES)
      throw new FileLinesError(
        `${file} has no line break within ${MAX_LINE_BYTES} bytes from byte ${end} on. Write one event a line.`,
      );
  }
  const last = trimmed(rest);
  if (last.length > 0) yield { bytes: last, end: end + rest.length };
}

/** What tells one file from another, and how long it is. */
export async function fingerprintOf(
  file: string,
): Promise<{ readonly hash: string; readonly sizeBytes: number; readonly lines: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  let lines = 0;
  let isBlank = true;
  for await (const chunk of createReadStream(file)) {
    const bytes = chunk as Buffer;
    hash.update(bytes);
    sizeBytes += bytes.length;
    for (const byte of bytes) {
      if (byte === NEW_LINE) {
        if (!isBlank) lines += 1;
        isBlank = true;
      } else if (!isSpace(byte)) isBlank = false;
    }
  }
  return { hash: hash.digest('hex').slice(0, 16), sizeBytes, lines: lines + (isBlank ? 0 : 1) };
}

function trimmed(line: Buffer): Buffer {
  let [from, end] = [0, line.length];
  while (from < end && isSpace(line[from])) from++;
  while (end > from && isSpace(line[end - 1])) end--;
  return line.subarray(from, end);
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}
