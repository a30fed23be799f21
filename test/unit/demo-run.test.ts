import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { isReachable, submit } from '../../cli/demo/gateway-client.ts';
import type { DemoLine, Expectation } from '../../cli/demo/intent-file.ts';
import { mismatchOf } from '../../cli/demo/outcome.ts';
import { runDemo } from '../../cli/demo/run-demo.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const ID = '5a6b9638-a1d3-4611-9dd9-0071b70d3748';
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Stands in for a gateway; the handlers of POST /intents are taken one after the other, the last one again and again. */
async function gateway(posts: readonly Handler[], reads: Handler = gone): Promise<string> {
  let taken = 0;
  const server = createServer((request, response) => {
    if (request.method === 'GET') return reads(request, response);
    const handler = posts[Math.min(taken++, posts.length - 1)];
    request.resume().once('end', () => handler?.(request, response));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function saying(status: number, body: object, headers: Record<string, string> = {}): Handler {
  return (_, response) => response.writeHead(status, headers).end(JSON.stringify(body));
}

const gone = saying(404, { code: 'UNKNOWN_INTENT' });
const accept = saying(202, { intent_id: ID });
const away = saying(503, { code: 'BROKER_AWAY', errors: [] }, { 'retry-after': '0' });
const reset: Handler = (request) => request.socket.destroy();

function lineOf(expectation: Expectation): DemoLine {
  return { number: 1, name: 'one', text: '{}', expect: expectation };
}

async function submitted(url: string, expectation: Expectation, limitMs = 5_000) {
  const resends: boolean[] = [];
  const answer = await submit(url, lineOf(expectation), {
    deadline: performance.now() + limitMs,
    onResend: (unclear) => resends.push(unclear),
  });
  return { answer, resends };
}

describe('a POST of the demonstration', () => {
  it('is sent again after a 503, and timed from the request that was taken', async () => {
    const url = await gateway([away, away, accept]);
    const { answer, resends } = await submitted(url, { http: 202 });
    expect(answer).toMatchObject({ http: 202, intentId: ID, code: null, fields: [] });
    expect(resends).toEqual([true, true]);
  });

  it('is sent again after a broken connection, which may have taken it', async () => {
    const url = await gateway([reset, accept]);
    const { answer, resends } = await submitted(url, { http: 202 });
    expect(answer.http).toBe(202);
    expect(resends).toEqual([true]);
  });

  it('ends without an answer at the limit, and a refused connection took nothing', async () => {
    const url = await gateway([accept]);
    await new Promise((resolve) => servers.splice(0)[0]?.close(resolve));
    const { answer, resends } = await submitted(url, { http: 202 }, 700);
    expect(answer).toMatchObject({ http: null, reason: 'ECONNREFUSED' });
    expect(resends).toEqual([false]);
    expect(await isReachable(url)).toBe(false);
  });

  it.each([
    ['a 503 that the line expects', 503, { http: 503 }],
    ['a refusal', 422, { http: 202 }],
  ])('is not sent again after %s', async (_, status, expectation) => {
    const errors = [{ field: '/a' }, { field: '/b' }];
    const url = await gateway([saying(status, { code: 'C', errors }), accept]);
    const { answer, resends } = await submitted(url, expectation);
    expect(answer).toMatchObject({ http: status, code: 'C', fields: ['/a', '/b'], intentId: null });
    expect(resends).toEqual([]);
  });
});

describe('a run of the demonstration', () => {
  it('asks after an intent until it has ended and its history has the end', async () => {
    let reads = 0;
    const model = (state: string): object => ({ state, summary: { code: 'NOTIONAL_LIMIT' } });
    const event = { topic: 'risk.rejected', timestamp: '2026-01-01T00:00:00.000000Z' };
    const answers: Record<string, Handler> = {
      [`/intents/${ID}`]: (...args) =>
        (++reads === 1 ? gone : saying(200, model(reads === 2 ? 'Submitted' : 'Failed')))(...args),
      [`/intents/${ID}/history`]: (...args) =>
        saying(200, { events: reads++ < 5 ? [] : [event] })(...args),
    };
    const url = await gateway([accept], (request, response) =>
      (answers[request.url ?? ''] ?? gone)(request, response),
    );
    const expectation = { http: 202, state: 'Failed', code: 'NOTIONAL_LIMIT' } as const;
    const seen: number[] = [];
    const { outcomes, resent } = await runDemo([lineOf(expectation)], {
      url,
      rate: 1_000,
      onProgress: ({ ended }) => seen.push(ended),
    });
    expect(outcomes.map(mismatchOf)).toEqual([null]);
    expect(outcomes[0]?.events).toEqual([event]);
    expect(resent).toEqual({ count: 0, unclear: 0 });
    expect(seen.at(-1)).toBe(1);
  });
});
