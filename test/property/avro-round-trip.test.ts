import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PlacedSeen, PlacedStates } from '../../engine/byte-rows.ts';
import { CodecError } from '../../engine/codec.ts';
import type { EventRecord } from '../../engine/event.ts';
import { PlacedHeaders } from '../../engine/header-block.ts';
import {
  type Batch,
  type BatchChanges,
  BESIDES_CHANGES,
  JOURNAL_RECORD,
} from '../../engine/journal.ts';
import {
  AvroCodec,
  CATALOGUE_RECORDS,
  fromWire,
  isoMicros,
  journalRecords,
  microsFromIso,
  toWire,
  TRADING_EVENTS,
} from '../../avro/index.ts';
import type { NamedSchema, Schema, WireEvent } from '../../avro/index.ts';
import { isUnion, loadSchemas } from '../../avro/schemas.ts';

const SUBJECTS = [...CATALOGUE_RECORDS, ...journalRecords('a')];
const codec = AvroCodec.offline({ subjects: SUBJECTS });
const schemas = loadSchemas();

/** Any value of a schema; the names that a schema refers back to are in `named`. */
function valueOf(schema: Schema, named: Map<string, Schema> = new Map()): fc.Arbitrary<unknown> {
  if (typeof schema === 'string') {
    const known = named.get(schema);
    return known ? valueOf(known, named) : primitive(schema);
  }
  if (isUnion(schema)) return fc.oneof(...schema.map((branch) => valueOf(branch, named)));
  if (schema.type === 'array') return fc.array(valueOf(schema.items, named), { maxLength: 4 });
  if (schema.type === 'map') {
    return fc.dictionary(text(), valueOf(schema.values, named), { maxKeys: 4 });
  }
  if (schema.type === 'long') return primitive('long');
  return ofNamed(schema, named);
}

function ofNamed(schema: NamedSchema, named: Map<string, Schema>): fc.Arbitrary<unknown> {
  if (schema.namespace) named.set(`${schema.namespace}.${schema.name}`, schema);
  if (schema.type === 'enum') return fc.constantFrom(...(schema.symbols ?? []));
  const fields = (schema.fields ?? []).map(({ name, type }) => [name, valueOf(type, named)]);
  return fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>);
}

function text(): fc.Arbitrary<string> {
  return fc.string({ unit: 'grapheme' });
}

function long(): fc.Arbitrary<number> {
  return fc.maxSafeInteger().map((value) => Math.trunc(value / 2));
}

function primitive(name: string): fc.Arbitrary<unknown> {
  if (name === 'null') return fc.constant(null);
  if (name === 'boolean') return fc.boolean();
  if (name === 'int') return fc.integer();
  if (name === 'long') return fc.oneof(long(), fc.integer());
  if (name === 'bytes') return fc.uint8Array();
  return text();
}

/** Plain data, keys kept in order, bytes as numbers. */
function plain(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    const data = part as { type?: unknown; data?: unknown } | null;
    if (part instanceof Uint8Array) return { bytes: [...part] };
    return data?.type === 'Buffer' ? { bytes: data.data } : part;
  });
}

/** The same with bytes as avsc by itself wants them. */
function withBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(withBuffers);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withBuffers(each)]));
}

describe('records', () => {
  it.each(SUBJECTS)('have the bytes that avsc by itself gives: $record', ({ topic, record }) => {
    const type = avsc.Type.forSchema(schemas.get(record) as avsc.Schema);
    fc.assert(
      fc.property(valueOf(schemas.get(record)), (value) => {
        const own = codec.encode(topic, record, value);
        expect(Buffer.compare(own.subarray(5), type.toBuffer(withBuffers(value)))).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('J5 have headers in the journal as they have their place already', () => {
    const record = JOURNAL_RECORD.batch;
    fc.assert(
      fc.property(
        valueOf(schemas.get(record)) as fc.Arbitrary<Batch>,
        fc.dictionary(text(), text(), { maxKeys: 4 }),
        text(),
        (batch, headers, origin) => {
          const emit = { index: 0, topic: 't', partition: 0, key: null, value: null };
          const placed = new PlacedHeaders(headers, 'origin', origin);
          const [own, plain] = [placed, { ...placed }].map((each) =>
            codec.encode('a.journal', record, { ...batch, emits: [{ ...emit, headers: each }] }),
          );
          expect(own).toEqual(plain);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each(SUBJECTS)('come back as they were: $record', ({ topic, record }) => {
    fc.assert(
      fc.property(valueOf(schemas.get(record)), (value) => {
        const back = codec.decode(codec.encode(topic, record, value));
        expect(back.record).toBe(record);
        expect(plain(back.value)).toBe(plain(value));
      }),
      { numRuns: 60 },
    );
  });

  it('come back without what their reader leaves out, and else as they were', () => {
    const { record } = BESIDES_CHANGES;
    fc.assert(
      fc.property(valueOf(schemas.get(record)) as fc.Arbitrary<Batch>, (batch) => {
        const { inputs: _, ...rest } = batch;
        const emits = batch.emits.map(({ index, topic, partition }) => ({
          ...{ index, topic, partition },
        }));
        const bytes = codec.encode('a.journal', record, batch);
        const read = codec.decode(bytes, BESIDES_CHANGES).value as BatchChanges;
        const { states, seen } = read;
        expect([states, seen]).toEqual([expect.any(PlacedStates), expect.any(PlacedSeen)]);
        expect([states.length, seen.length]).toEqual([batch.states.length, batch.seen.length]);
        const values = { ...read, states: [...states], seen: [...seen] };
        expect(plain(values)).toBe(plain({ ...rest, emits }));
        const other = { ...BESIDES_CHANGES, record: JOURNAL_RECORD.fence };
        expect(plain(codec.decode(bytes, other).value)).toBe(plain(batch));
      }),
      { numRuns: 60 },
    );
  });

  it('end as CodecError, soon, when their bytes are damaged', () => {
    const body = fc.uint8Array({ maxLength: 200 });
    const id = fc.integer({ min: 1, max: SUBJECTS.length });
    fc.assert(
      fc.property(id, body, (schema, bytes) => {
        try {
          codec.decode(Buffer.concat([Buffer.from([0, 0, 0, 0, schema]), bytes]));
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
          expect((error as CodecError).code).toBe('UNDECODABLE');
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('the wire form', () => {
  const json = fc
    .jsonValue({ maxDepth: 3 })
    .map((value) => JSON.parse(JSON.stringify(value)) as unknown);
  const event = fc.constantFrom(...TRADING_EVENTS).chain((definition) => {
    const payload = schemas.get(definition.record).fields?.[1]?.type as NamedSchema;
    const known = ofNamed(payload, new Map()) as fc.Arbitrary<Record<string, unknown>>;
    const names = new Set(payload.fields?.map(({ name }) => name));
    const extra = fc
      .dictionary(text(), json, { maxKeys: 4 })
      .map((keys) => Object.entries(keys).filter(([name]) => !names.has(name)));
    return fc.record({
      eventId: text(),
      timestamp: long().map(isoMicros),
      topic: fc.constant(definition.type),
      correlationId: text(),
      causationId: fc.option(text()),
      payload: fc.tuple(known, extra, json).map(([fields, more, metadata]) => ({
        ...fields,
        ...('metadata' in fields ? { metadata } : {}),
        ...(Object.fromEntries(more) as Record<string, unknown>),
      })),
      version: fc.integer(),
      sequence: fc.option(long()),
    });
  });

  it('X-01 is the same after the record, its bytes and back, unknown keys too', () => {
    fc.assert(
      fc.property(event, (wire: WireEvent) => {
        const { topic, record } = TRADING_EVENTS.find(({ type }) => type === wire.topic) ?? fail();
        const bytes = codec.encode(topic, record, fromWire(wire, { producer: 'p' }));
        expect(JSON.stringify(toWire(codec.decode(bytes).value as EventRecord))).toBe(
          JSON.stringify(wire),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('X-55 has times to the microsecond', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (micros) => {
        expect(isoMicros(micros)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        expect(microsFromIso(isoMicros(micros))).toBe(micros);
      }),
    );
  });
});

function fail(): never {
  throw new Error('the event is not in the catalogue');
}
