import { setTimeout as pause } from 'node:timers/promises';

/**
 * Starts `count` pieces of work at a fixed rate, whatever becomes of those before: latency is measured from the
 * moment each was due, so that a stall is not left out (coordinated omission).
 *
 * Units: `dueAt` in ms of performance.now().
 */
export async function openLoop(
  load: { readonly rate: number; readonly count: number },
  start: (index: number, dueAt: number) => void,
): Promise<void> {
  const startAt = performance.now() + 50;
  for (let index = 0; index < load.count; index++) {
    const dueAt = startAt + (index * 1000) / load.rate;
    const waitMs = dueAt - performance.now();
    if (waitMs > 0) await pause(waitMs);
    start(index, dueAt);
  }
}
