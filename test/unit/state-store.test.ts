import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { type ByteRow, type ByteRows, rowOf } from '../../engine/byte-rows.ts';
import { MemoryStateStore } from '../../engine/memory-state-store.ts';
import type { Checkpoint, StateStore } from '../../engine/state-store.ts';
import { LmdbStore } from '../../kafka/lmdb-store.ts';

const parent = mkdtempSync(join(tmpdir(), 'millrace-store-'));
let folders = 0;
const freshFolder = (): string => join(parent, String(++folders), 'state');
afterAll(() => rmSync(parent, { recursive: true, force: true }));

function checkpoint(n: number, fence = 0): Checkpoint {
  const fenceRecord = {
    application: 'a',
    task: 0,
    member: 'm',
    host: 'h',
    generation: 1,
    deployment: 'fused' as const,
    edges_hash: '',
    time: 0,
  };
  const emitsFrom = { offset: n, fence, n: n - 1 };
  return { topicId: 't', offset: n + 1, fence, n, time: n, fenceRecord, emitsFrom };
}

/** Rows of the table x, which begin and end with texts of their own; null: removed. */
function rowsOf(...pairs: readonly (readonly [key: string, value: string | null])[]): ByteRows {
  return {
    length: pairs.length,
    each: (put) => {
      const bytes = Buffer.from(pairs.flat().join(''));
      const row: ByteRow = { ...rowOf('x', bytes), valueEnd: '.' };
      row.keyStart = 'start|';
      row.valueStart = '=';
      let at = 0;
      for (const [key, value] of pairs) {
        row.keyFrom = at;
        row.keyUntil = row.valueFrom = at += Buffer.byteLength(key);
        row.valueUntil = value === null ? -1 : (at += Buffer.byteLength(value));
        put(row);
      }
    },
  };
}

const ADAPTERS: readonly [string, () => StateStore | Promise<StateStore>][] = [
  ['memory', () => new MemoryStateStore()],
  ['lmdb', () => LmdbStore.open(freshFolder())],
];

describe.each(ADAPTERS)('the contract of state stores: %s', (_name, make) => {
  let store: StateStore;
  beforeEach(async () => {
    store = await make();
    return () => store.close();
  });

  it('J9a is empty at first, and holds changes together with their checkpoint', async () => {
    expect([store.checkpoint, store.get('x', 'a')]).toEqual([null, undefined]);
    await store.write([{ table: 'x', key: 'a', value: '1' }], checkpoint(1));
    expect([store.checkpoint, store.get('x', 'a')]).toEqual([checkpoint(1), '1']);
  });

  it('J9a takes rows as they stand in bytes, before the changes of the same write', async () => {
    const long = 'é'.repeat(900);
    await store.write([], checkpoint(1), [rowsOf(['a', '1'], [long, '2'], ['c', '3'])]);
    const text = `{"of":"${'ü'.repeat(200)}"}`;
    const rows = [
      rowsOf(['a', 'old'], ['é', text], [long, null]),
      rowsOf(['a', 'new'], ['c', '4']),
    ];
    await store.write([{ table: 'x', key: 'c', value: '5' }], checkpoint(2), rows);
    expect([...store.entries('x')]).toEqual(
      [
        ['start|a', '=new.'],
        ['start|é', `=${text}.`],
        ['c', '5'],
        ['start|c', '=4.'],
      ].sort(),
    );
  });

  it('J9a keeps tables apart, and lists each by key', async () => {
    const put = (table: string, key: string, value: string) => ({ table, key, value });
    const changes = [
      put('x', 'b', '2'),
      put('x', 'a|1', '1'),
      put('xy', 'a', ''),
      put('x', '', '0'),
    ];
    await store.write(changes, checkpoint(1));
    expect([...store.entries('x')]).toEqual([
      ['', '0'],
      ['a|1', '1'],
      ['b', '2'],
    ]);
    expect([...store.entries('xy')]).toEqual([['a', '']]);
  });

  it('J9a takes keys of any length and any letters', async () => {
    const keys = ['x'.repeat(5_000), `${'x'.repeat(4_999)}y`, '\u0000\n😀', '='];
    const changes = keys.map((key, index) => ({ table: 'x', key, value: `:${index}` }));
    await store.write(changes, checkpoint(1));
    expect(keys.map((key) => store.get('x', key))).toEqual([':0', ':1', ':2', ':3']);
    expect(new Map(store.entries('x'))).toEqual(
      new Map(keys.map((key, index) => [key, `:${index}`])),
    );
    await store.write(
      keys.map((key) => ({ table: 'x', key, value: null })),
      checkpoint(2),
    );
    expect([...store.entries('x')]).toEqual([]);
  });

  it.each([1, 3, 100])('J9 gives the keys of a table in pages of %i, each once', async (limit) => {
    const keys = [
      '',
      'a',
      'a\u0000',
      'x'.repeat(5_000),
      `${'x'.repeat(4_999)}y`,
      '\u0000\n😀',
      'b',
    ];
    const changes = keys.map((key) => ({ table: 'x', key, value: '1' }));
    await store.write([...changes, { table: 'xy', key: 'z', value: '1' }], checkpoint(1));
    const found: string[] = [];
    let after: string | null = null;
    let n = 1;
    do {
      const page: ReturnType<StateStore['page']> = store.page('x', after, limit);
      expect(page.keys.length).toBeLessThanOrEqual(limit);
      found.push(...page.keys);
      after = page.next;
      // What is removed between two pages is no end of them.
      const value = found.length === 1 ? null : '2';
      await store.write([{ table: 'x', key: found[0] ?? '', value }], checkpoint(++n));
    } while (after !== null && n < 100);
    expect(found.toSorted()).toEqual(keys.toSorted());
    expect(store.page('none', null, limit)).toEqual({ keys: [], next: null });
  });

  it('J9a refuses who is behind what it holds, and changes nothing then', async () => {
    await store.write([{ table: 'x', key: 'a', value: '1' }], checkpoint(2, 5));
    const late = [{ table: 'x', key: 'a', value: '2' }];
    for (const old of [checkpoint(2, 5), checkpoint(1, 5), checkpoint(3, 4)])
      await expect(store.write(late, old)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect([store.get('x', 'a'), store.checkpoint?.n]).toEqual(['1', 2]);
  });

  it('J9a forgets everything when it is cleared', async () => {
    await store.write([{ table: 'x', key: 'a', value: '1' }], checkpoint(2));
    await store.clear();
    expect([store.checkpoint, store.get('x', 'a')]).toEqual([null, undefined]);
    await store.write([{ table: 'x', key: 'b', value: '1' }], checkpoint(1));
    expect([...store.entries('x')]).toEqual([['b', '1']]);
  });
});

describe('the lmdb store', () => {
  it('J9a is there again after a restart', async () => {
    const folder = freshFolder();
    const first = await LmdbStore.open(folder);
    await first.write([{ table: 'x', key: 'a', value: '1' }], checkpoint(1));
    await first.close();
    const second = await LmdbStore.open(folder);
    expect([second.checkpoint, second.get('x', 'a')]).toEqual([checkpoint(1), '1']);
    await second.close();
  });

  it('J9a has one user at a time', async () => {
    const folder = freshFolder();
    const first = await LmdbStore.open(folder);
    await expect(LmdbStore.open(folder)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    await first.close();
    await (await LmdbStore.open(folder)).close();
  });

  it('J9a makes a store anew that cannot be opened, and says so', async () => {
    const folder = freshFolder();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'data.mdb'), 'nonsense'.repeat(10_000));
    const reasons: string[] = [];
    const store = await LmdbStore.open(folder, (reason) => reasons.push(reason));
    expect([reasons.length, store.checkpoint]).toEqual([1, null]);
    await store.close();
  });
});
