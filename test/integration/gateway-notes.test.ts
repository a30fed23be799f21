import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisPart, redisUrl } from '../../cli/stack/redis.ts';
import { GatewayNotes } from '../../connectors/redis/index.ts';
import { ownServer, type OwnServer } from './own-servers.ts';

const DAY_MS = 86_400_000;

let server: OwnServer;
let redis: Redis;
let one: GatewayNotes;
let other: GatewayNotes;
beforeAll(async () => {
  server = await ownServer(redisPart);
  await server.start();
  const url = redisUrl(server.port);
  redis = new Redis(url);
  one = await GatewayNotes.open(url, 'desk.');
  other = await GatewayNotes.open(url, 'desk.');
});
afterAll(async () => {
  await Promise.all([one.close(), other.close(), redis.quit()]);
  await server.remove();
});

describe('notes of the gateway', () => {
  it('B-87 give a nonce to one of many instances, once, until it expires', async () => {
    const claims = Array.from({ length: 50 }, (_, index) =>
      (index % 2 === 0 ? one : other).claim('desk-1', 'nonce-1', 60_000),
    );
    expect((await Promise.all(claims)).filter(Boolean)).toHaveLength(1);
    expect(await one.claim('desk-2', 'nonce-1', 60_000)).toBe(true);
    expect(await redis.pttl('millrace:gateway:desk.nonce:desk-1:nonce-1')).toBeGreaterThan(1);
  });

  it('B-87 know a nonce after a restart of Redis', async () => {
    expect(await one.claim('desk-1', 'nonce-2', 60_000)).toBe(true);
    await server.stop();
    await expect(one.claim('desk-1', 'nonce-3', 60_000)).rejects.toThrow(/Redis/);
    await server.start();
    const after = await GatewayNotes.open(redisUrl(server.port), 'desk.');
    expect(await after.claim('desk-1', 'nonce-2', 60_000)).toBe(false);
    expect(await after.claim('desk-1', 'nonce-4', 60_000)).toBe(true);
    await after.close();
  });

  it('B-39 keep the first body of an intent, and whether it was sent', async () => {
    const after = await GatewayNotes.open(redisUrl(server.port), 'desk.');
    const begun = await Promise.all([
      after.begin('intent', 'a', DAY_MS),
      after.begin('intent', 'b', DAY_MS),
    ]);
    expect(begun[0]).toBeNull();
    expect(begun[1]).toEqual({ fingerprint: 'a', isSent: false });
    await after.sent('intent', 'a', DAY_MS);
    expect(await after.begin('intent', 'b', DAY_MS)).toEqual({ fingerprint: 'a', isSent: true });
    const elsewhere = await GatewayNotes.open(redisUrl(server.port), 'other.');
    expect(await elsewhere.begin('intent', 'b', DAY_MS)).toBeNull();
    await Promise.all([after.close(), elsewhere.close()]);
  });
});
