import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Fence, StateChange } from '../../engine/journal.ts';
import { JournalReader } from '../../engine/journal-reader.ts';
import { MemoryStateStore } from '../../engine/memory-state-store.ts';
import { TaskState } from '../../engine/task-state.ts';
import { SHELL_LIMITS } from '../../kafka/limits.ts';
import { Rebuild } from '../../kafka/rebuild.ts';
import { StoreKeeper } from '../../kafka/store-keeper.ts';
import { emptyBatch } from '../support/journal-entries.ts';

const FENCE: Fence = {
  ...{ application: 'a', task: 0, member: 'm', host: 'h', generation: 1 },
  ...{ deployment: 'fused', edges_hash: '', time: 0 },
};

let store: MemoryStateStore;
let journal: JournalReader;
let keeper: StoreKeeper;
let rebuild: Rebuild;

beforeEach(() => {
  store = new MemoryStateStore();
  vi.spyOn(store, 'write');
  const state = new TaskState(store);
  journal = new JournalReader(state);
  keeper = new StoreKeeper(store, state, (error) => {
    throw error;
  });
  rebuild = new Rebuild(journal, keeper, 't');
  rebuild.read(0, { kind: 'fence', fence: FENCE });
});

const change = (key: string, n: number): StateChange => ({
  ...{ actor: 'x', key, version: 1, value: String(n) },
});

function readBatches(from: number, until: number, keyOf: (n: number) => string): void {
  for (let n = from; n <= until; n++)
    rebuild.read(n, { kind: 'batch', batch: emptyBatch(0, n, { states: [change(keyOf(n), n)] }) });
}

const written = () => vi.mocked(store.write).mock.calls.map(([changes]) => changes.length);

describe('what a journal says on its way into a store', () => {
  it('J9a is written once for a key that changes in many batches', async () => {
    readBatches(1, 100, () => 'k');
    rebuild.handOver();
    await keeper.idle();
    // The state, and the version of its shape.
    expect(written()).toEqual([2]);
    expect(store.get('states', 'x|k')).toBe('1:100');
    expect(store.checkpoint).toMatchObject({ offset: 101, n: 100 });
  });

  it('J9a has the checkpoint of the last batch, be there a fence behind it', async () => {
    readBatches(1, 3, String);
    rebuild.read(4, { kind: 'fence', fence: { ...FENCE, member: 'other' } });
    rebuild.handOver();
    await keeper.idle();
    expect(store.checkpoint).toMatchObject({ offset: 4, fence: 0, fenceRecord: FENCE });
  });

  it('J5a goes there in portions, and the reader waits when too much of it does not stand there', async () => {
    readBatches(1, SHELL_LIMITS.storeWriteChanges - 1, String);
    await keeper.idle();
    expect(written()).toEqual([]);
    const { signal } = new AbortController();
    // One portion is being written, another may be gathered.
    const most = SHELL_LIMITS.storeChanges + 2 * SHELL_LIMITS.storeWriteChanges;
    readBatches(SHELL_LIMITS.storeWriteChanges, most, String);
    expect(rebuild.room(signal)).toBeInstanceOf(Promise);
    await rebuild.room(signal);
    expect(rebuild.room(signal)).toBeUndefined();
    expect(Math.max(...written())).toBeLessThanOrEqual(SHELL_LIMITS.storeWriteChanges + 1);
  });
});
