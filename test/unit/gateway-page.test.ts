import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SignatureCheck } from '../../gateway/index.ts';
import { AN_ID, testGateway } from './gateway-fixture.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'gateway', 'page');
const SERVED = readdirSync(FOLDER).filter((name) => !name.endsWith('.json'));
const textOf = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');

describe('the page as it is served', () => {
  it.each(['/', `/c/intent-${AN_ID}`, '/c/anything'])('gives the same page at %s', async (url) => {
    const { statusCode, headers, body } = await testGateway().call({ url });
    expect([statusCode, body]).toEqual([200, textOf('index.html')]);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(headers['content-security-policy']);
    for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"])
      expect(policy.split('; ')).toContain(part);
    expect(policy).not.toContain('unsafe');
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  it('gives every file that is named in another, and no inline script or style', async () => {
    const { call } = testGateway();
    const named = SERVED.flatMap((name) => [
      ...[...textOf(name).matchAll(/from '\.\/([\w-]+\.js)'/g)].map(([, file]) => file),
      ...[...textOf(name).matchAll(/"\/page\/([\w.-]+)"/g)].map(([, file]) => file),
    ]);
    expect(named.length).toBeGreaterThan(10);
    for (const file of new Set([...named, ...SERVED])) {
      const { statusCode, body } = await call({ url: `/page/${file}` });
      expect([file, statusCode, body]).toEqual([file, 200, textOf(file ?? '')]);
    }
    for (const name of SERVED.filter((each) => each.endsWith('.html'))) {
      expect(textOf(name)).not.toMatch(/<style|<script(?![^>]* src=)|\sstyle=|\son\w+=/);
    }
    for (const url of ['/page/nothing.js', '/page/tsconfig.json', '/page/..%2Fserver.ts'])
      expect((await call({ url })).statusCode).toBe(404);
  });

  it('sends a file once: its ETag is answered with 304', async () => {
    const { server } = testGateway();
    const { headers } = await server.inject({ url: '/page/main.js' });
    const etag = String(headers['etag']);
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const again = await server.inject({
        url: '/page/main.js',
        headers: { 'if-none-match': known },
      });
      expect([again.statusCode, again.body]).toEqual([304, '']);
    }
    const changed = await server.inject({
      url: '/page/main.js',
      headers: { 'if-none-match': '"x"' },
    });
    expect(changed.statusCode).toBe(200);
  });

  it('B-87 says that a browser cannot sign, where requests have to be signed', async () => {
    const nonces = { claim: async () => true };
    const signatures = new SignatureCheck({ keys: new Map(), nonces, nowMs: Date.now });
    const { call } = testGateway({ signatures });
    for (const url of ['/', `/c/intent-${AN_ID}`]) {
      const { statusCode, body } = await call({ url });
      expect(statusCode).toBe(403);
      expect(body).toContain('signed requests only');
      expect(body).not.toContain('<script');
    }
    expect((await call({ url: '/page/page.css' })).statusCode).toBe(200);
    expect((await call({ url: `/lookup/${AN_ID}` })).statusCode).toBe(401);
  });
});

describe('/lookup', () => {
  const ULID = '01ARZ3NDEKTSV4RRFFQ69G5FAV';

  it.each([
    [AN_ID, AN_ID],
    [AN_ID.toUpperCase(), AN_ID],
    [`intent-${AN_ID}`, `intent-${AN_ID}`],
    [ULID.toLowerCase(), ULID],
  ])('asks the store for %s as %s', async (given, asked) => {
    const ids: string[] = [];
    const found = { correlationId: 'c-1', foundBy: 'plan_id' } as const;
    const find = async (id: string) => (ids.push(id), found);
    const response = await testGateway({ correlations: { find } }).call({
      url: `/lookup/${given}`,
    });
    expect(response.json()).toEqual({ id: asked, correlation_id: 'c-1', found_by: 'plan_id' });
    expect(ids).toEqual([asked]);
  });

  it('says what is not there, and what is away', async () => {
    const unknown = await testGateway().call({ url: `/lookup/${AN_ID}` });
    expect([unknown.statusCode, unknown.json<{ code: string }>().code]).toEqual([
      404,
      'UNKNOWN_ID',
    ]);
    const find = () => Promise.reject(new Error('away'));
    const { call } = testGateway({ correlations: { find } });
    expect((await call({ url: '/lookup/no-id' })).statusCode).toBe(404);
    const away = await call({ url: `/lookup/${AN_ID}` });
    expect([away.statusCode, away.headers['retry-after']]).toEqual([503, '1']);
  });
});
