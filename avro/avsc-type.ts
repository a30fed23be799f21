import avsc from 'avsc';
import type { Type } from 'avsc';
import { isWrittenAsAscii } from '../engine/ascii.ts';
import type { Place } from '../engine/codec.ts';
import { PlacedHeaders } from '../engine/header-block.ts';
import { TextCache } from '../engine/text-cache.ts';
import type { Schema } from './schemas.ts';

/*
 * avsc, with four of its types replaced: bytes take any Uint8Array; longs past 2^52 are refused, where
 * avsc would round them; arrays and maps believe no count that the bytes left cannot hold, where avsc
 * would allocate and loop over whatever a damaged record claims.
 */

/** The part of avsc's reading cursor that its type classes use. */
interface Tap {
  readonly buf: Buffer;
  pos: number;
  readLong(): number;
  readString(): string;
  skipString(): void;
  writeLong(value: number): void;
  writeFixed(bytes: Uint8Array, length: number): void;
}

interface Writes {
  _write(tap: Tap, value: unknown): void;
}

interface Updates {
  _update(this: Type, resolver: unknown, written: Type, options: unknown): void;
}

interface Reads {
  _read(tap: Tap): unknown;
  _skip(tap: Tap): void;
}

/** Block after block, each item at least one byte; zero-byte items are bounded by the same rule. */
function readBlocks(tap: Tap, item: () => void): void {
  for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
    if (count < 0) {
      count = -count;
      tap.readLong();
    }
    const left = tap.buf.length - tap.pos;
    if (!(count <= left)) throw new Error(`a block of ${count} items stands in ${left} bytes`);
    for (let index = 0; index < count; index++) item();
  }
}

class CountedArray extends avsc.types.ArrayType {
  _read(tap: Tap): unknown {
    const items = this.itemsType as unknown as Reads;
    const values: unknown[] = [];
    readBlocks(tap, () => values.push(items._read(tap)));
    return values;
  }
  _skip(tap: Tap): void {
    const items = this.itemsType as unknown as Reads;
    readBlocks(tap, () => items._skip(tap));
  }
}

/** Read by a resolver of what was written by the same schema of its items: as its bytes. */
class PlacedArray extends CountedArray {
  readonly #place: Place;

  constructor(part: never, options: never, place: Place) {
    super(part, options);
    this.#place = place;
  }

  _update(resolver: { _read: unknown }, written: Type, options: unknown): void {
    const { _update } = avsc.types.ArrayType.prototype as unknown as Updates;
    _update.call(this, resolver, written, options);
    if (!(written instanceof CountedArray) || !isSame(this.itemsType, written.itemsType)) return;
    const items = written.itemsType as unknown as Reads;
    const place = this.#place;
    resolver._read = (tap: Tap): unknown => {
      const from = tap.pos;
      let length = 0;
      readBlocks(tap, () => {
        const start = tap.pos;
        items._skip(tap);
        if (tap.pos <= start) throw new Error('an item ends before it begins');
        length += 1;
      });
      // A copy: else the few bytes that somebody keeps would keep all of what was fetched with them.
      return place(Buffer.from(tap.buf.subarray(from, tap.pos)), length);
    };
  }
}

function isSame(left: Type, right: Type): boolean {
  return JSON.stringify(left.schema()) === JSON.stringify(right.schema());
}

class CountedMap extends avsc.types.MapType {
  _read(tap: Tap): unknown {
    const type = this.valuesType as unknown as Reads;
    const values: Record<string, unknown> = {};
    readBlocks(tap, () => {
      const key = tap.readString();
      const value = type._read(tap);
      // Plain assignment would lose this one key.
      if (key === '__proto__') Object.defineProperty(values, key, { ...OWN, value });
      else values[key] = value;
    });
    return values;
  }
  _write(tap: Tap, value: object): void {
    const block = value instanceof PlacedHeaders ? PlacedHeaders.blockOf(value) : undefined;
    if (block === undefined)
      return (avsc.types.MapType.prototype as unknown as Writes)._write.call(this, tap, value);
    tap.writeFixed(block, block.byteLength);
    tap.writeLong(0);
  }
  _skip(tap: Tap): void {
    const type = this.valuesType as unknown as Reads;
    readBlocks(tap, () => {
      tap.skipString();
      type._skip(tap);
    });
  }
}

const OWN = { configurable: true, enumerable: true, writable: true };

/** avsc reads and writes a long as twice its value in a double. */
const MAX_LONG = 2 ** 52;

class ExactLong extends avsc.types.LongType {
  _check(value: unknown, _flags: unknown, hook?: (value: unknown, type: Type) => void): boolean {
    const fits = Number.isInteger(value) && Math.abs(value as number) < MAX_LONG;
    if (!fits) hook?.(value, this);
    return fits;
  }
  _read(tap: Tap): number {
    const value = tap.readLong();
    if (Math.abs(value) < MAX_LONG) return value;
    throw new Error(`the long ${value} is past 2^52 and would be rounded`);
  }
  _write(tap: Tap, value: number): void {
    if (!this._check(value, 0)) throw new Error(`${value} is no long below 2^52`);
    tap.writeLong(value);
  }
}

class AnyBytes extends avsc.types.LogicalType {
  _write(tap: Tap, value: unknown): void {
    if (!(value instanceof Uint8Array)) throw new Error(`${typeof value} is no bytes`);
    tap.writeLong(value.byteLength);
    const at = tap.pos;
    tap.pos += value.byteLength;
    // Past the end nothing is written; the caller sees how much room it takes.
    if (tap.pos <= tap.buf.length) tap.buf.set(value, at);
  }
  override _fromValue(value: unknown): unknown {
    return value;
  }
  override _toValue(value: unknown): unknown {
    if (Buffer.isBuffer(value) || !(value instanceof Uint8Array)) return value;
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  override _resolve(type: Type): unknown {
    // What another schema calls bytes was parsed to this class as well.
    const isBytes = type instanceof AnyBytes || avsc.Type.isType(type, 'bytes');
    return isBytes ? (value: unknown) => value : undefined;
  }
}

/** Longest text that is written and read letter by letter, in bytes: its length then takes one byte. */
const SHORT_TEXT = 63;

const texts = new TextCache();

/** Most texts are short and of ASCII, and many come again. A resolver borrows `_read`, so it asks nothing of `this`. */
class ShortString extends avsc.types.StringType {
  _write(tap: Tap, value: unknown): void {
    if (typeof value === 'string' && value.length <= SHORT_TEXT && isWritten(tap, value)) return;
    (avsc.types.StringType.prototype as unknown as Writes)._write.call(this, tap, value);
  }
  _read(tap: Tap): string {
    const length = tap.readLong();
    const start = tap.pos;
    tap.pos += length;
    if (length < 0 || tap.pos > tap.buf.length) {
      // What avsc does with a text that is cut off: its caller finds that the bytes do not suffice.
      tap.pos = tap.buf.length + 1;
      return '';
    }
    return texts.read(tap.buf, start, tap.pos);
  }
}

/** False: it is not of ASCII alone, or there is no room, and nothing counts as written. */
function isWritten(tap: Tap, value: string): boolean {
  const { buf, pos } = tap;
  const end = pos + 1 + value.length;
  if (end > buf.length || !isWrittenAsAscii(value, buf, pos + 1)) return false;
  buf[pos] = value.length << 1;
  tap.pos = end;
  return true;
}

/** Types that tell by themselves whether a value is theirs. */
const SIMPLE: ReadonlySet<unknown> = new Set([
  ...['boolean', 'int', 'long', 'float', 'double', 'bytes', 'string', 'enum', 'fixed'],
]);

/** Null, or a value of one simple type: which of the two needs no look at what the value may be. */
class Optional extends avsc.types.UnwrappedUnionType {
  _getIndex(value: unknown): number | undefined {
    return value === undefined ? undefined : value === null ? 0 : 1;
  }
}

function isOptional(part: unknown): boolean {
  if (!Array.isArray(part) || part.length !== 2 || part[0] !== 'null') return false;
  const other = part[1] as { readonly type?: unknown } | string;
  return SIMPLE.has(typeof other === 'string' ? other : other.type);
}

/**
 * `placed`: what fields of the outermost record, by name, are made into by who reads what another type has written.
 *
 * Throws: Error of avsc when the schema is not valid Avro.
 */
export function parseType(
  schema: Schema,
  placed: Readonly<Record<string, Place | undefined>> = {},
): Type {
  const fields = typeof schema === 'object' && 'fields' in schema ? (schema.fields ?? []) : [];
  const places = new Map(fields.map(({ name, type }) => [type as unknown, placed[name]]));
  return avsc.Type.forSchema(
    schema as avsc.Schema,
    {
      omitRecordMethods: true,
      typeHook: (part, options) => {
        const type = typeof part === 'string' ? part : (part as { readonly type?: unknown }).type;
        if (isOptional(part)) return new Optional(part as never, options);
        if (type === 'string') return new ShortString();
        if (type === 'bytes') return new AnyBytes({ type: 'bytes', logicalType: 'bytes' }, {});
        if (type === 'long') return new ExactLong();
        const place = places.get(part);
        if (place !== undefined) return new PlacedArray(part as never, options as never, place);
        if (type === 'array') return new CountedArray(part as never, options);
        if (type === 'map') return new CountedMap(part as never, options);
        return undefined;
      },
    } as Partial<avsc.ForSchemaOptions>,
  );
}
