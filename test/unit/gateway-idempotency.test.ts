import { describe, expect, it } from 'vitest';
import { isUlid, isUuid } from '../../avro/index.ts';
import { PublishError } from '../../gateway/index.ts';
import { memorySubmissions, post, SOUND, testGateway } from './gateway-fixture.ts';

const KEY = { 'idempotency-key': '7d1f-a-key' };

describe('POST /intents with Idempotency-Key', () => {
  it('B-24 B-39 is one intent, however often it is sent, to whichever instance', async () => {
    const submissions = memorySubmissions();
    const [one, other] = [testGateway({ submissions }), testGateway({ submissions })];
    const first = await one.call(post(SOUND, KEY));
    const again = await other.call(post(SOUND, KEY));
    const third = await one.call(post({ ...SOUND, metadata: null }, KEY));
    expect([first, again, third].map(({ statusCode }) => statusCode)).toEqual([202, 202, 202]);
    expect(again.json()).toEqual(first.json());
    expect(third.json()).toEqual(first.json());
    expect(isUuid(first.json<{ intent_id: string }>().intent_id)).toBe(true);
    expect(one.published.length + other.published.length).toBe(1);
    expect((await other.metrics.intentsSubmitted.get()).values[0]?.value).toBe(0);
  });

  it('B-39 is put on the log as the same event by instances that know nothing of each other', async () => {
    const [one, other] = [testGateway(), testGateway()];
    await one.call(post(SOUND, KEY));
    await other.call(post(SOUND, KEY));
    const [[first], [second]] = [one.published, other.published];
    expect(first?.envelope.event_id).toBe(second?.envelope.event_id);
    expect(first?.envelope.correlation_id).toBe(second?.envelope.correlation_id);
    expect(isUlid(first?.envelope.event_id ?? '')).toBe(true);
  });

  it('B-39 is another intent for another caller, and for another key', async () => {
    const { call } = testGateway();
    const ids = new Set<string>();
    for (const headers of [
      KEY,
      { ...KEY, 'x-api-key': 'desk-1' },
      { ...KEY, 'x-api-key': 'desk-2' },
      { 'idempotency-key': 'b' },
    ])
      ids.add((await call(post(SOUND, headers))).json<{ intent_id: string }>().intent_id);
    expect(ids.size).toBe(4);
  });

  it.each([
    ['amount_in', { amount_in: '1.6' }],
    ['metadata', { metadata: { a: 1 } }],
  ])('is refused with another body: %s', async (_, changes) => {
    const { call, published } = testGateway();
    const first = await call(post(SOUND, KEY));
    const { intent_id: id } = first.json<{ intent_id: string }>();
    const response = await call(post({ ...SOUND, ...changes }, KEY));
    expect(response.statusCode).toBe(409);
    expect(response.json()).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    expect(response.json<{ detail: string }>().detail).toContain(id);
    expect(published).toHaveLength(1);
  });

  it('B-39 reads the body, not how it is written', async () => {
    const { call, published } = testGateway();
    const metadata = { a: 1, b: { c: [1, { d: 2, e: 3 }] } };
    await call(post({ ...SOUND, metadata }, KEY));
    const turned = Object.fromEntries(
      Object.entries({ ...SOUND, metadata: { b: { c: [1, { e: 3, d: 2 }] }, a: 1 } }).reverse(),
    );
    expect((await call(post(JSON.stringify(turned, null, 2), KEY))).statusCode).toBe(202);
    expect(published).toHaveLength(1);
  });

  it('B-39 asks the event store where no instance remembers', async () => {
    const past = testGateway();
    await past.call(post(SOUND, KEY));
    const payload = past.published[0]?.payload as object;
    const store = { history: async () => [{ payload: { ...payload, metadata: null } }] };
    const { call, published } = testGateway({ store });
    expect((await call(post(SOUND, KEY))).statusCode).toBe(202);
    expect((await call(post({ ...SOUND, base: 'DAI' }, KEY))).statusCode).toBe(409);
    expect(published).toHaveLength(0);
  });

  it('B-39 sends again what the broker did not acknowledge', async () => {
    let isAway = true;
    const published: string[] = [];
    const { call } = testGateway({
      publisher: {
        publish: async ({ envelope }) => {
          published.push(envelope.event_id);
          if (isAway) throw new PublishError('BROKER_AWAY', 'unknown', 'away');
        },
      },
    });
    expect((await call(post(SOUND, KEY))).statusCode).toBe(503);
    isAway = false;
    expect((await call(post(SOUND, KEY))).statusCode).toBe(202);
    expect((await call(post(SOUND, KEY))).statusCode).toBe(202);
    expect(published).toHaveLength(2);
    expect(new Set(published).size).toBe(1);
  });

  it.each([
    ['the notes', { submissions: away() }],
    ['the store', { store: { history: () => Promise.reject(new Error('away')) } }],
  ])('B-39 submits nothing while %s cannot be asked', async (_, parts) => {
    const { call, published } = testGateway(parts);
    const response = await call(post(SOUND, KEY));
    expect(response.json()).toMatchObject({ status: 503, code: 'ACCESS_AWAY' });
    expect((await call(post(SOUND))).statusCode).toBe(202);
    expect(published).toHaveLength(1);
  });

  it('B-39 has taken an intent that could not be noted afterwards', async () => {
    const submissions = { ...memorySubmissions(), sent: () => Promise.reject(new Error('away')) };
    const { call, published } = testGateway({ submissions });
    expect((await call(post(SOUND, KEY))).statusCode).toBe(202);
    expect(published).toHaveLength(1);
  });

  it.each([['a key'], [''], ['ü'], ['k'.repeat(256)]])('is not %j', async (key) => {
    const { server, published } = testGateway();
    const response = await server.inject(post(SOUND, { 'idempotency-key': key }));
    expect(response.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    expect(published).toHaveLength(0);
  });
});

function away() {
  const fail = (): Promise<never> => Promise.reject(new Error('away'));
  return { begin: fail, sent: fail };
}

describe('X-Millrace-Position', () => {
  const positioned = (url: string, position: string) =>
    ({ method: 'GET', url, headers: { 'x-millrace-position': position } }) as const;

  it('B-25 lets a read see the write that gave it', async () => {
    let looks = 0;
    const { call } = testGateway({
      readModels: {
        intent: async () => (++looks < 5 ? null : '{}'),
        plan: async () => null,
        positions: async () => null,
      },
    });
    const taken = await call(post(SOUND));
    const position = String(taken.headers['x-millrace-position']);
    const { intent_id: id } = taken.json<{ intent_id: string }>();
    expect(position).toBe(`intent-${id}@1`);
    const { server } = testGateway({
      readModels: {
        intent: async () => (++looks < 8 ? null : '{"state":"submitted"}'),
        plan: async () => '{}',
        positions: async () => null,
      },
      store: { history: async () => (++looks < 12 ? [] : [{}]) },
    });
    const state = await server.inject(positioned(`/intents/${id}`, position));
    expect(state.body).toBe('{"state":"submitted"}');
    expect((await server.inject(positioned(`/plans/${id}`, position))).statusCode).toBe(200);
    const history = await server.inject(positioned(`/intents/${id}/history`, position));
    expect(history.json<{ events: object[] }>().events).toHaveLength(1);
  });

  it('B-25 is given up after 2 s with 504', async () => {
    const { call } = testGateway();
    const id = crypto.randomUUID();
    const response = await call(positioned(`/intents/${id}`, `intent-${id}@1`));
    expect(response.json()).toMatchObject({ status: 504, code: 'POSITION_NOT_REACHED' });
  });

  it.each([['x'], ['intent-1@1'], [`intent-${'z'.repeat(36)}@1`], ['@1']])(
    'B-25 is refused where it is none: %j',
    async (position) => {
      const { call } = testGateway();
      const response = await call(positioned(`/intents/${crypto.randomUUID()}`, position));
      expect(response.json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    },
  );
});
