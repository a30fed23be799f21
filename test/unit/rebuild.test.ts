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
  keeper = new StoreKeeper(store, state, () => {});
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

const written = () =>
  vi
    .mocked(store.write)
    .mock.calls.map(([changes, , rows = []]) =>
      rows.reduce((sum, { length }) => sum + length, changes.length),
    );

describe('what a journal says on its way into a store', () => {
  it('J9a stands there as it was changed last when the checkpoint does', async () => {
    readBatches(1, 100, () => 'k');
    rebuild.handOver();
    await keeper.idle();
    // Each state, and the version of their shape.
    expect(written()).toEqual([101]);
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

  it('J9a can be read from the state when all of it is read', async () => {
    readBatches(1, 3, String);
    await rebuild.finish();
    expect(journal.state.states.get('x')?.get('2')).toEqual({ version: 1, json: '2' });
  });

  it('J9a ends the restore when the store does not take it', async () => {
    vi.mocked(store.write).mockRejectedValue(new Error('the disk is full'));
    readBatches(1, 3, String);
    await expect(rebuild.finish()).rejects.toMatchObject({ code: 'STORE_FAILED' });
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
