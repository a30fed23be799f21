import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { eventually } from '../support/eventually.ts';
import { schemathesis } from '../support/schemathesis.ts';
import { signed } from '../support/signed.ts';
import { LIFE, ORDER, SystemClient } from './system-client.ts';
import { startSystem, type System } from './system-fixture.ts';

interface History {
  readonly events: readonly { readonly topic: string }[];
}

const DESK = { id: 'desk-1', secret: crypto.randomUUID() };
const BOT = { id: 'bot-1', secret: crypto.randomUUID(), may: ['bots.write'] };
const BODY = JSON.stringify(ORDER);

let folder: string;
let system: System;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-access-keys-'));
  const file = join(folder, 'keys.json');
  await writeFile(file, JSON.stringify({ keys: [DESK, BOT] }));
  const env = { HMAC_REQUIRED: 'true', API_KEYS_FILE: file };
  system = await startSystem('access', { env, separate: true });
}, 60_000);
afterAll(async () => {
  await system?.stop();
  await rm(folder, { recursive: true, force: true });
});

const submit = async (headers: Record<string, string>): Promise<Response> =>
  fetch(`${system.url}/intents`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: BODY,
  });
const read = async (target: string, more: Record<string, string> = {}): Promise<Response> =>
  fetch(`${system.url}${target}`, {
    headers: { ...signed(DESK, { method: 'GET', target }), ...more },
  });
const submission = { method: 'POST', target: '/intents', body: BODY };

/** How the socket opened: `open`, or the status that refused it. */
async function opened(headers: Record<string, string>): Promise<string> {
  const socket = new WebSocket(`${system.url.replace('http', 'ws')}/stream`, { headers });
  const outcome = Promise.withResolvers<string>();
  socket.on('open', () => outcome.resolve('open'));
  socket.on('error', ({ message }) => outcome.resolve(message));
  const how = await outcome.promise;
  socket.terminate();
  return how;
}

describe('a system that takes signed requests only', () => {
  it('B-87 answers signed requests as its API document says', async () => {
    const { code, text } = await schemathesis(system.url, DESK);
    expect(code, text).toBe(0);
  }, 90_000);

  it('B-87 refuses a nonce that was used before the gateway was killed', async () => {
    const headers = signed(DESK, submission, { nonce: 'before-the-kill' });
    expect((await submit(headers)).status).toBe(202);
    await system.kill('gateway');
    await system.start('gateway');
    const again = await submit(headers);
    expect(again.status).toBe(401);
    expect(await again.json()).toMatchObject({ code: 'NONCE_SEEN' });
    expect((await submit({})).status).toBe(401);
  }, 60_000);

  it('B-24 B-39 executes an intent once that is sent again with its key, also after a kill', async () => {
    const redis = new Redis(system.redisUrl);
    const remembered = () => redis.keys('millrace:gateway:*submitted:*');
    const others = new Set(await remembered());
    const key = { 'idempotency-key': crypto.randomUUID() };
    const first = await submit({ ...signed(DESK, submission), ...key });
    const { intent_id: id } = (await first.json()) as { intent_id: string };
    const position = first.headers.get('x-millrace-position') ?? '';
    expect((await read(`/intents/${id}`, { 'x-millrace-position': position })).status).toBe(200);
    await system.kill('gateway');
    await system.start('gateway');
    const notes = (await remembered()).filter((note) => !others.has(note));
    expect(notes).toHaveLength(1);
    // What no instance remembers is known from the event store, and what that has not, from the log.
    await redis.del(...notes);
    await redis.quit();
    const again = await submit({ ...signed(DESK, submission), ...key });
    expect(await again.json()).toEqual({ intent_id: id });
    let events: History['events'] = [];
    await eventually('it is executed', async () => {
      ({ events } = (await (await read(`/intents/${id}/history`)).json()) as History);
      return events.length >= LIFE.length;
    });
    expect(events.map(({ topic }) => topic)).toEqual(LIFE);
    const { brokers } = system.config.kafka;
    const kafka = platformaticClient({ brokers, clientId: 'access' });
    const records = await new SystemClient(system, kafka).readTopic(
      system.names.physical('intents'),
    );
    const own = records.filter(({ key: of }) => String(of) === `intent-${id}`);
    expect(new Set(own.map(({ headers }) => headers['event_id'])).size).toBe(
      LIFE.filter((type) => type.startsWith('intent.')).length,
    );
  }, 90_000);

  it('B-40 B-13 lets its services into the stores as who they are', async () => {
    const [{ id } = { id: '' }] = await system.database.query<{ id: string }>(
      `SELECT payload->>'intentId' AS id FROM events LIMIT 1`,
    );
    expect((await read(`/intents/${id}/history`)).status).toBe(200);
    const sessions = await system.database.query<{ login: string }>(
      `SELECT DISTINCT usename::text AS login FROM pg_stat_activity
       WHERE datname = current_database() AND usename <> 'millrace'`,
    );
    expect(sessions.map(({ login }) => login).sort()).toEqual([
      'millrace_coordinator',
      'millrace_reader',
    ]);
    const redis = new Redis(system.redisUrl);
    const list = String(await redis.client('LIST'));
    await redis.quit();
    const users = new Set([...list.matchAll(/ user=(\w+)/g)].map(([, user]) => user));
    users.delete('default');
    expect([...users].sort()).toEqual([
      'millrace_coordinator',
      'millrace_gateway',
      'millrace_reader',
    ]);
  });

  it('B-87 takes what the guide signs with openssl and curl', async () => {
    const guide = await readFile(new URL('../../docs/guides/access.md', import.meta.url), 'utf8');
    const script = /```bash\n(?<script>[^`]+)```/.exec(guide)?.groups?.['script'] ?? 'exit 1';
    const env = { ...process.env, GATEWAY: system.url, KEY: DESK.id, SECRET: DESK.secret };
    const { stdout } = await promisify(execFile)('bash', ['-e', '-c', script], { env });
    expect(JSON.parse(stdout)).toHaveProperty('intent_id');
  });

  it('B-28 B-87 opens the stream to who signs for it and may', async () => {
    const request = { method: 'GET', target: '/stream' };
    expect(await opened(signed(DESK, request))).toBe('open');
    expect(await opened({})).toContain('401');
    expect(await opened(signed({ ...DESK, secret: 'x'.repeat(32) }, request))).toContain('401');
    expect(await opened(signed(BOT, request))).toContain('403');
    const used = signed(DESK, request);
    expect(await opened(used)).toBe('open');
    expect(await opened(used)).toContain('401');
  });
});
