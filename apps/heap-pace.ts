import { setFlagsFromString } from 'node:v8';
import { LoopLoad } from '../kafka/loop-load.ts';

/** Garbage that may gather for each hundred bytes in use before V8 looks for it; of itself it allows up to three hundred. */
const PERCENT = { busy: 100, idle: 50 } as const;
/** Milliseconds between two looks: a collection of the old generation is seconds away from the next. */
const LOOK_EVERY_MS = 1_000;
const FLAG = '--heap-growing-percent';

/**
 * Has the old generation of this process grow by what it has to do: while the event loop is busy, processor time is worth more than
 * memory, and the other way round (docs/adr/032-memory-of-a-worker.md). V8 reads the setting at each collection.
 *
 * Whoever gave Node that flag has it as it is. Returns what ends it.
 */
export function paceHeap(
  load: Pick<LoopLoad, 'isBusy'> = new LoopLoad(),
  set: (flag: string) => void = setFlagsFromString,
): () => void {
  if (process.execArgv.some((option) => option.startsWith(FLAG))) return () => {};
  let percent: number = PERCENT.busy;
  set(`${FLAG}=${percent}`);
  const look = (): void => {
    const wanted = load.isBusy() ? PERCENT.busy : PERCENT.idle;
    if (wanted === percent) return;
    percent = wanted;
    set(`${FLAG}=${percent}`);
  };
  const looks = setInterval(look, LOOK_EVERY_MS).unref();
  return () => clearInterval(looks);
}
