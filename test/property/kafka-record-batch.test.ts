import { createRecordsBatch, type MessageRecord } from '@platformatic/kafka';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PlacedHeaders } from '../../engine/header-block.ts';
import type { RecordToSend } from '../../kafka/client.ts';
import { encodeRecordBatch } from '../../kafka/platformatic/record-batch.ts';

const TIMESTAMP_MS = 1_700_000_000_000;

/** What the client library makes of the same records. */
function byLibrary(records: readonly RecordToSend[]): Buffer {
  const messages = records.map(
    ({ topic, partition, key, value, headers }) =>
      ({
        topic,
        partition,
        timestamp: BigInt(TIMESTAMP_MS),
        ...(key === null ? {} : { key: Buffer.from(key) }),
        ...(value === null ? {} : { value: Buffer.from(value) }),
        headers: new Map(
          Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]),
        ),
      }) as MessageRecord,
  );
  return createRecordsBatch(messages, { compression: 'none' }).buffer;
}

const blob = fc.option(fc.uint8Array({ maxLength: 300 }));
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.integer({ min: 60, max: 68 }).map((length) => 'é'.repeat(length / 2)),
  fc.integer({ min: 60, max: 9_000 }).map((length) => 'x'.repeat(length)),
);
const record = fc.record({
  topic: fc.constant('t'),
  partition: fc.constant(0),
  key: blob,
  value: blob,
  // A name of digits would change its place in an object.
  headers: fc.dictionary(
    text.map((name) => `h${name}`),
    text,
    { maxKeys: 12 },
  ),
});

it('J3b writes the same bytes as the library, whatever stands in the records', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 100 }), (records) => {
      const own = encodeRecordBatch(records, TIMESTAMP_MS);
      expect(Buffer.compare(own, byLibrary(records))).toBe(0);
    }),
  );
});

it('J3b J5 writes headers that have their bytes already like those that do not, and a changed copy anew', () => {
  fc.assert(
    fc.property(record, text, (one, origin) => {
      const plain = { ...one, headers: { ...one.headers, origin } };
      const placed = { ...one, headers: new PlacedHeaders(one.headers, 'origin', origin) };
      expect(encodeRecordBatch([placed], TIMESTAMP_MS)).toEqual(byLibrary([plain]));
      const changed = { ...one, headers: { ...placed.headers, origin: `${origin}/1` } };
      const anew = { ...one, headers: { ...one.headers, origin: `${origin}/1` } };
      expect(encodeRecordBatch([changed], TIMESTAMP_MS)).toEqual(byLibrary([anew]));
    }),
  );
});

it('J3b writes a record of a mebibyte, and ten thousand small ones', () => {
  const one = { topic: 't', partition: 0, key: null, headers: {} };
  const large = [{ ...one, value: Buffer.alloc(1024 * 1024, 7) }];
  const many = Array.from({ length: 10_000 }, (_, index) => ({
    ...one,
    value: Buffer.from([index]),
  }));
  for (const records of [large, many])
    expect(Buffer.compare(encodeRecordBatch(records, TIMESTAMP_MS), byLibrary(records))).toBe(0);
});
