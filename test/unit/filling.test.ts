import { beforeEach, expect, it } from 'vitest';
import { type ByteRows, changeOf } from '../../engine/byte-rows.ts';
import { Filling } from '../../engine/filling.ts';
import { type Batch, BESIDES_CHANGES, JOURNAL_RECORD } from '../../engine/journal.ts';
import { TaskState } from '../../engine/task-state.ts';
import { emptyBatch } from '../support/journal-entries.ts';
import { journalCodec } from '../support/task-harness.ts';

const codec = journalCodec();
let filling: Filling;
beforeEach(() => {
  filling = new Filling();
});

function add(...states: readonly (readonly [key: string, value: string | null])[]): void {
  const batch = emptyBatch(0, 1, {
    states: states.map(([key, value]) => ({ actor: 'x', key, version: 1, value })),
  });
  const bytes = codec.encode('counter.journal', JOURNAL_RECORD.batch, batch);
  filling.add(codec.decode(bytes, BESIDES_CHANGES).value as Batch, new TaskState());
}

function rowsIn(taken: readonly ByteRows[]): (readonly [string, string | null])[] {
  const rows: (readonly [string, string | null])[] = [];
  for (const own of taken)
    own.each((row) => {
      const { key, value } = changeOf(row);
      rows.push([key, value]);
    });
  return rows;
}

it('J9a makes one row of a key that changes several times before it is taken', () => {
  add(['a', '1'], ['b', '2'], ['a', '3']);
  add(['b', null], ['c', '4']);
  expect(rowsIn(filling.take(1))).toEqual([
    ['x|a', '1:3'],
    ['x|b', null],
    ['x|c', '1:4'],
  ]);
});

it('J9a leaves what was taken as it was', () => {
  add(['a', '1']);
  const taken = filling.take(1);
  add(['a', '2']);
  expect(rowsIn(taken)).toEqual([['x|a', '1:1']]);
  expect(rowsIn(filling.take(2))).toEqual([['x|a', '1:2']]);
});

it('J9a makes a row of every key, be they more than it has places for', () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => [`k${index}`, '1'] as const);
  add(...keys);
  expect(new Set(rowsIn(filling.take(1)).map(([key]) => key)).size).toBe(keys.length);
});
