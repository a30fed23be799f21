import { expect, it } from 'vitest';
import type { Anchor } from '../../engine/journal.ts';
import { MemoryStateStore } from '../../engine/memory-state-store.ts';
import { Task } from '../../engine/task.ts';
import { TaskState } from '../../engine/task-state.ts';
import { buildTopology } from '../../engine/topology.ts';
import { COUNTER } from '../support/counter.ts';
import { emptyBatch } from '../support/journal-entries.ts';
import { journalCodec } from '../support/task-harness.ts';

const again = emptyBatch(0, 2, { again: { anchor: 1, time: 0, is_last: false } });
const anchor = { n: 1 } as Anchor;

it('J9 J9a hands a store nothing that the journal does not have, though a cleaner goes on meanwhile', () => {
  const task = new Task({
    topology: buildTopology(COUNTER),
    codec: journalCodec(),
    partition: 0,
    state: new TaskState(new MemoryStateStore()),
    isDraining: false,
    clock: () => 1,
  } as unknown as ConstructorParameters<typeof Task>[0]);
  expect(task.changesBehind(again)?.changes).toEqual([]);
  task.noteWatermark({ topic: 'out', partition: 0, offset: 1, n: 1, index: 0 });
  expect(task.changesBehind(again)).toBeNull();
  const tables = task.changesBehind(anchor)?.changes.map(({ table }) => table);
  expect(tables).toEqual(['watermarks']);
  task.seal(0, 'watermarks');
  expect(task.changesBehind(again)?.changes).toEqual([]);
});
