import type { Batch } from '../../engine/journal.ts';

/** A batch of a journal with nothing in it but what is given. */
export function emptyBatch(fence: number, n: number, extra: Partial<Batch> = {}): Batch {
  return {
    fence,
    n,
    time: n,
    inputs: [],
    positions: [],
    marks: [],
    producers: [],
    states: [],
    emits: [],
    seen: [],
    timers: [],
    parked: [],
    effects: [],
    references: [],
    watermarks: [],
    seen_sets: [],
    again: null,
    ...extra,
  };
}
