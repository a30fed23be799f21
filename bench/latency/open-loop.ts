import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';

/** Timers are a millisecond coarse; the rest is waited for in turns of the event loop, which go on reading sockets. */
const TIMER_MS = 1;
/**
 * Work a second from which on nothing is waited for in turns: they would take a core, of which the broker and the systems are short
 * then. What is due between two timers, a millisecond or so apart, starts together.
 */
const TURNS_BELOW = 250;
/** Between the call and the first piece of work. */
const LEAD_MS = 20;

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
  const startAt = performance.now() + LEAD_MS;
  const inTurns = load.rate < TURNS_BELOW;
  for (let index = 0; index < load.count; index++) {
    const dueAt = startAt + (index * 1000) / load.rate;
    const waitMs = Math.floor(dueAt - performance.now() - (inTurns ? TIMER_MS : 0));
    if (waitMs > 0) await pause(waitMs);
    while (performance.now() < dueAt) await (inTurns ? turn() : pause(1));
    start(index, dueAt);
  }
}
