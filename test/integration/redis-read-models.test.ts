import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { redisPart, redisUrl } from '../../cli/stack/redis.ts';
import {
  readModelKey,
  ReadModelReader,
  ReadModelWriter,
  type ProjectedEntry,
} from '../../connectors/redis/index.ts';
import { ownServer, type OwnServer } from './own-servers.ts';

let server: OwnServer;
let redis: Redis;
let writer: ReadModelWriter;
let reader: ReadModelReader;
beforeAll(async () => {
  server = await ownServer(redisPart);
  await server.start();
  const url = redisUrl(server.port);
  redis = new Redis(url);
  writer = await ReadModelWriter.open(url);
  reader = await ReadModelReader.open(url);
});
afterAll(async () => {
  await Promise.all([writer.close(), reader.close(), redis.quit()]);
  await server.remove();
});
beforeEach(() => redis.flushall());

const topic = 'rm.intent';
const record = (
  offset: number,
  id: string,
  value: string | null,
  version: ProjectedEntry['version'],
): ProjectedEntry => ({ offset, redisKey: readModelKey(topic, id), value, version });

const apply = (from: number, next: number, ...entries: ProjectedEntry[]): Promise<number> =>
  writer.apply({ topic, partition: 0, from, next, entries });

/** Every key of Redis with its value, in a form that compares. */
async function dump(): Promise<Record<string, unknown>> {
  const keys = (await redis.keys('*')).sort();
  const values = keys.map(async (key) =>
    (await redis.type(key)) === 'hash' ? redis.hgetall(key) : redis.get(key),
  );
  return Object.fromEntries((await Promise.all(values)).map((value, n) => [keys[n], value]));
}

describe('apply', () => {
  it('B-25 B-26 stores the bytes of a read model and its position', async () => {
    const value = '{"state":"submitted", "sümmary":"\\u0000"}';
    expect(await apply(0, 3, record(1, 'a', value, [7, 0]))).toBe(3);
    const plan = { offset: 0, redisKey: readModelKey('rm.plan', 'p'), value: '{}' };
    await writer.apply({
      topic: 'rm.plan',
      partition: 1,
      from: 0,
      next: 1,
      entries: [{ ...plan, version: [7, 1] }],
    });
    expect(await reader.intent('a')).toBe(value);
    expect(await reader.plan('p')).toBe('{}');
    expect(await reader.intent('p')).toBeNull();
    expect(await writer.positions(topic, [0, 1])).toEqual([3, 0]);
    expect(await writer.positions('rm.plan', [1])).toEqual([1]);
  });

  it('B-79 leaves no time to live on a read model', async () => {
    await apply(0, 1, record(0, 'a', '{}', [1, 0]));
    expect(await redis.ttl('intent:a')).toBe(-1);
  });

  it.each([
    ['a lower n', [9, 99]],
    ['a lower index', [10, 1]],
    ['the same version', [10, 2]],
  ] as const)('K-08 keeps the value against %s', async (_, version) => {
    await apply(0, 2, record(0, 'a', 'new', [10, 2]), record(1, 'a', 'old', version));
    expect(await reader.intent('a')).toBe('new');
  });

  it.each([
    ['a greater n', [11, 0]],
    ['a greater index', [10, 10]],
  ] as const)('K-08 replaces the value by %s', async (_, version) => {
    await apply(0, 2, record(0, 'a', 'old', [10, 2]), record(1, 'a', 'new', version));
    expect(await reader.intent('a')).toBe('new');
  });

  it('K-08 compares versions as numbers up to the greatest offset', async () => {
    const most = Number.MAX_SAFE_INTEGER;
    await apply(0, 2, record(0, 'a', 'new', [most, 0]), record(1, 'a', 'old', [most - 1, 0]));
    expect(await reader.intent('a')).toBe('new');
  });

  it('K-08 removes a key by a tombstone, for older records too', async () => {
    await apply(0, 1, record(0, 'a', 'value', [1, 0]));
    await apply(1, 3, record(1, 'a', null, [2, 0]), record(2, 'a', 'value', [1, 0]));
    expect(await redis.exists('intent:a')).toBe(0);
    await apply(3, 4, record(3, 'a', 'again', [3, 0]));
    expect(await reader.intent('a')).toBe('again');
  });

  it("K-08 applies an operator's tombstone whatever the version", async () => {
    await apply(0, 2, record(0, 'a', 'value', [5, 0]), record(1, 'a', null, null));
    expect(await reader.intent('a')).toBeNull();
    await apply(2, 3, record(2, 'a', 'value', [5, 0]));
    expect(await reader.intent('a')).toBeNull();
  });

  it("does not repeat an operator's record that a late projector brings again", async () => {
    const tombstone = record(0, 'a', null, null);
    await apply(0, 2, tombstone, record(1, 'a', 'value', [5, 0]));
    expect(await apply(0, 1, tombstone)).toBe(2);
    expect(await apply(0, 3, tombstone, record(1, 'a', 'value', [5, 0]))).toBe(3);
    expect(await reader.intent('a')).toBe('value');
  });

  it('K-08 sends the reader back when Redis has lost what was applied', async () => {
    await apply(0, 5, record(4, 'a', 'value', [1, 0]));
    await redis.flushall();
    expect(await apply(5, 6, record(5, 'b', 'value', [2, 0]))).toBe(0);
    expect(await dump()).toEqual({});
    expect(await apply(0, 6, record(4, 'a', 'value', [1, 0]))).toBe(6);
  });

  it('B-109 gives the same bytes after a flush, in batches of any size', async () => {
    const records = Array.from({ length: 1_733 }, (_, offset) =>
      record(offset, String(offset % 97), offset % 13 ? `{"n":${offset}}` : null, [
        Math.max(0, offset - (offset % 5 ? 0 : 300)),
        offset % 3,
      ]),
    );
    const applyBy = async (size: number): Promise<Record<string, unknown>> => {
      await redis.flushall();
      for (let from = 0; from < records.length; from += size) {
        const entries = records.slice(from, from + size);
        await apply(from, from + entries.length, ...entries);
      }
      return dump();
    };
    const one = await applyBy(1);
    expect(one).toMatchObject(foldOf(records));
    expect(Object.keys(one)).toHaveLength(Object.keys(foldOf(records)).length + 2);
    expect(await applyBy(100)).toEqual(one);
    expect(await applyBy(2_000)).toEqual(one);
  });

  it('moves the position over records that are no read model', async () => {
    expect(await apply(0, 9)).toBe(9);
    expect(await writer.positions(topic, [0])).toEqual([9]);
  });

  it('says that a key of another type is refused, and applies it again once it is gone', async () => {
    await redis.hset('millrace:position:rm.intent:0', 'a', 'b');
    const batch = [record(0, 'a', 'value', [1, 0])];
    await expect(apply(0, 1, ...batch)).rejects.toMatchObject({
      code: 'READ_MODEL_REFUSED',
      reaction: 'stop',
    });
    await redis.flushall();
    expect(await apply(0, 1, ...batch)).toBe(1);
  });
});

/** What the read models should be: per key the value of the greatest version, the first of equal ones. */
function foldOf(records: readonly ProjectedEntry[]): Record<string, string> {
  const newest = new Map<string, ProjectedEntry>();
  for (const record of records) {
    const [n, index] = record.version ?? [0, 0];
    const [lastN, lastIndex] = newest.get(record.redisKey)?.version ?? [-1, 0];
    if (n > lastN || (n === lastN && index > lastIndex)) newest.set(record.redisKey, record);
  }
  const there = [...newest].filter(([, { value }]) => value !== null);
  return Object.fromEntries(there.map(([key, { value }]) => [key, value ?? '']));
}

describe('seen', () => {
  it('B-65 X-11 notes each event for 7 days from the first time', async () => {
    const ids = Array.from({ length: 1_500 }, (_, n) => `e${n}`);
    await writer.seen(ids);
    await redis.expire('events:seen:e0', 100);
    await writer.seen(ids);
    expect(await redis.ttl('events:seen:e0')).toBeLessThanOrEqual(100);
    const ttl = await redis.ttl('events:seen:e1499');
    expect(ttl).toBeGreaterThan(7 * 86_400 - 60);
    expect(ttl).toBeLessThanOrEqual(7 * 86_400);
  });
});
