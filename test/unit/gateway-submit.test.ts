import { describe, expect, it } from 'vitest';
import { isUlid, isUuid } from '../../avro/index.ts';
import { type Authorize, PublishError } from '../../gateway/index.ts';
import { post, SOUND, testGateway } from './gateway-fixture.ts';

const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

describe('POST /intents', () => {
  it('B-24 answers 202 with the id and its place once the event is published', async () => {
    const { call, published } = testGateway();
    const response = await call(post({ ...SOUND, metadata: { desk: 'a', n: [1] } }));
    const { intent_id: intentId } = response.json<{ intent_id: string }>();
    expect(response.statusCode).toBe(202);
    expect(Object.keys(response.json())).toEqual(['intent_id']);
    expect(isUuid(intentId)).toBe(true);
    expect(response.headers['location']).toBe(`/intents/${intentId}`);
    expect(published).toHaveLength(1);
    expect(published[0]?.payload).toEqual({
      intentId,
      ...SOUND,
      priority: 5,
      metadata: '{"desk":"a","n":[1]}',
    });
  });

  it('B-23 B-39 starts a correlation named after the intent', async () => {
    const { call, published } = testGateway({ nowMs: () => 1_700_000_000_123 });
    const response = await call(post(SOUND));
    const { intent_id: intentId } = response.json<{ intent_id: string }>();
    expect(published[0]?.envelope).toMatchObject({
      event_type: 'intent.submitted',
      family: 'TRADING',
      correlation_id: `intent-${intentId}`,
      causation_id: null,
      sequence: 1,
      occurred_at: 1_700_000_000_123_000,
      producer: 'gateway',
      priority: 'normal',
    });
    expect(isUlid(published[0]?.envelope.event_id ?? '')).toBe(true);
    expect(published[0]?.payload).toMatchObject({ metadata: null });
  });

  it('B-82 counts what the broker took, and only that', async () => {
    const { call, metrics } = testGateway();
    await call(post(SOUND));
    await call(post({}));
    await call(post(SOUND));
    expect((await metrics.intentsSubmitted.get()).values[0]?.value).toBe(2);
  });

  it('names every failing field and publishes nothing', async () => {
    const { call, published } = testGateway();
    const response = await call(post({ ...SOUND, amount_in: 1.5, base: undefined }));
    expect(response.statusCode).toBe(422);
    expect(response.headers['content-type']).toBe(PROBLEM_TYPE);
    expect(response.json()).toEqual({
      type: 'urn:millrace:problem:validation-failed',
      title: 'There are fields that cannot be used',
      status: 422,
      detail: 'Nothing was submitted. Correct: /base, /amount_in',
      code: 'VALIDATION_FAILED',
      request_id: response.headers['x-request-id'],
      errors: [
        {
          field: '/base',
          code: 'MISSING',
          message: 'base is undefined',
          remedy: 'send base as a text',
        },
        {
          field: '/amount_in',
          code: 'NOT_A_TEXT',
          message: 'amount_in is 1.5',
          remedy: 'send amount_in as a text',
        },
      ],
    });
    expect(published).toHaveLength(0);
  });

  it.each([['{"a":'], ['nonsense'], ["{'a':1}"], ['']])(
    'B-38 answers 422 to a body that is no JSON: %j',
    async (body) => {
      const { call, published } = testGateway();
      const response = await call(post(body));
      expect(response.statusCode).toBe(422);
      expect(response.json()).toMatchObject({
        code: 'MALFORMED_JSON',
        errors: [{ field: '', code: 'MALFORMED_JSON' }],
      });
      expect(published).toHaveLength(0);
    },
  );

  it('takes a body of exactly 64 KiB and refuses the next byte with 413', async () => {
    const { call, published } = testGateway();
    const frame = JSON.stringify({ ...SOUND, strategyId: '' }).length;
    const body = (bytes: number) => post({ ...SOUND, strategyId: 'x'.repeat(bytes - frame) });
    expect((await call(body(65_536))).statusCode).toBe(202);
    const response = await call(body(65_537));
    expect(response.statusCode).toBe(413);
    expect(response.json()).toMatchObject({ code: 'BODY_TOO_LARGE', errors: [] });
    expect(published).toHaveLength(1);
  });

  it.each([['text/plain'], ['application/xml'], ['application/jsonx'], ['multipart/form-data']])(
    'answers 415 to %s',
    async (type) => {
      const { call } = testGateway();
      const response = await call(post(JSON.stringify(SOUND), { 'content-type': type }));
      expect(response.statusCode).toBe(415);
      expect(response.json()).toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' });
    },
  );

  it('answers 415 where there is no Content-Type, with and without a body', async () => {
    const { call } = testGateway();
    const url = '/intents';
    const empty = await call({ method: 'POST', url });
    const untyped = await call({ method: 'POST', url, payload: Buffer.from('{}') });
    expect([empty.statusCode, untyped.statusCode]).toEqual([415, 415]);
  });

  it('takes a charset beside the media type', async () => {
    const { call } = testGateway();
    const response = await call(post(SOUND, { 'content-type': 'Application/JSON; charset=utf-8' }));
    expect(response.statusCode).toBe(202);
  });

  it.each([
    ['none' as const, /nothing was stored/],
    ['unknown' as const, /may have been stored all the same: see GET \/intents\/[0-9a-f-]{36}/],
  ])(
    'answers 503 with Retry-After when the broker is away, delivery %s',
    async (delivery, said) => {
      const { call, metrics } = testGateway({
        publisher: {
          publish: async () => {
            throw new PublishError('BROKER_AWAY', delivery, 'no acknowledgement');
          },
        },
      });
      const response = await call(post(SOUND));
      expect(response.statusCode).toBe(503);
      expect(response.headers['retry-after']).toBe('5');
      expect(response.json()).toMatchObject({ code: 'BROKER_AWAY' });
      expect(response.json<{ detail: string }>().detail).toMatch(said);
      expect((await metrics.intentsSubmitted.get()).values[0]?.value).toBe(0);
    },
  );

  it('answers 500 to what nobody foresaw, keeps the cause to the log, and goes on', async () => {
    const { call, lines } = testGateway({
      publisher: {
        publish: async () => {
          throw new Error('secret detail');
        },
      },
    });
    const response = await call(post(SOUND));
    expect(response.statusCode).toBe(500);
    expect(response.json()).toMatchObject({ code: 'INTERNAL_ERROR' });
    expect(response.body).not.toContain('secret detail');
    expect(JSON.stringify(lines())).toContain('secret detail');
    expect((await call({ url: '/livez' })).statusCode).toBe(200);
  });

  it('B-86 asks for leave before anything else, and answers 403 when told to deny', async () => {
    const asked: unknown[] = [];
    const authorize: Authorize = (request) => {
      asked.push(request);
      return true;
    };
    await testGateway({ authorize }).call(post(SOUND, { 'x-api-key': 'desk' }));
    expect(asked).toEqual([{ action: 'intent.submit', apiKey: 'desk' }]);

    const denying = testGateway({ config: { rateLimitIntentsPerMin: 0, authorization: 'deny' } });
    const response = await denying.call(post('not even JSON'));
    expect(response.statusCode).toBe(403);
    expect(response.json()).toMatchObject({ code: 'FORBIDDEN' });
    expect(denying.published).toHaveLength(0);
  });
});

describe('the rate limit of POST /intents', () => {
  it('B-88 refuses the 11th within a minute per key, with the seconds to wait', async () => {
    let nowMs = 1_000_000;
    const { call, published } = testGateway({
      config: { rateLimitIntentsPerMin: 10, authorization: 'allow' },
      nowMs: () => nowMs,
    });
    const submit = (key: string) => call(post(SOUND, { 'x-api-key': key }));
    for (let sent = 0; sent < 10; sent += 1) {
      expect((await submit('a')).statusCode).toBe(202);
      nowMs += 1_000;
    }
    const refused = await submit('a');
    expect(refused.statusCode).toBe(429);
    expect(refused.headers['retry-after']).toBe('50');
    expect(refused.json()).toMatchObject({ code: 'RATE_LIMITED' });
    expect((await submit('b')).statusCode).toBe(202);
    expect((await call(post(SOUND))).statusCode).toBe(202);
    expect((await call({ url: '/livez' })).statusCode).toBe(200);
    expect(published).toHaveLength(12);
    nowMs += 50_000;
    expect((await submit('a')).statusCode).toBe(202);
    expect((await submit('a')).statusCode).toBe(429);
  });
});
