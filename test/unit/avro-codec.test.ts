import { describe, expect, it } from 'vitest';
import { CodecError } from '../../engine/codec.ts';
import type { CodecErrorCode } from '../../engine/codec.ts';
import type { Batch } from '../../engine/journal.ts';
import { AvroCodec, CATALOGUE_RECORDS, envelope, journalRecords } from '../../avro/index.ts';

const SUBMITTED = 'millrace.trading.v1.IntentSubmitted';
const JOURNAL = 'planner.workers.journal';
const SUBJECTS = [...CATALOGUE_RECORDS, ...journalRecords('planner.workers')];

function codec(): AvroCodec {
  return AvroCodec.offline({ subjects: SUBJECTS });
}

function submitted() {
  return envelope(
    'intent.submitted',
    {
      intentId: '550e8400-e29b-41d4-a716-446655440000',
      strategyId: 's-1',
      base: 'WETH',
      quote: 'USDC',
      amount_in: '123456789012345678901234567890.000000000000000001',
      notional_usd: '100.00',
      max_slippage: '0.05',
      priority: 5,
      metadata: { note: 'ä' },
      colour: 'red',
    },
    {
      correlationId: 'intent-550e8400-e29b-41d4-a716-446655440000',
      sequence: 1,
      occurredAt: 1_763_000_000_000_001,
    },
  );
}

/** The code and the message of what `act` throws. */
function failure(act: () => unknown): { code: CodecErrorCode; message: string } {
  try {
    act();
  } catch (error) {
    if (error instanceof CodecError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('encode', () => {
  it('K-07 begins with magic 0 and the schema id', () => {
    const bytes = codec().encode('intents', SUBMITTED, submitted());
    expect([...bytes.subarray(0, 5)]).toEqual([0, 0, 0, 0, 1]);
  });

  it('keeps decimal text digit for digit, and unknown keys', () => {
    const value = submitted();
    const back = codec().decode(codec().encode('intents', SUBMITTED, value));
    expect(back.record).toBe(SUBMITTED);
    expect(back.value).toMatchObject({
      payload: {
        amount_in: '123456789012345678901234567890.000000000000000001',
        metadata: '{"note":"ä"}',
      },
      payload_extra: { colour: '"red"' },
    });
  });

  it('takes a record larger than its first buffer, and small ones after it', () => {
    const it = codec();
    const small = submitted();
    const large = { ...small, raw: new Uint8Array(100_000).fill(7) };
    const [first, big, last] = [small, large, small].map((value) =>
      it.encode('intents', SUBMITTED, value),
    );
    expect(it.decode(big ?? new Uint8Array())).toMatchObject({
      value: { raw: Buffer.alloc(100_000, 7) },
    });
    expect(last).toEqual(first);
  });

  it('gives each record bytes of its own', () => {
    const it = codec();
    const first = it.encode('intents', SUBMITTED, submitted());
    const copy = Uint8Array.from(first);
    it.encode('risk', 'millrace.trading.v1.RiskApproved', {
      ...submitted(),
      payload: { intentId: 'other', approved: true },
    });
    expect(Uint8Array.from(first)).toEqual(copy);
  });

  it.each([
    [{ payload: { ...submitted().payload, amount_in: 5 } }, /payload\.amount_in is 5 \(number\)/],
    [{ payload: { ...submitted().payload, base: undefined } }, /payload\.base is undefined/],
    [{ payload: { ...submitted().payload, priority: 1.5 } }, /payload\.priority is 1\.5/],
    [{ envelope: { ...submitted().envelope, sequence: 2 ** 52 } }, /envelope\.sequence is 45035/],
    [{ envelope: { ...submitted().envelope, family: 'X' } }, /envelope\.family is "X"/],
    [{ raw: 'text' }, /raw is "text"/],
    [{ payload: null }, /payload is null/],
  ])('names the path and the value of a misfit (%#)', (part, message) => {
    const thrown = failure(() => codec().encode('intents', SUBMITTED, { ...submitted(), ...part }));
    expect(thrown).toMatchObject({
      code: 'INVALID_VALUE',
      message: expect.stringMatching(message) as string,
    });
  });

  it('refuses a record on a topic that it was not named for', () => {
    expect(failure(() => codec().encode('exec', SUBMITTED, submitted()))).toMatchObject({
      code: 'UNKNOWN_RECORD',
      message: expect.stringMatching(/topic exec has no record .*IntentSubmitted/) as string,
    });
  });
});

describe('journal records', () => {
  const batch: Batch = {
    fence: 7,
    n: 2 ** 40,
    time: 1_763_000_000_000_001,
    inputs: [
      {
        kind: 'record',
        actor: 'risk',
        key: 'k',
        event_id: 'e',
        topic: 'intents',
        partition: 1,
        offset: 2 ** 45,
        references: [{ name: 'pool', id: 'WETH/USDC', version: null }],
        data: null,
        time: 5,
      },
    ],
    positions: [{ topic: 't', topic_id: 'i', partition: 0, leader_epoch: -1, offset: 3 }],
    marks: [{ topic: 't', partition: 0, application: 'a', task: 0, n: 1, index: 2 }],
    producers: [{ topic: 't', producer: 'p/1', held: [1, 7, 9, 9], gap_since: 5 }],
    states: [{ actor: 'a', key: 'k', version: 1, value: '{"x":1}' }],
    emits: [
      {
        index: 0,
        topic: 'risk',
        partition: 1,
        key: new TextEncoder().encode('k'),
        value: null,
        headers: { a: 'b', __proto__x: 'y' },
      },
    ],
    seen: [{ key: 'k', event_id: 'e' }],
    timers: [{ actor: 'a', key: 'k', name: 't', due: null, setter: 'e' }],
    parked: [
      {
        ...{ actor: 'a', key: 'k', act: 'wait', code: 'C', reason: 'r' },
        ...{ message: null, attempt: 2, due: 7 },
      },
    ],
    effects: [{ actor: 'a', key: 'k', id: 'i', request: '{}' }],
    references: [{ name: 'pool', id: 'p', version: 'v', value: '{}' }],
    watermarks: [{ topic: 'risk', partition: 1, offset: 9, n: 3, index: 0 }],
    seen_sets: [{ key: 'k', event_ids: ['e', 'f'] }],
    again: { anchor: 3, time: 7, is_last: true },
  };

  it('come back as they were, with any Uint8Array for bytes', () => {
    const record = 'millrace.journal.v1.Batch';
    const back = codec().decode(codec().encode(JOURNAL, record, batch));
    expect(back.record).toBe(record);
    expect(JSON.stringify(back.value)).toBe(
      JSON.stringify({
        ...batch,
        emits: batch.emits.map((emit) => ({ ...emit, key: Buffer.from('k') })),
      }),
    );
  });

  it('keep a header named __proto__', () => {
    const headers = JSON.parse('{"__proto__":"x","a":"b"}') as Record<string, string>;
    const emits = batch.emits.map((emit) => ({ ...emit, headers }));
    const record = 'millrace.journal.v1.Batch';
    const { value } = codec().decode(codec().encode(JOURNAL, record, { ...batch, emits }));
    expect(JSON.stringify((value as Batch).emits[0]?.headers)).toBe('{"__proto__":"x","a":"b"}');
  });
});

describe('decode', () => {
  it.each([[[]], [[0, 0, 0, 1]], [[1, 0, 0, 0, 1, 2]], [[123, 34, 97, 34, 58, 49, 125]]])(
    'calls %j undecodable',
    (bytes) => {
      const it = codec();
      expect(failure(() => it.decode(Uint8Array.from(bytes))).code).toBe('UNDECODABLE');
      expect(it.knows(Uint8Array.from(bytes))).toBe(true);
    },
  );

  it('calls a cut or lengthened record undecodable and names its schema', () => {
    const bytes = codec().encode('intents', SUBMITTED, submitted());
    const longer = Buffer.concat([bytes, Buffer.from([0])]);
    for (const damaged of [bytes.subarray(0, bytes.length - 1), longer]) {
      expect(failure(() => codec().decode(damaged))).toMatchObject({
        code: 'UNDECODABLE',
        message: expect.stringContaining(`${SUBMITTED} (schema 1)`) as string,
      });
    }
  });

  it('refuses to leave out what is no field of the records in an array', () => {
    const bytes = codec().encode('intents', SUBMITTED, submitted());
    const leftOut = { record: SUBMITTED, fields: ['raw.length'] };
    expect(failure(() => codec().decode(bytes, leftOut)).message).toContain(
      'length: no array of records has these fields',
    );
  });

  it('does not believe a count that the bytes cannot hold', () => {
    const it = codec();
    const plan = 'millrace.readmodel.v1.Plan';
    const whole = it.encode('rm.plan', plan, {
      status: 'created',
      steps: [],
      progress: { done: 0, total: 1 },
    });
    // magic, id, status 0, then a count of 2^40 steps.
    const huge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
    const damaged = Buffer.concat([whole.subarray(0, 6), Buffer.from(huge)]);
    expect(failure(() => it.decode(damaged))).toMatchObject({
      code: 'UNDECODABLE',
      message: expect.stringMatching(/a block of 1099511627776 items stands in 0 bytes/) as string,
    });
  });

  it('refuses a long that a number cannot hold instead of rounding it', () => {
    const it = codec();
    const record = 'millrace.journal.v1.Batch';
    const id = Buffer.alloc(4);
    id.writeUInt32BE(it.idOf(JOURNAL, record));
    const max = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    const bytes = Buffer.concat([Buffer.from([0]), id, Buffer.from(max), Buffer.alloc(14)]);
    expect(failure(() => it.decode(bytes))).toMatchObject({
      code: 'UNDECODABLE',
      message: expect.stringMatching(/past 2\^52/) as string,
    });
  });

  it('says that an id has to be learnt, and offline that it cannot be', async () => {
    const bytes = Uint8Array.from([0, 0, 0, 255, 255, 0]);
    expect(codec().knows(bytes)).toBe(false);
    expect(failure(() => codec().decode(bytes)).code).toBe('UNKNOWN_SCHEMA');
    await expect(codec().learn(bytes)).rejects.toMatchObject({ code: 'UNDECODABLE' });
  });
});
