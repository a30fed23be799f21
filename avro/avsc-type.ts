import avsc from 'avsc';
import type { Type } from 'avsc';
import type { Schema } from './schemas.ts';

/*
 * avsc, with four of its types replaced: bytes take any Uint8Array; longs past 2^52 are refused, where
 * avsc would round them; arrays and maps believe no count that the bytes left cannot hold, where avsc
 * would allocate and loop over whatever a damaged record claims.
 */

/** The part of avsc's reading cursor that its type classes use. */
interface Tap {
  readonly buf: Uint8Array;
  readonly pos: number;
  readLong(): number;
  readString(): string;
  writeLong(value: number): void;
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
  _skip(tap: Tap): void {
    const type = this.valuesType as unknown as Reads;
    readBlocks(tap, () => {
      tap.readString();
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

/** Throws: Error of avsc when the schema is not valid Avro. */
export function parseType(schema: Schema): Type {
  return avsc.Type.forSchema(
    schema as avsc.Schema,
    {
      omitRecordMethods: true,
      typeHook: (part, options) => {
        const type = typeof part === 'string' ? part : (part as { readonly type?: unknown }).type;
        if (type === 'bytes') return new AnyBytes({ type: 'bytes', logicalType: 'bytes' }, {});
        if (type === 'long') return new ExactLong();
        if (type === 'array') return new CountedArray(part as never, options);
        if (type === 'map') return new CountedMap(part as never, options);
        return undefined;
      },
    } as Partial<avsc.ForSchemaOptions>,
  );
}
