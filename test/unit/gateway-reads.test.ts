import { describe, expect, it, vi } from 'vitest';
import { AN_ID, testGateway } from './gateway-fixture.ts';

const INTENT_TEXT = `{ "state":"Submitted","last_event_time":"2026-01-02T03:04:05.000006Z","latest_plan_id":null,"summary":{"strategy_id":"s","base":"WETH","quote":"USDC","amount_in":"1.50","notional_usd":"4500","max_slippage":"0.01","amount_out":null,"tx_hash":null,"reason":null,"code":null,"failed_stage":null} }`;
const PLAN_TEXT = `{"status":"created","steps":[{"venue":"uniswap_v3","base":"WETH","quote":"USDC","amount_in":"1","min_out":"2"}],"progress":{"done":0,"total":1}}`;
const POSITIONS_TEXT = `{ "last_event_time":"2026-01-02T03:04:05.000006Z","summary":{"completed":1,"failed":2,"notional_usd":"250","net":{"USDC":"249.5","WETH":"-0.1"},"mock_pnl_usd":"-0.5"} }`;
const EVENT = {
  eventId: '01JD000000000000000000000A',
  timestamp: '2026-01-02T03:04:05.000006Z',
  topic: 'intent.submitted',
  correlationId: `intent-${AN_ID}`,
  causationId: null,
  payload: { intentId: AN_ID },
  version: 1,
  sequence: 1,
};

function away(): Promise<never> {
  return Promise.reject(new Error('connection refused at secret-host'));
}

describe('reads', () => {
  it('B-25 B-42 gives the read model of an intent byte for byte', async () => {
    const asked: string[] = [];
    const { call } = testGateway({
      readModels: {
        intent: async (id) => {
          asked.push(id);
          return INTENT_TEXT;
        },
        plan: away,
        positions: away,
      },
    });
    const response = await call({ url: `/intents/${AN_ID.toUpperCase()}` });
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(response.body).toBe(INTENT_TEXT);
    expect(asked).toEqual([AN_ID]);
  });

  it('B-26 gives the read model of a plan byte for byte', async () => {
    const { call } = testGateway({
      readModels: { intent: away, plan: async () => PLAN_TEXT, positions: away },
    });
    const response = await call({ url: `/plans/${AN_ID}` });
    expect([response.statusCode, response.body]).toEqual([200, PLAN_TEXT]);
  });

  it('B-70 gives the positions of a strategy byte for byte', async () => {
    const asked: string[] = [];
    const positions = async (id: string): Promise<string> => {
      asked.push(id);
      return POSITIONS_TEXT;
    };
    const { call } = testGateway({ readModels: { intent: away, plan: away, positions } });
    const response = await call({ url: '/positions/desk-1.b_C' });
    expect([response.statusCode, response.body]).toEqual([200, POSITIONS_TEXT]);
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(asked).toEqual(['desk-1.b_C']);
  });

  it('B-43 gives the history of a correlation from the store', async () => {
    const { call } = testGateway({
      store: { history: async (id) => (id === EVENT.correlationId ? [EVENT] : []) },
    });
    const response = await call({ url: `/intents/${AN_ID}/history` });
    expect(response.statusCode).toBe(200);
    expect(response.body).toBe(
      JSON.stringify({
        intent_id: AN_ID,
        correlation_id: `intent-${AN_ID}`,
        events: [EVENT],
      }),
    );
  });

  it.each([
    [`/intents/${AN_ID}`, 'UNKNOWN_INTENT'],
    [`/plans/${AN_ID}`, 'UNKNOWN_PLAN'],
    [`/intents/${AN_ID}/history`, 'UNKNOWN_INTENT'],
    ['/intents/not-an-id', 'UNKNOWN_INTENT'],
    ['/intents/..%2f..%2fsecret', 'UNKNOWN_INTENT'],
    ['/plans/7', 'UNKNOWN_PLAN'],
    ['/positions/desk', 'UNKNOWN_STRATEGY'],
    ['/positions/a%20b', 'UNKNOWN_STRATEGY'],
    ['/intents/7/history', 'UNKNOWN_INTENT'],
  ])('B-25 B-26 answers 404 to %s with %s', async (url, code) => {
    const response = await testGateway().call({ url });
    expect(response.statusCode).toBe(404);
    expect(response.json()).toMatchObject({ code, status: 404, errors: [] });
  });

  it('asks no store for an id that cannot be one', async () => {
    const { call } = testGateway({
      readModels: { intent: away, plan: away, positions: away },
      store: { history: away },
    });
    for (const url of ['/intents/x', '/plans/x', '/intents/x/history', '/positions/x%3Ay']) {
      expect((await call({ url })).statusCode).toBe(404);
    }
  });

  it.each([
    [`/intents/${AN_ID}`, 'READ_MODEL_AWAY'],
    [`/plans/${AN_ID}`, 'READ_MODEL_AWAY'],
    ['/positions/desk', 'READ_MODEL_AWAY'],
    [`/intents/${AN_ID}/history`, 'STORE_AWAY'],
  ])('answers 503 to %s while its store is away', async (url, code) => {
    const { call, lines } = testGateway({
      readModels: { intent: away, plan: away, positions: away },
      store: { history: away },
    });
    const response = await call({ url });
    expect(response.statusCode).toBe(503);
    expect(response.headers['retry-after']).toBe('1');
    expect(response.json()).toMatchObject({ code });
    expect(response.body).not.toContain('secret-host');
    expect(JSON.stringify(lines())).toContain('secret-host');
  });

  it('treats a store that never answers as away after 2 s', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const asked = Promise.withResolvers<void>();
      const { server } = testGateway({
        store: {
          history: () => {
            asked.resolve();
            return new Promise<never>(() => {});
          },
        },
      });
      const response = server.inject({ url: `/intents/${AN_ID}/history` });
      const settled = response.then((each) => each.statusCode);
      await asked.promise;
      await vi.advanceTimersByTimeAsync(2_000);
      expect(await settled).toBe(503);
    } finally {
      vi.useRealTimers();
    }
  });
});
