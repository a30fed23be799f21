import { once } from 'node:events';
import { connect } from 'node:net';
import { Agent, type IncomingMessage, request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { openApiDocument } from '../../gateway/index.ts';
import { AN_ID, assertFits, post, SOUND, testGateway } from './gateway-fixture.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

describe('the gateway', () => {
  it.each(['/submit', '/status', '/status/1', '/openapi', `/intents/${AN_ID}/plans`])(
    'B-27 answers 404 with a problem to %s',
    async (url) => {
      for (const method of ['GET', 'POST'] as const) {
        const response = await testGateway().call({ method, url });
        expect(response.statusCode).toBe(404);
        expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8');
        expect(response.json()).toMatchObject({ code: 'NOT_FOUND' });
      }
    },
  );

  it('answers 405 with Allow to a method that a path does not take, whatever the body', async () => {
    const { call } = testGateway();
    const response = await call({ ...post('not JSON'), method: 'PUT' });
    expect(response.statusCode).toBe(405);
    expect(response.headers['allow']).toBe('POST');
    expect(response.json()).toMatchObject({ code: 'METHOD_NOT_ALLOWED' });
    expect((await call({ method: 'GET', url: '/intents' })).statusCode).toBe(405);
    const read = await call({ method: 'DELETE', url: `/intents/${AN_ID}` });
    expect([read.statusCode, read.headers['allow']]).toEqual([405, 'GET, HEAD']);
  });

  it('answers a path that cannot be decoded with a problem', async () => {
    const response = await testGateway().call({
      url: '/intents/%zz',
      headers: { 'x-request-id': 'mine' },
    });
    expect(response.statusCode).toBe(400);
    expect(response.headers['x-request-id']).toBe('mine');
    expect(response.json()).toMatchObject({ code: 'BAD_REQUEST', request_id: 'mine' });
  });

  it('B-20 echoes the request id it is given, in the body of a problem too', async () => {
    const { call } = testGateway();
    const id = `~ ${'x'.repeat(126)}`;
    const taken = await call(post(SOUND, { 'x-request-id': id }));
    expect(taken.headers['x-request-id']).toBe(id);
    const refused = await call(post({}, { 'x-request-id': id }));
    expect(refused.json()).toMatchObject({ request_id: id });
    const unknown = await call({ url: '/nowhere', headers: { 'x-request-id': id } });
    expect(unknown.headers['x-request-id']).toBe(id);
  });

  it.each([['x'.repeat(129)], ['tab\there'], ['ümlaut'], ['']])(
    'B-20 makes a request id in place of %j',
    async (given) => {
      const response = await testGateway().call({
        url: '/livez',
        headers: { 'x-request-id': given },
      });
      expect(response.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  it('B-20 B-85 has the request id in every line, and what the line of an event needs', async () => {
    const { call, lines, published } = testGateway();
    await call(post(SOUND, { 'x-request-id': 'r-1' }));
    await call(post({}, { 'x-request-id': 'r-1' }));
    await call({ url: '/nowhere', headers: { 'x-request-id': 'r-1' } });
    expect(lines().length).toBeGreaterThanOrEqual(4);
    expect(lines().map((line) => line['request_id'])).toEqual(lines().map(() => 'r-1'));
    const submitted = lines().find((line) => line['msg'] === 'intent submitted');
    expect(submitted).toMatchObject({
      topic: 'intent.submitted',
      correlationId: published[0]?.envelope.correlation_id,
      eventId: published[0]?.envelope.event_id,
    });
  });

  it('B-21 B-82 B-84 shows its metrics as text', async () => {
    const { call } = testGateway();
    await call(post(SOUND));
    const response = await call({ url: '/metrics' });
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toContain('text/plain');
    expect(response.body).toMatch(/^intents_submitted 1$/m);
    expect(response.body).toMatch(/^intents_completed\{status="completed"\} 0$/m);
    expect(response.body).toMatch(/^intent_processing_time_count 0$/m);
  });

  it('says what is away in /health', async () => {
    const { call } = testGateway({
      checks: { kafka: async () => undefined, redis: () => Promise.reject(new Error('gone')) },
    });
    const response = await call({ url: '/health' });
    expect(response.statusCode).toBe(503);
    expect(response.json()).toMatchObject({
      status: 'unhealthy',
      components: {
        kafka: { status: 'healthy' },
        redis: { status: 'unhealthy' },
        service: { status: 'healthy' },
      },
    });
  });
});

describe('what never becomes a request', () => {
  it('is answered with a problem, also behind requests that were answered', async () => {
    const { server } = testGateway();
    const { port } = new URL(await server.listen({ port: 0, host: '127.0.0.1' }));
    const socket = connect(Number(port), '127.0.0.1');
    let text = '';
    socket.on('data', (bytes) => (text += bytes.toString()));
    socket.write('GET /livez HTTP/1.1\r\nHost: gateway\r\n\r\n');
    await once(socket, 'data');
    socket.write(`GET /livez HTTP/1.1\r\nX-Big: ${'x'.repeat(20_000)}\r\n\r\n`);
    await once(socket, 'close');
    expect(text).toMatch(/^HTTP\/1.1 200 [^]*HTTP\/1.1 431 [^]*"code":"HEADERS_TOO_LARGE"/);
    await server.close();
  });
});

describe('the end of a gateway', () => {
  it('B-24 answers what is under way, and is not held up by connections that are kept open', async () => {
    const { server } = testGateway();
    const url = await server.listen({ port: 0, host: '127.0.0.1' });
    const body = JSON.stringify(SOUND);
    const headers = {
      'content-type': 'application/json',
      'content-length': body.length,
      expect: '100-continue',
    };
    const made = request(`${url}/intents`, {
      method: 'POST',
      agent: new Agent({ keepAlive: true }),
      headers,
    });
    made.flushHeaders();
    await once(made, 'continue');
    const closed = server.close();
    made.end(body);
    const [response] = (await once(made, 'response')) as [IncomingMessage];
    response.resume();
    expect([response.statusCode, response.headers.connection]).toEqual([202, 'close']);
    await closed;
  }, 10_000);
});

describe('/openapi.json', () => {
  it('is the document, with the version that runs', async () => {
    const response = await testGateway().call({ url: '/openapi.json' });
    expect(response.json()).toEqual(JSON.parse(JSON.stringify(openApiDocument('1.2.3'))));
    expect(response.json()).toMatchObject({ openapi: '3.1.0', info: { version: '1.2.3' } });
  });

  it('has every route, and nothing else', async () => {
    const { routes, server } = testGateway();
    await server.ready();
    const registered = routes
      .filter((route) => !route.startsWith('HEAD '))
      .map((route) => route.replaceAll(/:(\w+)/g, '{$1}'));
    const documented = Object.entries(openApiDocument('1').paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(documented.sort()).toEqual(registered.sort());
  });

  it('has every method that a path takes', async () => {
    const { server } = testGateway();
    for (const [path, operations] of Object.entries(openApiDocument('1').paths)) {
      for (const method of METHODS) {
        const url = path.replaceAll(/\{\w+\}/g, AN_ID);
        const { statusCode } = await server.inject({ method, url });
        expect([method, path, statusCode !== 405]).toEqual([
          method,
          path,
          method.toLowerCase() in operations,
        ]);
      }
    }
  });

  it('describes the body of an intent', () => {
    const schema = { $ref: '#/components/schemas/IntentRequest' };
    const fits = (change: object) => () => assertFits(schema, { ...SOUND, ...change }, 'body');
    for (const change of [{}, { metadata: null }, { metadata: { a: 1 } }]) {
      expect(fits(change)).not.toThrow();
    }
    for (const change of [{ amount_in: 1 }, { max_slippage: '1' }, { note: '' }]) {
      expect(fits(change)).toThrow();
    }
  });

  it('refers only to schemas that it has, and names each operation once', () => {
    const text = JSON.stringify(openApiDocument('1'));
    const schemas = Object.keys(
      (openApiDocument('1')['components'] as { schemas: object }).schemas,
    );
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      expect(schemas).toContain(name);
    }
    const ids = [...text.matchAll(/"operationId":"(\w+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(17);
  });
});
