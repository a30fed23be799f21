import {
  createRecordsBatch,
  fetchV10,
  fetchV11,
  fetchV12,
  fetchV13,
  fetchV17,
  fetchV4,
  fetchV5,
  fetchV7,
  type MessageRecord,
  Reader,
  Writer,
} from '@platformatic/kafka';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { KafkaError } from '../../kafka/client.ts';
import { parseFetch } from '../../kafka/platformatic/fetch-request.ts';
import { type Bytes, decodeBatches } from '../../kafka/platformatic/record-decoder.ts';

const FIRST_MS = 1_700_000_000_000;
const PLACE = { topic: 't', partition: 3, offset: 0 };
const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

interface Written {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly laterMs: number;
}

const blob = fc.option(fc.uint8Array({ maxLength: 300 }));
const text = fc.oneof(
  fc.constantFrom('event_id', 'event_type', 'normal', 'é', ''),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.integer({ min: 60, max: 300 }).map((length) => 'x'.repeat(length)),
);
const written: fc.Arbitrary<Written> = fc.record({
  key: blob,
  value: blob,
  headers: fc.dictionary(
    text.map((name) => `h${name}`),
    text,
    { maxKeys: 6 },
  ),
  // The library writes no more than 31 bits of it.
  laterMs: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
});
const batch = fc.record({
  records: fc.array(written, { minLength: 1, maxLength: 20 }),
  compression: fc.constantFrom(...COMPRESSIONS),
});
type Batch = typeof batch extends fc.Arbitrary<infer Value> ? Value : never;

/** As the client library writes it, at an offset. */
function batchAt(firstOffset: number, { records, compression }: Batch): Buffer {
  const messages = records.map(
    ({ key, value, headers, laterMs }, index) =>
      ({
        topic: PLACE.topic,
        partition: PLACE.partition,
        timestamp: BigInt(FIRST_MS + (index === 0 ? 0 : laterMs)),
        ...(key === null ? {} : { key: Buffer.from(key) }),
        ...(value === null ? {} : { value: Buffer.from(value) }),
        headers: new Map(
          Object.entries(headers).map(([name, each]) => [Buffer.from(name), Buffer.from(each)]),
        ),
      }) as MessageRecord,
  );
  const bytes = Buffer.from(createRecordsBatch(messages, { compression }).buffer);
  bytes.writeBigInt64BE(BigInt(firstOffset), 0);
  return bytes;
}

function inOnePiece(bytes: Buffer): Bytes {
  return { length: bytes.length, slice: (from, until) => bytes.subarray(from, until) };
}

it('J4 reads what the library writes: offsets, times, keys, values and headers, in every compression', () => {
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 4 }), fc.nat(30), fc.nat(60), (batches, from, cut) => {
      const parts: Buffer[] = [];
      const expected: object[] = [];
      let next = 10;
      for (const each of batches) {
        parts.push(batchAt(next, each));
        for (const [index, { key, value, headers, laterMs }] of each.records.entries())
          expected.push({
            ...{ topic: 't', partition: 3, offset: next + index, leaderEpoch: 0 },
            timestampMs: FIRST_MS + (index === 0 ? 0 : laterMs),
            key: key && Buffer.from(key),
            value: value && Buffer.from(value),
            headers: { ...headers },
          });
        next += each.records.length;
      }
      // A broker cuts an answer off where its limit is.
      const bytes = Buffer.concat([...parts, batchAt(next, TAIL).subarray(0, cut)]);
      const read = decodeBatches(inOnePiece(bytes), { ...PLACE, offset: from });
      expect(read.nextOffset).toBe(batches.length === 0 ? null : next);
      expect(read.records).toEqual(
        expected.filter((record) => (record as { offset: number }).offset >= from),
      );
    }),
  );
});

const TAIL: Batch = {
  records: [{ key: null, value: Buffer.from('cut off'), headers: {}, laterMs: 0 }],
  compression: 'none',
};

it('J4 says of damaged bytes that they are, and ends', () => {
  fc.assert(
    fc.property(
      fc.array(written, { minLength: 1, maxLength: 5 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      (records, damages) => {
        const bytes = batchAt(0, { records, compression: 'none' });
        for (const [at, byte] of damages) bytes[at % bytes.length] = byte;
        try {
          const read = decodeBatches(inOnePiece(bytes), PLACE);
          expect(read.records.length).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      },
    ),
    { numRuns: 500 },
  );
});

it.each([
  ['a length past the end', (bytes: Buffer) => bytes.writeUInt8(0xfe, 61)],
  ['more records than there are', (bytes: Buffer) => bytes.writeInt32BE(9, 57)],
  ['a batch shorter than its head', (bytes: Buffer) => bytes.writeInt32BE(3, 8)],
])('J4 refuses %s as CORRUPT_MESSAGE, which may be asked for again', (_what, damage) => {
  const bytes = batchAt(0, TAIL);
  damage(bytes);
  const error = thrownBy(() => decodeBatches(inOnePiece(bytes), PLACE));
  expect(error).toMatchObject({ code: 'CORRUPT_MESSAGE', canRetry: true });
});

it('J4 refuses records of the formats before 2 by name', () => {
  const bytes = batchAt(0, TAIL);
  bytes[16] = 1;
  const error = thrownBy(() => decodeBatches(inOnePiece(bytes), PLACE));
  expect(error).toMatchObject({ code: 'UNSUPPORTED_FOR_MESSAGE_FORMAT', canRetry: false });
});

it('J4 reads times that are years apart within one batch', () => {
  // Length, attributes, time, offset, no key, a value of one byte, no headers.
  const record = Buffer.from([0x16, 0, 0x81, 0x80, 0x80, 0x80, 0x10, 0, 0x01, 0x02, 0x78, 0]);
  const head = batchAt(0, TAIL).subarray(0, 61);
  head.writeInt32BE(61 - 12 + record.length, 8);
  const { records } = decodeBatches(inOnePiece(Buffer.concat([head, record])), PLACE);
  expect(records).toMatchObject([{ timestampMs: FIRST_MS - 2_147_483_649, key: null }]);
});

function thrownBy(run: () => unknown): KafkaError {
  try {
    run();
  } catch (error) {
    return error as KafkaError;
  }
  throw new Error('nothing was thrown');
}

it('J4 leaves out markers of transactions, and goes on behind them', () => {
  const bytes = batchAt(5, TAIL);
  bytes.writeInt16BE(0x30, 21);
  expect(decodeBatches(inOnePiece(bytes), PLACE)).toEqual({ records: [], nextOffset: 6 });
});

const VERSIONS = [fetchV4, fetchV5, fetchV7, fetchV10, fetchV11, fetchV12, fetchV13, fetchV17];
const ID = '0190aaaa-bbbb-4ccc-8ddd-eeeeffff0000';

it.each(VERSIONS.map((api) => [api.api.version, api] as const))(
  'K-02 reads an answer to a Fetch of version %i as the library does',
  (version, library) => {
    const bytes = answerOf(version, [batchAt(7, TAIL), null]);
    const own = parseFetch(version, Reader.from(bytes));
    const theirs = library.parseResponse(0, 1, version, Reader.from(bytes)) as {
      responses: {
        topicId: string;
        partitions: {
          partitionIndex: number;
          errorCode: number;
          highWatermark: bigint;
          logStartOffset: bigint;
          records: { firstOffset: bigint }[] | null;
        }[];
      }[];
    };
    expect(own.errorCode).toBe(0);
    expect(own.topics.map(({ topic }) => topic)).toEqual(
      theirs.responses.map(({ topicId }) => topicId),
    );
    const partitions = own.topics.flatMap((topic) => topic.partitions);
    const expected = theirs.responses.flatMap((topic) => topic.partitions);
    expect(partitions).toHaveLength(2);
    for (const [index, partition] of partitions.entries()) {
      const their = expected[index];
      expect(partition.partition).toBe(their?.partitionIndex);
      expect(partition.errorCode).toBe(their?.errorCode);
      expect(partition.highWatermark).toBe(Number(their?.highWatermark));
      if (version >= 5) expect(partition.logStartOffset).toBe(Number(their?.logStartOffset));
      const read = partition.records && decodeBatches(partition.records, PLACE).records;
      expect(read?.map(({ offset }) => offset) ?? []).toEqual(
        (their?.records ?? []).map(({ firstOffset }) => Number(firstOffset)),
      );
    }
  },
);

/** A broker's answer with two partitions. Source: Kafka's protocol guide, Fetch Response. */
function answerOf(version: number, records: readonly (Buffer | null)[]): Buffer {
  const flexible = version >= 12;
  const writer = Writer.create().appendInt32(0);
  if (version >= 7) writer.appendInt16(0).appendInt32(0);
  writer.appendArray(
    [ID],
    (topic, id) => {
      if (version >= 13) topic.appendUUID(id);
      else topic.appendString('chain.checked', flexible);
      topic.appendArray(
        [...records],
        (one, bytes, index) => {
          one
            .appendInt32(index ?? 0)
            .appendInt16(0)
            .appendInt64(12n)
            .appendInt64(11n);
          if (version >= 5) one.appendInt64(2n);
          one.appendArray(
            [9n],
            (aborted, id) => aborted.appendInt64(id).appendInt64(1n),
            flexible,
            flexible,
          );
          if (version >= 11) one.appendInt32(-1);
          one.appendBytes(bytes, flexible);
        },
        flexible,
        flexible,
      );
    },
    flexible,
    flexible,
  );
  if (flexible) writer.appendTaggedFields();
  return Buffer.from(writer.buffer);
}
