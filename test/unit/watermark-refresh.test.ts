import { describe, expect, it } from 'vitest';
import { Task } from '../../engine/task.ts';
import { TaskState } from '../../engine/task-state.ts';
import { buildTopology } from '../../engine/topology.ts';
import { COUNTER, offlineCounterCodec } from '../support/counter.ts';

const watermark = { topic: 'totals', partition: 0, offset: 7, n: 1, index: 0 };

describe('a watermark that no batch takes along', () => {
  it('J5 is journaled by itself when a refresh is due, once', () => {
    const state = new TaskState();
    const task = new Task({
      topology: buildTopology(COUNTER),
      codec: offlineCounterCodec(),
      state,
      partition: 0,
      clock: () => 1,
      partitionOf: () => 0,
      fuse: true,
    });
    expect(task.seal(0, 'watermarks')).toBeNull();
    task.noteWatermark(watermark);
    expect(task.seal(0)).toBeNull();
    expect(task.seal(0, 'watermarks')).toMatchObject({ n: 1, inputs: [], watermarks: [watermark] });
    expect(task.seal(0, 'watermarks')).toBeNull();
  });
});
