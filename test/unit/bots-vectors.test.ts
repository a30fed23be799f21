import { describe, expect, it } from 'vitest';
import { AvroCodec, BOT_RECORDS, eventHeaders } from '../../avro/index.ts';
import { SequenceSet } from '../../connectors/postgres/sequence-set.ts';
import type { EventRecord } from '../../engine/event.ts';
import {
  botContent,
  takeBotJson,
  takeBotRecord,
  validateBotEvent,
} from '../../processors/bots/index.ts';
import events from '../../sdk/vectors/events.json' with { type: 'json' };
import records from '../../sdk/vectors/records.json' with { type: 'json' };
import sequences from '../../sdk/vectors/sequences.json' with { type: 'json' };
import { jsonBytes } from '../support/bot-events.ts';

const codec = AvroCodec.offline({ subjects: BOT_RECORDS });

describe('the vectors, by the server', () => {
  it.each(events)('$row $name', ({ event, problem }) => {
    const found = validateBotEvent(event);
    expect(found === null ? null : { field: found.field, code: found.code }).toEqual(problem);
  });

  it.each(records.records)(
    'S-41 S-43 reads the record of $name as the JSON it came from',
    (vector) => {
      const json = takeBotJson(jsonBytes(vector.json));
      if (!json.ok) throw new Error(json.rejection.message);
      const { envelope } = json.taken.record;
      const { record = '' } =
        BOT_RECORDS.find(({ record: name }) => name.endsWith(pascal(envelope.event_type))) ?? {};
      const framed = Buffer.concat([
        Buffer.from([0]),
        idBytes(codec.idOf('orders', record)),
        Buffer.from(vector.avro, 'hex'),
      ]);
      const avro = takeBotRecord(codec.decode(framed).value as EventRecord);
      expect(avro.ok && botContent(avro.taken.record)).toBe(botContent(json.taken.record));
      expect(vector.headers).toMatchObject(eventHeaders(envelope));
    },
  );

  it.each(sequences.arrivals)('S-36 holds $name', ({ arrive, taken, held }) => {
    const set = new SequenceSet();
    expect(arrive.filter((sequence) => set.add(sequence))).toEqual(taken);
    const ranges = held.map(([first = 0, last = 0]) => `[${first},${last + 1})`);
    expect(set.toString()).toBe(`{${ranges.join(',')}}`);
    expect(SequenceSet.parse(set.toString()).toString()).toBe(set.toString());
  });
});

function pascal(type: string): string {
  return type.replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function idBytes(id: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(id);
  return bytes;
}
