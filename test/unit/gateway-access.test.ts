import { describe, expect, it } from 'vitest';
import {
  ApiKeysError,
  authorizeByKey,
  type Nonces,
  parseApiKeys,
  SignatureCheck,
} from '../../gateway/index.ts';
import { signed } from '../support/signed.ts';
import { AN_ID, post, SOUND, testBots, testGateway, type TestGateway } from './gateway-fixture.ts';

const DESK = { id: 'desk-1', secret: 'd'.repeat(32) };
const READER = { id: 'reader', secret: 'r'.repeat(32), may: [] };
const KEYS = parseApiKeys(JSON.stringify({ keys: [DESK, READER] }));
const NOW_S = 1_700_000_000;
const BODY = JSON.stringify(SOUND);

class MemoryNonces implements Nonces {
  readonly seen = new Set<string>();
  isAway = false;
  async claim(caller: string, nonce: string): Promise<boolean> {
    if (this.isAway) throw new Error('away');
    const isNew = !this.seen.has(`${caller} ${nonce}`);
    this.seen.add(`${caller} ${nonce}`);
    return isNew;
  }
}

function signedGateway(nonces = new MemoryNonces(), perMinute = 0): TestGateway {
  return testGateway({
    signatures: new SignatureCheck({ keys: KEYS, nonces, nowMs: () => NOW_S * 1000 }),
    authorize: authorizeByKey(KEYS),
    config: { rateLimitIntentsPerMin: perMinute, authorization: 'allow' },
    bots: testBots(),
  });
}

type Caller = { readonly id: string; readonly secret: string };
type Changes = { readonly timestamp?: number; readonly nonce?: string };

const sign = (caller: Caller = DESK, changes: Changes = {}): Record<string, string> =>
  signed(
    caller,
    { method: 'POST', target: '/intents', body: BODY },
    { timestamp: NOW_S, ...changes },
  );

describe('a gateway that takes signed requests only', () => {
  it('B-87 signs what the documentation says, as openssl does', () => {
    // printf '%s\n%s\n%s\n%s\n%s' 1700000000 nonce-0001 POST /intents "$(sha256 of the body)" |
    //   openssl dgst -sha256 -hmac dddddddddddddddddddddddddddddddd
    expect(sign(DESK, { nonce: 'nonce-0001' })['x-signature']).toBe(
      '98377dfa18fab8497c3ce8208d080d41e3c7abbce95286f2d0f4a2d2a453f444',
    );
  });

  it('B-87 takes what is signed, with a body, without one, and with a query', async () => {
    const { call, published } = signedGateway();
    expect((await call(post(BODY, sign()))).statusCode).toBe(202);
    const read = async (target: string) =>
      call({
        method: 'GET',
        url: target,
        headers: signed(READER, { method: 'GET', target }, { timestamp: NOW_S }),
      });
    expect((await read(`/intents/${AN_ID}`)).statusCode).toBe(404);
    expect((await read(`/intents/${AN_ID}?a=b%20c&d`)).statusCode).toBe(404);
    expect(published).toHaveLength(1);
  });

  it('B-87 takes a batch of bots as large as one may be, and refuses what is larger', async () => {
    const { server } = signedGateway();
    const send = async (bytes: number) => {
      const body = `[${' '.repeat(bytes - 2)}]`;
      const request = { method: 'POST', target: '/bots/events', body };
      const headers = signed(DESK, request, { timestamp: NOW_S });
      return server.inject({
        method: 'POST',
        url: '/bots/events',
        payload: body,
        headers: { 'content-type': 'application/json', ...headers },
      });
    };
    expect((await send(5 * 1024 * 1024)).statusCode).toBe(200);
    const larger = await send(5 * 1024 * 1024 + 1);
    expect([larger.statusCode, larger.json<{ code: string }>().code]).toEqual([
      413,
      'BODY_TOO_LARGE',
    ]);
  });

  it.each(['x-api-key', 'x-timestamp', 'x-nonce', 'x-signature'])(
    'B-87 names the header that is missing or of another form: %s',
    async (name) => {
      const { call, published } = signedGateway();
      const { [name]: _, ...rest } = sign();
      for (const headers of [rest, { ...rest, [name]: '' }, { ...rest, [name]: 'ü' }]) {
        const response = await call(post(BODY, headers as Record<string, string>));
        expect(response.statusCode).toBe(401);
        expect(response.headers['www-authenticate']).toBe('HMAC-SHA256');
        const { code, detail } = response.json<{ code: string; detail: string }>();
        if (name !== 'x-api-key' || !('x-api-key' in headers)) expect(code).toBe('UNSIGNED');
        if (code === 'UNSIGNED') expect(detail.toLowerCase()).toContain(name);
      }
      expect(published).toHaveLength(0);
    },
  );

  it('B-87 refuses another body, method, path, query, time, nonce, secret or key', async () => {
    const { call, published } = signedGateway();
    const of = (changes: object) =>
      signed(
        DESK,
        { method: 'POST', target: '/intents', body: BODY, ...changes },
        {
          timestamp: NOW_S,
        },
      );
    const forged = [
      of({ body: `${BODY} ` }),
      of({ method: 'PUT' }),
      of({ target: '/intents/' }),
      of({ target: '/intents?a=1' }),
      { ...sign(), 'x-timestamp': String(NOW_S + 1) },
      { ...sign(), 'x-nonce': 'another-nonce' },
      sign({ ...DESK, secret: 'e'.repeat(32) }),
      sign({ id: 'nobody', secret: DESK.secret }),
      { ...sign(), 'x-api-key': READER.id },
    ];
    for (const headers of forged) {
      const response = await call(post(BODY, headers));
      expect(response.json()).toMatchObject({ status: 401, code: 'WRONG_SIGNATURE' });
    }
    expect(published).toHaveLength(0);
  });

  it('B-87 takes a time stamp 300 s off, and none further', async () => {
    const { call } = signedGateway();
    const code = async (timestamp: number) =>
      (await call(post(BODY, sign(DESK, { timestamp })))).statusCode;
    expect(await code(NOW_S - 300)).toBe(202);
    expect(await code(NOW_S + 300)).toBe(202);
    expect(await code(NOW_S - 301)).toBe(401);
    const late = await call(post(BODY, sign(DESK, { timestamp: NOW_S + 301 })));
    expect(late.json()).toMatchObject({ code: 'TIMESTAMP_OFF' });
    expect(late.json<{ detail: string }>().detail).toContain('301 s');
  });

  it('B-87 takes a nonce once, and a forged signature uses up none', async () => {
    const { call, published } = signedGateway();
    const headers = sign(DESK, { nonce: 'only-once' });
    const forged = { ...headers, 'x-signature': '0'.repeat(64) };
    expect((await call(post(BODY, forged))).statusCode).toBe(401);
    expect((await call(post(BODY, headers))).statusCode).toBe(202);
    const again = await call(post(BODY, headers));
    expect(again.json()).toMatchObject({ status: 401, code: 'NONCE_SEEN' });
    expect((await call(post(BODY, sign({ ...DESK }, { nonce: 'another-1' })))).statusCode).toBe(
      202,
    );
    expect(published).toHaveLength(2);
  });

  it('B-87 answers 503 while nobody knows which nonces were used', async () => {
    const nonces = new MemoryNonces();
    nonces.isAway = true;
    const { call, published } = signedGateway(nonces);
    const response = await call(post(BODY, sign()));
    expect(response.json()).toMatchObject({ status: 503, code: 'ACCESS_AWAY' });
    expect(response.headers['retry-after']).toBe('1');
    expect(published).toHaveLength(0);
  });

  it('B-86 B-87 lets a key do what it may', async () => {
    const { call, published } = signedGateway();
    expect((await call(post(BODY, sign(READER)))).json()).toMatchObject({ code: 'FORBIDDEN' });
    expect(published).toHaveLength(0);
  });

  it('B-87 counts the rate of who signed, and a forger uses up nobody’s', async () => {
    const { call } = signedGateway(new MemoryNonces(), 1);
    const forged = { ...sign(), 'x-signature': '0'.repeat(64) };
    for (let round = 0; round < 3; round += 1)
      expect((await call(post(BODY, forged))).statusCode).toBe(401);
    expect((await call(post(BODY, sign()))).statusCode).toBe(202);
    expect((await call(post(BODY, sign()))).statusCode).toBe(429);
  });

  it('B-87 says nothing of a body to who has not signed it', async () => {
    const { call } = signedGateway();
    expect((await call(post('{"a":', sign()))).statusCode).toBe(401);
    expect((await call(post({}))).statusCode).toBe(401);
  });

  it.each(['/health', '/livez', '/metrics', '/openapi.json'])(
    'B-87 leaves %s open to probes',
    async (url) => {
      expect((await signedGateway().call({ method: 'GET', url })).statusCode).toBe(200);
    },
  );

  it.each([
    ['GET', `/intents/${AN_ID}`],
    ['GET', `/intents/${AN_ID}/history`],
    ['GET', `/plans/${AN_ID}`],
    ['GET', '/bots/report'],
    ['POST', '/bots/events'],
    ['GET', '/stream'],
    ['GET', '/nowhere'],
    ['DELETE', '/intents'],
  ] as const)('B-87 answers %s %s with 401 unsigned', async (method, url) => {
    const { server } = signedGateway();
    const response = await server.inject({ method, url });
    expect(response.statusCode).toBe(401);
  });
});

describe('a gateway that takes what comes', () => {
  it('B-87 passes unsigned requests, and looks at no signature', async () => {
    const { call } = testGateway();
    expect((await call(post(BODY))).statusCode).toBe(202);
    expect((await call(post(BODY, { ...sign(), 'x-signature': 'wrong' }))).statusCode).toBe(202);
  });
});

describe('the file of keys', () => {
  it('B-87 lets a key do everything that says nothing else', () => {
    expect([...(KEYS.get('desk-1')?.may ?? [])]).toEqual([
      'intent.submit',
      'stream.read',
      'bots.write',
    ]);
    expect(KEYS.get('reader')?.may.size).toBe(0);
  });

  const secret = 's'.repeat(32);
  it.each([
    ['{', 'is not JSON'],
    ['[]', 'keys is no list'],
    ['{"keys":[]}', 'keys is no list'],
    [{ keys: [null] }, 'keys[0].id is not'],
    [{ keys: [{ id: 'a b', secret }] }, 'keys[0].id is not'],
    [{ keys: [{ id: 'a', secret: 'short' }] }, 'keys[0].secret of a is not a text of 32'],
    [{ keys: [{ id: 'a', secret, may: ['all'] }] }, 'keys[0].may of a is no list of intent.submit'],
    [{ keys: [{ id: 'a', secret, role: 'x' }] }, 'keys[0] of a has role'],
    [
      {
        keys: [
          { id: 'a', secret },
          { id: 'a', secret },
        ],
      },
      'keys[1].id a is there twice',
    ],
  ])('B-14 B-87 is refused by the place of its fault, without its secrets: %j', (file, words) => {
    const text = typeof file === 'string' ? file : JSON.stringify(file);
    const parse = (): unknown => parseApiKeys(text);
    expect(parse).toThrow(ApiKeysError);
    expect(parse).toThrow(words);
    expect(parse).not.toThrow(/sssss|short/);
  });
});
