/** What may stand in an array for Postgres. */
export type ArrayValue = string | number | boolean | Uint8Array | null;

/** How a type's elements stand in the binary form: its number in every Postgres, and its bytes. */
interface ElementForm {
  readonly oid: number;
  sizeOf(value: never): number;
  write(bytes: Buffer, value: never, at: number): void;
}

const TEXT: ElementForm = {
  oid: 25,
  sizeOf: (value: string) => Buffer.byteLength(value),
  write: (bytes, value: string, at) => void bytes.write(value, at),
};

const FORMS: Readonly<Record<string, ElementForm>> = {
  boolean: {
    oid: 16,
    sizeOf: () => 1,
    write: (bytes, value: boolean, at) => (bytes[at] = value ? 1 : 0),
  },
  bytea: {
    oid: 17,
    sizeOf: ({ byteLength }: Uint8Array) => byteLength,
    write: (bytes, value: Uint8Array, at) => bytes.set(value, at),
  },
  bigint: { oid: 20, sizeOf: () => 8, write: writeBigint },
  int: {
    oid: 23,
    sizeOf: () => 4,
    write: (bytes, value: number, at) => bytes.writeInt32BE(value, at),
  },
  text: TEXT,
  json: TEXT,
  uuid: { oid: 2950, sizeOf: () => 16, write: writeUuid },
};

const HEAD_BYTES = 20;
const EMPTY_BYTES = 12;
const LENGTH_BYTES = 4;
const IS_NULL = -1;
const TWO_TO_32 = 2 ** 32;

/**
 * An array as the bytes that Postgres reads, of a type of FORMS. The driver writes arrays as text: that costs several times as
 * much here, and there all of it is read letter by letter.
 *
 * Shape: int32 dimensions, whether there are nulls, oid, length, first index; each element its length and bytes.
 */
export function arrayBytes(type: string, values: readonly ArrayValue[]): Buffer {
  const form = FORMS[type];
  if (form === undefined) throw new Error(`${type} has no binary form here; add it to FORMS`);
  if (values.length === 0) return headOf(form, values, EMPTY_BYTES);
  let size = HEAD_BYTES;
  for (const value of values)
    size += LENGTH_BYTES + (value === null ? 0 : form.sizeOf(value as never));
  const bytes = headOf(form, values, size);
  let at = HEAD_BYTES;
  let [before, beforeAt]: [ArrayValue, number] = [null, 0];
  for (const value of values) {
    if (value === null) {
      at = bytes.writeInt32BE(IS_NULL, at);
      continue;
    }
    // Much of what rows of a batch say is what the row before says.
    if (value === before) {
      const end = beforeAt + LENGTH_BYTES + bytes.readInt32BE(beforeAt);
      bytes.copyWithin(at, beforeAt, end);
      at += end - beforeAt;
      continue;
    }
    [before, beforeAt] = [value, at];
    const length = form.sizeOf(value as never);
    at = bytes.writeInt32BE(length, at);
    form.write(bytes, value as never, at);
    at += length;
  }
  return bytes;
}

function headOf({ oid }: ElementForm, values: readonly ArrayValue[], size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeInt32BE(values.length === 0 ? 0 : 1, 0);
  bytes.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  bytes.writeInt32BE(oid, 8);
  if (values.length === 0) return bytes;
  bytes.writeInt32BE(values.length, 12);
  bytes.writeInt32BE(1, 16);
  return bytes;
}

/** Whole numbers below 2^53. */
function writeBigint(bytes: Buffer, value: number, at: number): void {
  const high = Math.floor(value / TWO_TO_32);
  bytes.writeInt32BE(high, at);
  bytes.writeUInt32BE(value - high * TWO_TO_32, at + 4);
}

const NIBBLES = new Int8Array(0x80).fill(-1);
for (let nibble = 0; nibble < 16; nibble++) {
  NIBBLES[nibble.toString(16).charCodeAt(0)] = nibble;
  NIBBLES[nibble.toString(16).toUpperCase().charCodeAt(0)] = nibble;
}

function writeUuid(bytes: Buffer, value: string, at: number): void {
  let to = at * 2;
  for (let from = 0; from < value.length; from++) {
    const nibble = NIBBLES[value.charCodeAt(from)] ?? -1;
    if (nibble < 0) continue;
    bytes[to >> 1] = to & 1 ? (bytes[to >> 1] ?? 0) | nibble : nibble << 4;
    to += 1;
  }
  if (to !== (at + 16) * 2) throw new Error(`${value} is no UUID; check it before it is stored`);
}
