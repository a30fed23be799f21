import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { freePort } from '../../cli/stack/ports.ts';
import { redisPart, redisUrl } from '../../cli/stack/redis.ts';
import { ReadModelReader, ReadModelWriter } from '../../connectors/redis/index.ts';
import { ownServer, type OwnServer } from './own-servers.ts';

const AWAY = { code: 'READ_MODEL_AWAY', reaction: 'retry', canRetry: true };
/** A command's own limit, and some room for a busy machine. */
const ANSWER_WITHIN_MS = 3_000;

let server: OwnServer;
let writer: ReadModelWriter;
let reader: ReadModelReader;
beforeEach(async () => {
  server = await ownServer(redisPart);
  await server.start();
  writer = await ReadModelWriter.open(redisUrl(server.port));
  reader = await ReadModelReader.open(redisUrl(server.port));
});
afterEach(async () => {
  await Promise.all([writer.close(), reader.close()]);
  await server.remove();
});

const batch = (from: number, value: string) => ({
  topic: 'rm.intent',
  partition: 0,
  from,
  next: from + 1,
  entries: [{ offset: from, redisKey: 'intent:a', value, version: [from, 0] as const }],
});

it('B-25 says READ_MODEL_AWAY soon while Redis is stopped and goes on when it is back', async () => {
  await writer.apply(batch(0, 'before'));
  await server.stop();
  const start = performance.now();
  await expect(reader.intent('a')).rejects.toMatchObject(AWAY);
  await expect(writer.apply(batch(1, 'after'))).rejects.toMatchObject(AWAY);
  await expect(writer.seen(['e1'])).rejects.toMatchObject(AWAY);
  await expect(reader.ping(500)).rejects.toMatchObject(AWAY);
  expect(performance.now() - start).toBeLessThan(ANSWER_WITHIN_MS);
  await server.start();
  await expect.poll(() => intentOr(reader), { timeout: 5_000 }).toBe('before');
  await expect
    .poll(() => writer.apply(batch(1, 'after')).catch(codeOf), { timeout: 5_000 })
    .toBe(2);
  expect(await reader.intent('a')).toBe('after');
});

it('goes on after its connection was killed', async () => {
  const operator = new Redis(redisUrl(server.port));
  await operator.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await operator.quit();
  await expect.poll(() => intentOr(reader), { timeout: 5_000 }).toBeNull();
  await expect.poll(() => writer.apply(batch(0, 'new')).catch(codeOf), { timeout: 5_000 }).toBe(1);
});

it('says READ_MODEL_AWAY soon while Redis hangs and goes on when it answers', async () => {
  server.signal('SIGSTOP');
  const start = performance.now();
  try {
    await expect(reader.ping(200)).rejects.toMatchObject(AWAY);
    await expect(reader.intent('a')).rejects.toMatchObject(AWAY);
    expect(performance.now() - start).toBeLessThan(ANSWER_WITHIN_MS);
  } finally {
    server.signal('SIGCONT');
  }
  await expect.poll(() => intentOr(reader), { timeout: 5_000 }).toBeNull();
});

it('opens while Redis is away, and works once it is there', async () => {
  const late = await ownServer(redisPart);
  const early = await ReadModelReader.open(redisUrl(late.port));
  try {
    await expect(early.intent('a')).rejects.toMatchObject(AWAY);
    await late.start();
    await expect.poll(() => intentOr(early), { timeout: 5_000 }).toBeNull();
  } finally {
    await early.close();
    await late.remove();
  }
});

it('closes while Redis is away', async () => {
  const early = await ReadModelReader.open(redisUrl(await freePort()));
  await early.close();
  await expect(early.intent('a')).rejects.toMatchObject({ code: 'READ_MODEL_AWAY' });
});

function intentOr(source: ReadModelReader): Promise<unknown> {
  return source.intent('a').catch(codeOf);
}

function codeOf(error: unknown): string {
  return (error as { code: string }).code;
}
