import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Checkpoint, StoreChange } from '../../engine/state-store.ts';
import { LmdbStore } from '../../kafka/lmdb-store.ts';

const PAGE_BYTES = 4_096;
const TABLES = ['states/x', 'states/y'];

const parent = mkdtempSync(join(tmpdir(), 'millrace-lmdb-'));
const source = join(parent, 'source');
const ROUNDS = 12;
/** What the source held after each round. */
const rounds: ReadonlyMap<string, string>[] = [new Map()];
let bytes: Buffer;

/** The same numbers in every run. */
let seed = 7;
function below(bound: number): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 2 ** 32) * bound);
}

function checkpoint(n: number): Checkpoint {
  const fenceRecord = {
    ...{ application: 'a', task: 0, member: 'm', host: 'h', generation: 1 },
    ...{ deployment: 'fused' as const, edges_hash: '', time: 0 },
  };
  const emitsFrom = { offset: n, fence: 0, n: n - 1 };
  return { topicId: 't', offset: n + 1, fence: 0, n, time: n, fenceRecord, emitsFrom };
}

/** Values of all sizes, some of pages of their own, and keys that go again. */
function changes(count: number): readonly StoreChange[] {
  const made = new Map<string, StoreChange>();
  for (let index = 0; index < count; index++) {
    const table = TABLES[below(2)] ?? '';
    const key = `key-${below(600)}`;
    const size = below(40) === 0 ? 9_000 : below(300);
    const value = below(6) === 0 ? null : `${index}:${'v'.repeat(size)}`;
    made.set(table + key, { table, key, value });
  }
  return [...made.values()];
}

async function churn(store: LmdbStore, into: Map<string, string>): Promise<void> {
  const made = changes(100);
  await store.write(made, checkpoint((store.checkpoint?.n ?? 0) + 1));
  for (const { table, key, value } of made)
    if (value === null) into.delete(`${table}|${key}`);
    else into.set(`${table}|${key}`, value);
}

function held(store: LmdbStore): Map<string, string> {
  return new Map(
    TABLES.flatMap((table) =>
      [...store.entries(table)].map(([key, value]) => [`${table}|${key}`, value] as const),
    ),
  );
}

beforeAll(async () => {
  const store = await LmdbStore.open(source);
  const written = new Map<string, string>();
  for (let round = 0; round < ROUNDS; round++) {
    await churn(store, written);
    rounds.push(new Map(written));
  }
  await store.close();
  bytes = readFileSync(join(source, 'data.mdb'));
});
afterAll(() => rmSync(parent, { recursive: true, force: true }));

/** Opens a copy that `damage` was done to, and works with what came out. */
async function openDamaged(name: string, damage: (file: Buffer) => Buffer): Promise<string | null> {
  const folder = join(parent, name);
  cpSync(source, folder, { recursive: true });
  writeFileSync(join(folder, 'data.mdb'), damage(Buffer.from(bytes)));
  let discarded: string | null = null;
  const store = await LmdbStore.open(folder, (reason) => (discarded = reason));
  // A first page that lies about its age brings back the round before: that is whole, too.
  const n = store.checkpoint?.n ?? 0;
  expect(n).toBeGreaterThanOrEqual(discarded === null ? ROUNDS - 1 : 0);
  expect(n).toBeLessThanOrEqual(discarded === null ? ROUNDS : 0);
  const expected = new Map(rounds[n]);
  expect(held(store)).toEqual(expected);
  await churn(store, expected);
  await churn(store, expected);
  expect(held(store)).toEqual(expected);
  await store.close();
  rmSync(folder, { recursive: true });
  return discarded;
}

const flipped = (file: Buffer, at: number): Buffer => {
  file[at] = (file[at] ?? 0) ^ (1 + below(255));
  return file;
};

describe('a local store whose file was damaged', () => {
  it('J9a is kept when it was not', async () => {
    expect(await openDamaged('whole', (file) => file)).toBeNull();
  });

  it('J9a is made anew, or holds what was written: bytes of it flipped', async () => {
    let discarded = 0;
    const pages = bytes.length / PAGE_BYTES;
    for (let index = 0; index < 60; index++) {
      // The first bytes of a page say what it is; anywhere else stand rows.
      const within = index % 3 === 0 ? below(PAGE_BYTES) : below(64);
      const at = below(pages) * PAGE_BYTES + within;
      if ((await openDamaged(`flipped-${index}`, (file) => flipped(file, at))) !== null)
        discarded += 1;
    }
    expect(discarded).toBeGreaterThan(10);
  });

  it('J9a is made anew, or holds what was written: each number of its first page changed', async () => {
    for (let at = 16; at < 176; at += 8)
      await openDamaged(`first-${at}`, (file) => flipped(flipped(file, at), PAGE_BYTES + at + 3));
  });

  it('J9a is made anew: cut off, or a page of zeros', async () => {
    for (const share of [0.001, 0.25, 0.5, 0.9])
      expect(
        await openDamaged(`cut-${share}`, (file) =>
          file.subarray(0, Math.floor(file.length * share)),
        ),
      ).toContain('damaged');
    const middle = PAGE_BYTES * Math.floor(bytes.length / PAGE_BYTES / 2);
    const zeros = (file: Buffer): Buffer => file.fill(0, middle, middle + 8 * PAGE_BYTES);
    expect(await openDamaged('zeros', zeros)).toContain('damaged');
  });

  it('J9a says before it is opened how far it has come', () => {
    expect(LmdbStore.checkpointIn(source)).toEqual(checkpoint(ROUNDS));
    expect(LmdbStore.checkpointIn(join(parent, 'nothing'))).toBeNull();
  });
});
