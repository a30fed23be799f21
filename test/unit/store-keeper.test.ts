import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryStateStore } from '../../engine/memory-state-store.ts';
import type { Checkpoint } from '../../engine/state-store.ts';
import { TaskState } from '../../engine/task-state.ts';
import { SHELL_LIMITS } from '../../kafka/limits.ts';
import { StoreKeeper } from '../../kafka/store-keeper.ts';

const BATCHES = 10;

let store: MemoryStateStore;
let keeper: StoreKeeper;

beforeEach(() => {
  store = new MemoryStateStore();
  vi.spyOn(store, 'write');
  keeper = new StoreKeeper(store, new TaskState(store), (error) => {
    throw error;
  });
});

const checkpointAt = (n: number): Checkpoint => {
  const place = { offset: n, fence: 0, n };
  const fenceRecord = { task: 0 } as Checkpoint['fenceRecord'];
  return { ...place, topicId: 't', time: n, fenceRecord, emitsFrom: place };
};

/** Confirms batches that all change one key. */
function confirm(count: number): void {
  for (let n = 1; n <= count; n++) {
    const changes = [{ table: 'state', key: 'a', value: String(n) }];
    keeper.confirmed({ changes, rows: [], generation: n }, checkpointAt(n));
  }
}

const stored = () => [store.get('state', 'a'), store.checkpoint?.offset];

describe('a store keeper', () => {
  it('J9a writes what has gathered at once, with the last checkpoint', async () => {
    confirm(BATCHES);
    expect(store.write).not.toHaveBeenCalled();
    await vi.waitFor(() => expect(stored()).toEqual([String(BATCHES), BATCHES]));
    expect(store.write).toHaveBeenCalledTimes(1);
  });

  // No timer fires here: who waits for the store is not kept waiting for more.
  it.each([
    ['somebody waits for all of it', BATCHES, () => keeper.idle()],
    [
      'a task would soon have to wait',
      SHELL_LIMITS.storeBatches,
      () => keeper.room(new AbortController().signal),
    ],
  ])('gathers no longer when %s', async (_what, count, waiting) => {
    vi.useFakeTimers();
    try {
      confirm(count);
      await waiting();
      expect(stored()).toEqual([String(count), count]);
    } finally {
      vi.useRealTimers();
    }
  });
});
