import { Problem } from '../problem.ts';

/** Events of one request. */
export const MAX_BATCH_EVENTS = 10_000;
/** Of one request. */
export const MAX_BATCH_BYTES = 5 * 1024 * 1024;

const [QUOTE, ESCAPE, COMMA] = [0x22, 0x5c, 0x2c];
const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);
const [ARRAY, ARRAY_END, LINE] = [0x5b, 0x5d, 0x0a];

/**
 * The events of a body, each with exactly the bytes it came with. Whether an event is JSON is looked at later, so that
 * one that is not does not take its neighbours with it.
 *
 * Limits: 10,000 events.
 * Throws: Problem MALFORMED_JSON when the body is no array; BODY_TOO_LARGE for too many events.
 */
export function splitBatch(body: Buffer, form: 'array' | 'ndjson'): readonly Buffer[] {
  const events = form === 'array' ? elementsOf(trimmed(body)) : linesOf(body);
  if (events.length > MAX_BATCH_EVENTS) {
    const detail = `The body has ${events.length} events; send at most ${MAX_BATCH_EVENTS} in one request`;
    throw new Problem('BODY_TOO_LARGE', detail);
  }
  return events;
}

function linesOf(body: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < body.length;) {
    const at = body.indexOf(LINE, from);
    const end = at === -1 ? body.length : at;
    const line = trimmed(body.subarray(from, end));
    if (line.length > 0) lines.push(line);
    from = end + 1;
  }
  return lines;
}

/** Between the brackets of an array, at its commas; brackets and commas in texts do not count. */
function elementsOf(body: Buffer): Buffer[] {
  if (body[0] !== ARRAY) throw malformed('it does not begin with [');
  const elements: Buffer[] = [];
  let depth = 0;
  let from = 1;
  let inText = false;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] ?? 0;
    if (inText) {
      if (byte === ESCAPE) at++;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (OPEN.has(byte)) depth++;
    else if (depth === 1 && (byte === COMMA || byte === ARRAY_END)) {
      const element = trimmed(body.subarray(from, at));
      const isLast = byte === ARRAY_END;
      if (element.length > 0 || !isLast || elements.length > 0) elements.push(element);
      if (isLast) {
        if (at !== body.length - 1) throw malformed('something follows the array');
        return elements;
      }
      from = at + 1;
    } else if (CLOSE.has(byte)) depth--;
  }
  throw malformed('the array does not end');
}

function trimmed(bytes: Buffer): Buffer {
  let [from, end] = [0, bytes.length];
  while (from < end && isSpace(bytes[from])) from++;
  while (end > from && isSpace(bytes[end - 1])) end--;
  return bytes.subarray(from, end);
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function malformed(what: string): Problem {
  const remedy = 'Send a JSON array of events, or one event a line as application/x-ndjson';
  const message = `The body is no batch of events: ${what}`;
  return new Problem('MALFORMED_JSON', `${message}. ${remedy}.`, {
    errors: [{ field: '', code: 'MALFORMED_JSON', message, remedy }],
  });
}
