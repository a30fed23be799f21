import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AvroCodec, BOT_RECORDS } from '../../avro/index.ts';
import { producerOf, takeSequence } from '../../engine/producer-marks.ts';
import type { ProducerMark } from '../../engine/journal.ts';
import { murmur2, partitionOf } from '../../kafka/partitioner.ts';
import { takeBotJson } from '../../processors/bots/index.ts';
import { CONTRACT_FILES, contractText } from '../../scripts/generate-sdk-contract.ts';
import { problemOf } from '../../sdk/typescript/src/check.ts';
import { CONTRACT, RULES } from '../../sdk/typescript/src/contract.ts';
import { entryOf, eventOf } from '../../sdk/typescript/src/event-builder.ts';
import type { BotEvent } from '../../sdk/typescript/src/index.ts';
import { EventEncoder } from '../../sdk/typescript/src/event-encoder.ts';
import { headersOf, keyOf, partitionOfKey, producerText } from '../../sdk/typescript/src/record.ts';
import { encodeFrames, readFrame, spoolEntry } from '../../sdk/typescript/src/spool-frame.ts';
import emits from '../../sdk/vectors/emits.json' with { type: 'json' };
import events from '../../sdk/vectors/events.json' with { type: 'json' };
import partitions from '../../sdk/vectors/partitions.json' with { type: 'json' };
import records from '../../sdk/vectors/records.json' with { type: 'json' };
import sequences from '../../sdk/vectors/sequences.json' with { type: 'json' };
import spool from '../../sdk/vectors/spool.json' with { type: 'json' };

/** Confluent framing: a zero and the schema's id. */
const FRAMING_BYTES = 5;
const codec = AvroCodec.offline({ subjects: BOT_RECORDS });

describe('the contract of the SDKs', () => {
  it.each(CONTRACT_FILES)('%s is what the rules and schemas say now', (file) => {
    expect(readFileSync(file, 'utf8') === contractText(), 'generate-sdk-contract.ts').toBe(true);
  });

  it('S-02 S-44 has a schema for each of exactly six event types', () => {
    const types = Object.keys(RULES.events);
    expect(types).toHaveLength(6);
    for (const { record } of Object.values(RULES.events))
      expect(CONTRACT.schemas[record]).toMatchObject({ type: 'record' });
  });
});

describe('the vectors, by the TypeScript SDK', () => {
  it.each(events)('$row $name', ({ event, problem }) => {
    const found = problemOf(event);
    expect(found === null ? null : { field: found.field, code: found.code }).toEqual(problem);
    if (found !== null) expect(found.message).toContain(found.field || 'the event');
  });

  it.each(emits.emits)(
    'S-15 S-16 writes $name',
    ({ type, payload, upstream, options, json, meta }) => {
      const call = { type: type as never, payload, options, upstream };
      const entry = entryOf(
        eventOf(emits.identity, call),
        (options as { traceparent?: string }).traceparent,
      );
      expect(entry.json).toBe(json);
      expect(JSON.stringify(entry.meta)).toBe(meta);
    },
  );

  it.each(records.records)('S-42 S-43 makes the record of $name', (vector) => {
    const event = JSON.parse(vector.json) as BotEvent;
    const traceparent = vector.traceparent ?? undefined;
    const { id: producerId, incarnation } = records.producer;
    const producer = producerText({ producerId, incarnation });
    expect(keyOf(event)).toBe(vector.key);
    expect(partitionOfKey(vector.key, records.partitions)).toBe(vector.partition);
    expect(headersOf(event, producer, vector.sequence, traceparent)).toEqual(vector.headers);
    const bytes = new EventEncoder(() => 7).encode(event, traceparent);
    expect(bytes.readUInt32BE(1)).toBe(7);
    expect(bytes.subarray(FRAMING_BYTES).toString('hex')).toBe(vector.avro);
  });

  it.each(spool)('keeps $name in the spool', ({ meta, json, frame }) => {
    const event = { meta: JSON.parse(meta) as object, json: Buffer.from(json) };
    expect(encodeFrames([spoolEntry(event.meta, json)]).toString('hex')).toBe(frame);
    const bytes = Buffer.from(frame, 'hex');
    expect(readFrame(bytes, 0, 1e6)).toEqual({ is: 'frame', event, bytes: bytes.length });
    expect(readFrame(bytes.subarray(0, -1), 0, 1e6)).toMatchObject({ is: 'cut' });
    for (const at of [0, 4, 8, 12, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      expect(readFrame(damaged, 0, 1e6)).toEqual({ is: 'damaged' });
    }
  });

  it('K-05 J7a numbers events by partition', () => {
    const last = new Map<number, number>();
    for (const { key, partition, sequence } of sequences.given) {
      expect(partitionOfKey(key, sequences.partitions)).toBe(partition);
      last.set(partition, (last.get(partition) ?? 0) + 1);
      expect(last.get(partition)).toBe(sequence);
    }
  });
});

describe('the vectors, by the server', () => {
  it.each(events)('$row $name', ({ event, problem }) => {
    const taken = takeBotJson(Buffer.from(JSON.stringify(event)));
    const found = taken.ok ? null : taken.rejection;
    expect(found === null ? null : { field: found.field, code: found.code }).toEqual(problem);
  });

  it.each(records.records)('S-28 S-40 makes the same record of the JSON of $name', (vector) => {
    const taken = takeBotJson(Buffer.from(vector.json));
    if (!taken.ok) throw new Error(taken.rejection.message);
    const { record } = taken.taken;
    const event = JSON.parse(vector.json) as BotEvent;
    const trace_id = vector.traceparent?.split('-')[1] ?? null;
    const envelope = { ...record.envelope, trace_id };
    const name = RULES.events[event.event_type]?.record ?? '';
    const bytes = Buffer.from(codec.encode('orders', name, { ...record, envelope, raw: null }));
    expect(bytes.subarray(FRAMING_BYTES).toString('hex')).toBe(vector.avro);
  });

  it.each(partitions)('K-05 S-42 hashes "$key" as Java does', (vector) => {
    const key = Buffer.from(vector.key);
    expect(murmur2(key)).toBe(vector.murmur2);
    for (const [count, partition] of Object.entries(vector.partitions))
      expect(partitionOf(key, Number(count))).toBe(partition);
  });

  it.each(sequences.arrivals)('J7a takes sequences that come $name', ({ arrive, taken, held }) => {
    let mark: ProducerMark | undefined;
    const kept = arrive.filter((sequence) => {
      const producer = { producer_id: 'epp.bot1/1', producer_sequence: String(sequence) };
      const place = producerOf(producer);
      if (place === null) throw new Error('these headers name a producer');
      const result = takeSequence(mark, 'orders', place, 0);
      mark = result.mark ?? mark;
      return result.mark !== null;
    });
    expect(kept).toEqual(taken);
    expect(mark?.held).toEqual(held.flat());
  });

  it.each(records.records)('S-28 S-44 reads the Avro bytes of $name', ({ avro, json }) => {
    const event = JSON.parse(json) as BotEvent;
    const { record } = RULES.events[event.event_type] ?? { record: '' };
    const head = Buffer.alloc(FRAMING_BYTES);
    head.writeUInt32BE(codec.idOf('orders', record), 1);
    const read = codec.decode(Buffer.concat([head, Buffer.from(avro, 'hex')]));
    const value = read.value as {
      readonly payload: Record<string, unknown>;
      readonly payload_extra: Record<string, string>;
    };
    const extra = Object.entries(value.payload_extra).map(([name, text]) => [
      name,
      JSON.parse(text) as unknown,
    ]);
    const known = Object.entries(value.payload).filter(([, each]) => each !== null);
    const payload = Object.fromEntries([...known, ...extra]) as object;
    expect(payload).toEqual(event.payload);
  });
});
