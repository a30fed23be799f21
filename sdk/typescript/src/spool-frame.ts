import { crc32 } from 'node:zlib';

/*
 * One event in the spool: u32 length of the body, u32 CRC-32 of the body, u32 CRC-32 of these eight bytes, body; numbers
 * big-endian. The head has a checksum of its own so that an unfinished end is told from a damaged length. The body is a
 * u16 length, that many bytes of JSON with what the event itself does not hold (traceparent), and the
 * event's own bytes. The Python SDK writes the same; sdk/vectors/spool.json has examples.
 */

const HEAD_BYTES = 12;
const META_LENGTH_BYTES = 2;

/** What goes with an event beside its own bytes. */
export interface EntryMeta {
  readonly traceparent?: string;
}

/** An event as it is kept: before encoding, so that neither broker nor registry is needed. */
export interface SpooledEvent {
  readonly meta: EntryMeta;
  /** The event as JSON: its raw bytes. */
  readonly json: Buffer;
}

export function encodeFrame({ meta, json }: SpooledEvent): Buffer {
  const text = JSON.stringify(meta);
  const metaBytes = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(HEAD_BYTES + META_LENGTH_BYTES + metaBytes + json.length);
  const bodyAt = HEAD_BYTES;
  frame.writeUInt32BE(frame.length - HEAD_BYTES, 0);
  frame.writeUInt16BE(metaBytes, bodyAt);
  frame.write(text, bodyAt + META_LENGTH_BYTES);
  frame.set(json, bodyAt + META_LENGTH_BYTES + metaBytes);
  frame.writeUInt32BE(crc32(frame.subarray(bodyAt)), 4);
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8);
  return frame;
}

/** A frame that was read, `cut`: the bytes end within it, or `damaged`: its checksum is wrong. */
export type FrameRead =
  | { readonly is: 'frame'; readonly event: SpooledEvent; readonly bytes: number }
  | { readonly is: 'cut'; readonly bytes: number }
  | { readonly is: 'damaged' };

/** Reads the frame at `at`. Of a cut one `bytes` says how many it needs, as far as that is known. */
export function readFrame(bytes: Buffer, at: number, maxBytes: number): FrameRead {
  const left = bytes.length - at;
  if (left < HEAD_BYTES) return { is: 'cut', bytes: HEAD_BYTES };
  const length = bytes.readUInt32BE(at);
  if (crc32(bytes.subarray(at, at + 8)) !== bytes.readUInt32BE(at + 8)) return { is: 'damaged' };
  if (length < META_LENGTH_BYTES || length > maxBytes) return { is: 'damaged' };
  if (left < HEAD_BYTES + length) return { is: 'cut', bytes: HEAD_BYTES + length };
  const body = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
  if (crc32(body) !== bytes.readUInt32BE(at + 4)) return { is: 'damaged' };
  const jsonAt = META_LENGTH_BYTES + body.readUInt16BE(0);
  const meta = JSON.parse(body.toString('utf8', META_LENGTH_BYTES, jsonAt)) as EntryMeta;
  const event = { meta, json: body.subarray(jsonAt) };
  return { is: 'frame', event, bytes: HEAD_BYTES + length };
}
