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

/** An event on its way into the spool. */
export interface SpoolEntry {
  readonly meta: EntryMeta;
  readonly json: string;
  /** Of its frame. */
  readonly bytes: number;
}

const NO_META = '{}';

export function spoolEntry(meta: EntryMeta, json: string): SpoolEntry {
  const metaBytes = Buffer.byteLength(metaText(meta));
  return {
    meta,
    json,
    bytes: HEAD_BYTES + META_LENGTH_BYTES + metaBytes + Buffer.byteLength(json),
  };
}

function metaText(meta: EntryMeta): string {
  return meta.traceparent === undefined ? NO_META : JSON.stringify(meta);
}

/** The frames of entries, one after the other: a buffer for each would be most of the work. */
export function encodeFrames(entries: readonly SpoolEntry[]): Buffer {
  const all = Buffer.allocUnsafe(entries.reduce((sum, { bytes }) => sum + bytes, 0));
  let at = 0;
  for (const { meta, json, bytes } of entries) {
    const bodyAt = at + HEAD_BYTES;
    const metaBytes = all.write(metaText(meta), bodyAt + META_LENGTH_BYTES);
    all.write(json, bodyAt + META_LENGTH_BYTES + metaBytes);
    all.writeUInt32BE(bytes - HEAD_BYTES, at);
    all.writeUInt16BE(metaBytes, bodyAt);
    all.writeUInt32BE(crc32(all.subarray(bodyAt, at + bytes)), at + 4);
    all.writeUInt32BE(headSum(all, at), at + 8);
    at += bytes;
  }
  return all;
}

const CRC_POLYNOMIAL = 0xedb88320;
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? CRC_POLYNOMIAL ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** CRC-32 of the first eight bytes of a frame; for so few, calling the library's takes longer. */
function headSum(bytes: Buffer, at: number): number {
  let crc = 0xffffffff;
  for (let index = at; index < at + 8; index++)
    crc = (CRC_TABLE[(crc ^ (bytes[index] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
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
  if (headSum(bytes, at) !== bytes.readUInt32BE(at + 8)) return { is: 'damaged' };
  if (length < META_LENGTH_BYTES || length > maxBytes) return { is: 'damaged' };
  if (left < HEAD_BYTES + length) return { is: 'cut', bytes: HEAD_BYTES + length };
  const body = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
  if (crc32(body) !== bytes.readUInt32BE(at + 4)) return { is: 'damaged' };
  const jsonAt = META_LENGTH_BYTES + body.readUInt16BE(0);
  const meta = JSON.parse(body.toString('utf8', META_LENGTH_BYTES, jsonAt)) as EntryMeta;
  const event = { meta, json: body.subarray(jsonAt) };
  return { is: 'frame', event, bytes: HEAD_BYTES + length };
}
