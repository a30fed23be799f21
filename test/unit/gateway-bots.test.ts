import { describe, expect, it } from 'vitest';
import type { RecordToSend, SendResult } from '../../kafka/client.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { MarkedPublisher, PublishError } from '../../gateway/index.ts';
import { splitBatch } from '../../gateway/bots/index.ts';
import { BOT_PATHS } from '../../gateway/bots/openapi.ts';
import { botEvent, botEventWith } from '../support/bot-events.ts';
import { testBots, testGateway } from './gateway-fixture.ts';

const texts = (body: string, form: 'array' | 'ndjson' = 'array'): readonly string[] =>
  splitBatch(Buffer.from(body), form).map(String);

describe('a batch', () => {
  it('S-32 is split into events with exactly the bytes they came with', () => {
    expect(texts(' [ {"a":"],[\\"{"} , {"b": [1, {"c":2}] },3]\n')).toEqual([
      '{"a":"],[\\"{"}',
      '{"b": [1, {"c":2}] }',
      '3',
    ]);
    expect(texts('{"a":1}\r\n\n {"b":\t2} \n', 'ndjson')).toEqual(['{"a":1}', '{"b":\t2}']);
    expect(texts('[]')).toEqual([]);
  });

  it.each(['', '{}', '[1', '[1]]', '["a]', '[1] x'])('refuses %j', (body) => {
    expect(() => texts(body)).toThrow(/no batch of events/);
  });

  it('keeps a place for what is nothing', () => {
    expect(texts('[1,,2,]')).toEqual(['1', '', '2', '']);
  });
});

describe('POST /bots/events', () => {
  const post = (body: unknown, type = 'application/json') => ({
    method: 'POST' as const,
    url: '/bots/events',
    payload: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': type },
  });

  it('S-29 takes the good, names the field of the bad, and sends both', async () => {
    const sent: RecordToSend[] = [];
    const gateway = testGateway({ bots: testBots(sent) });
    const good = botEvent('order_filled');
    const bad = botEventWith('order_created', { side: 'long' });
    const absent = botEvent('risk_decision', { correlation_id: undefined });
    const answer = await gateway.call(post([good, bad, good, absent]));
    expect(answer.json()).toEqual({
      accepted: 1,
      duplicates: 1,
      rejected: [
        {
          index: 1,
          event_id: bad['event_id'],
          field: 'payload.side',
          code: 'NOT_ALLOWED',
          message: expect.stringContaining('buy, sell') as string,
        },
        expect.objectContaining({ index: 3, field: 'correlation_id', code: 'REQUIRED' }),
      ],
    });
    expect(sent.map(({ topic }) => topic)).toEqual([
      'orders',
      'orders.json',
      'orders',
      'orders.json',
    ]);
    expect(String(sent[1]?.value)).toBe(JSON.stringify(bad));
    expect(sent[0]?.headers).toMatchObject({ ingest_source: 'http', event_type: 'order_filled' });
    expect(String(sent[0]?.key)).toBe(good['correlation_id']);
  });

  it('S-12 S-17 takes an empty correlation and says that it was filled in', async () => {
    const sent: RecordToSend[] = [];
    const event = botEvent('risk_decision', { correlation_id: '' });
    const gateway = testGateway({ bots: testBots(sent) });
    const answer = await gateway.call(post(`${JSON.stringify(event)}\n`, 'application/x-ndjson'));
    expect(answer.json()).toMatchObject({ accepted: 1, rejected: [] });
    expect(String(sent[0]?.key)).toBe(event['event_id']);
    expect(sent[0]?.headers['schema_validation_status']).toBe('backfilled');
  });

  it('counts what the store has already as a duplicate, and goes on without the store', async () => {
    const bots = testBots();
    const event = botEvent();
    const known = { ...bots.reads, known: async () => [String(event['event_id'])] };
    const away = { ...bots.reads, known: () => Promise.reject(new Error('away')) };
    const one = testGateway({ bots: { ...bots, reads: known } });
    expect((await one.call(post([event]))).json()).toMatchObject({ accepted: 0, duplicates: 1 });
    const other = testGateway({ bots: { ...bots, reads: away } });
    expect((await other.call(post([event]))).json()).toMatchObject({ accepted: 1, duplicates: 0 });
  });

  it.each([
    ['no array', '{}', 'application/json', 422],
    ['another type', '[]', 'text/plain', 415],
    ['more than 5 MiB', `["${'x'.repeat(5 * 1024 * 1024)}"]`, 'application/json', 413],
    ['more than 10,000 events', `[${'1,'.repeat(10_000)}1]`, 'application/json', 413],
  ])('refuses %s', async (_what, body, type, status) => {
    const answer = await testGateway().call(post(body, type));
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
  });

  it('answers 503 when the broker took nothing, 403 when it is not allowed, 405 to other methods', async () => {
    const bots = testBots();
    const send = () => Promise.reject(new PublishError('BROKER_AWAY', 'none', 'away'));
    const away = testGateway({ bots: { ...bots, publisher: { send } } });
    const answer = await away.call(post([botEvent()]));
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '5']);
    const config = { rateLimitIntentsPerMin: 0, authorization: 'deny' } as const;
    expect((await testGateway({ config }).call(post([]))).statusCode).toBe(403);
    const got = await testGateway().server.inject({ method: 'GET', url: '/bots/events' });
    expect([got.statusCode, got.headers['allow']]).toEqual([405, 'POST']);
  });
});

describe('GET /bots/report', () => {
  it('refuses a time that is none, and takes days', async () => {
    const asked: unknown[] = [];
    const bots = testBots();
    const report = async (query: unknown) => {
      asked.push(query);
      return {};
    };
    const gateway = testGateway({ bots: { ...bots, reads: { ...bots.reads, report } } });
    const get = (query: string) =>
      gateway.server.inject({ method: 'GET', url: `/bots/report?${query}` });
    expect((await get('from=yesterday')).statusCode).toBe(422);
    expect((await get('from=2026-01-02&to=2026-01-03T00:00:00Z&instance=bot1')).statusCode).toBe(
      200,
    );
    expect(asked).toEqual([
      { from: '2026-01-02T00:00:00Z', to: '2026-01-03T00:00:00Z', instance: 'bot1' },
    ]);
  });
});

describe('the document of GET /bots/report', () => {
  const { parameters } = BOT_PATHS['/bots/report']?.['get'] as {
    readonly parameters: readonly [{ readonly schema: { readonly pattern: string } }];
  };
  const [{ schema }] = parameters;
  it.each([
    ['', true],
    ['2026-01-02', true],
    ['2024-02-29', true],
    ['2100-12-31T23:59:59.123456789+00:00', true],
    ['1900-01-01T00:00:00Z', true],
    ['2026-04-31', false],
    ['2026-02-30', false],
    ['2101-01-01', false],
    ['1899-12-31T00:00:00Z', false],
    ['2026-01-02T24:00:00Z', false],
    ['2026-01-02T00:00:00+01:00', false],
    ['yesterday', false],
  ])('says of %j whether it is taken', async (from, isTaken) => {
    const bots = testBots();
    const gateway = testGateway({
      bots: { ...bots, reads: { ...bots.reads, report: () => Promise.resolve({}) } },
    });
    const query = { from };
    const got = await gateway.server.inject({ method: 'GET', url: '/bots/report', query });
    expect(got.statusCode).toBe(isTaken ? 200 : 422);
    expect(new RegExp(schema.pattern).test(from)).toBe(isTaken);
  });
});

describe('the marks of a batch', () => {
  function publisherOf(answer: (call: number) => SendResult['result']) {
    const calls: (readonly RecordToSend[])[] = [];
    const producer = {
      send: async (records: readonly RecordToSend[]) => {
        calls.push(records);
        const result = answer(calls.length);
        return records.map(({ topic, partition }) =>
          result === 'confirmed'
            ? { topic, partition, result, baseOffset: 0 }
            : { topic, partition, result, code: 'X', cause: null },
        );
      },
      close: async () => {},
    };
    const names = new TopicNames('');
    const publisher = new MarkedPublisher({ producer, names, producerId: 'gw', nowMs: () => 7 });
    return { publisher, calls };
  }
  const record = (partition: number): RecordToSend => ({
    topic: 'orders',
    partition,
    key: null,
    value: Buffer.from('x'),
    headers: {},
  });
  const marksOf = (records: readonly RecordToSend[] = []) =>
    records.map(({ partition, headers }) => [
      partition,
      headers['producer_id'],
      headers['producer_sequence'],
    ]);

  it('S-36 count per partition without gaps, and what was acknowledged is said', async () => {
    const { publisher, calls } = publisherOf(() => 'confirmed');
    await Promise.all([publisher.send([record(0), record(1)]), publisher.send([record(1)])]);
    await publisher.close();
    expect([marksOf(calls[0]), marksOf(calls[1])]).toEqual([
      [
        [0, 'gw/7', '1'],
        [1, 'gw/7', '1'],
      ],
      [[1, 'gw/7', '2']],
    ]);
    expect(JSON.parse(String(calls[2]?.[0]?.value))).toEqual({
      producer_id: 'gw/7',
      topic: 'orders',
      sent: [1, 2],
    });
  });

  it('S-36 begin anew after what may be lost, so that nothing else looks lost', async () => {
    const { publisher, calls } = publisherOf((call) => (call === 2 ? 'unknown' : 'confirmed'));
    await publisher.send([record(0)]);
    await expect(publisher.send([record(0)])).rejects.toMatchObject({ delivery: 'unknown' });
    await publisher.send([record(0)]);
    expect(JSON.parse(String(calls[2]?.[0]?.value))).toMatchObject({ sent: [1] });
    expect(marksOf(calls[3])).toEqual([[0, 'gw/8', '1']]);
  });
});
