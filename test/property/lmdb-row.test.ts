import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checked,
  isSealed,
  nameOf,
  rowOf,
  RowWriter,
  textOf,
  valueOf,
} from '../../kafka/lmdb-row.ts';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 200 }),
  fc.string({ unit: 'grapheme', minLength: 1_400, maxLength: 1_700 }),
);

describe('rows of a local store', () => {
  it('J9a give back key and value, whatever stood before them in one piece', () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 60 }), (pairs) => {
        const rows = new RowWriter();
        const made = pairs.map(([key, value]) => rows.sealed(nameOf('t', key), textOf(key, value)));
        for (const [index, { row, value: bytes }] of made.entries()) {
          const [key, value] = (pairs[index] ?? []).map((each) => Buffer.from(each).toString());
          expect(row).toEqual(rowOf('t', key ?? ''));
          const [longKey, found] = valueOf(checked(bytes.toString(), row));
          expect([longKey ?? key, found]).toEqual([key, value]);
          expect(isSealed(row, bytes, 0, bytes.length)).toBe(true);
        }
      }),
      { numRuns: 200 },
    ));

  it('J9a have the checksum that the runtime makes', () =>
    fc.assert(
      fc.property(text, text, (key, value) => {
        const { row, value: bytes } = new RowWriter().sealed(nameOf('t', key), value);
        const sum = crc32(Buffer.from(value), crc32(row));
        expect(bytes.toString('latin1', 0, 8)).toBe(sum.toString(16).padStart(8, '0'));
      }),
    ));
});
