import { AsyncLocalStorage } from 'node:async_hooks';
import { Random } from './random.ts';
import type { SimulatedProcess } from './process.ts';

/** Who runs now: a process of the simulation, or (null) the broker and the test itself. */
interface Scene {
  readonly world: World;
  readonly process: SimulatedProcess | null;
}

interface Event {
  atMs: number;
  order: number;
  readonly process: SimulatedProcess | null;
  readonly act: () => void;
  isCancelled: boolean;
}

const scenes = new AsyncLocalStorage<Scene>();
const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  abortAfter: AbortSignal.timeout.bind(AbortSignal),
  performanceNow: performance.now.bind(performance),
  dateNow: Date.now.bind(Date),
  random: Math.random.bind(Math),
  randomUUID: crypto.randomUUID.bind(crypto),
};

/** What the wall clock says when a simulation begins, in ms. */
const EPOCH_MS = 1_700_000_000_000;

/**
 * Virtual time and chance. Everything asynchronous in a simulation is an event of this queue, and the next one
 * is taken when the one before has run to its end, continuations included: one seed, one order.
 *
 * Code under simulation uses timers, clocks and `Math.random` as always; within `enter` they are the world's.
 */
export class World {
  readonly random: Random;
  /** Chance of the code under simulation (jitter), apart from that of the world. */
  readonly jitter: Random;
  readonly trace: string[] = [];
  nowMs = 0;
  #events: Event[] = [];
  #order = 0;

  constructor(seed: number) {
    takeOverGlobals();
    this.random = new Random(seed);
    this.jitter = this.random.fork();
  }

  /** Runs `act` as `process`; what it starts belongs to that process, however much later it goes on. */
  enter<Result>(process: SimulatedProcess | null, act: () => Result): Result {
    return scenes.run({ world: this, process }, act);
  }

  /** Adds a line to the trace. */
  note(who: string, what: string): void {
    this.trace.push(`${this.nowMs.toFixed(3)} ${who}: ${what}`);
  }

  /** `act` happens to `process` after `delayMs`; never, when the process has died by then. */
  after(delayMs: number, process: SimulatedProcess | null, act: () => void): { cancel(): void } {
    const event: Event = {
      atMs: this.nowMs + Math.max(0, delayMs),
      order: this.#order++,
      process,
      act,
      isCancelled: false,
    };
    this.#push(event);
    return { cancel: () => (event.isCancelled = true) };
  }

  /** Resolves after a time of the broker and of the test. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, null, resolve));
  }

  /** Lets events happen until `isOver` says so. Throws: Error when nothing is left to happen before that. */
  async run(isOver: () => boolean): Promise<void> {
    for (;;) {
      // What the last event has set going runs to its end first.
      await new Promise((resolve) => real.setImmediate(resolve));
      if (isOver()) return;
      const event = this.#pop();
      if (event === null) throw new Error(`Nothing is left to happen at ${this.nowMs} ms.`);
      if (event.isCancelled || event.process?.isAlive === false) continue;
      this.nowMs = Math.max(this.nowMs, event.atMs);
      if (event.process?.isPaused === true) {
        event.process.stash(() => this.#push({ ...event, atMs: this.nowMs, order: this.#order++ }));
        continue;
      }
      this.enter(event.process, event.act);
    }
  }

  #push(event: Event): void {
    const heap = this.#events;
    heap.push(event);
    for (let at = heap.length - 1; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at] as Event, heap[parent] as Event)) return;
      [heap[at], heap[parent]] = [heap[parent] as Event, heap[at] as Event];
      at = parent;
    }
  }

  #pop(): Event | null {
    const heap = this.#events;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return null;
    if (heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = at;
      if (left < heap.length && isBefore(heap[left] as Event, heap[least] as Event)) least = left;
      if (right < heap.length && isBefore(heap[right] as Event, heap[least] as Event))
        least = right;
      if (least === at) return first;
      [heap[at], heap[least]] = [heap[least] as Event, heap[at] as Event];
      at = least;
    }
  }
}

function isBefore(left: Event, right: Event): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}

/** A timer of the world, as `setTimeout` gives it out. */
class VirtualTimer {
  readonly #cancel: () => void;

  constructor(cancel: () => void) {
    this.#cancel = cancel;
  }

  cancel(): void {
    this.#cancel();
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }
}

type Call = (...values: unknown[]) => void;

function every({ world, process }: Scene, ms: number, act: () => void): VirtualTimer {
  let next = world.after(ms, process, tick);
  function tick(): void {
    next = world.after(ms, process, tick);
    act();
  }
  return new VirtualTimer(() => next.cancel());
}

let isTakenOver = false;

/** Outside of a simulation every one of these does what it always did. */
function takeOverGlobals(): void {
  if (isTakenOver) return;
  isTakenOver = true;
  const later = (act: Call, ms = 0, ...values: unknown[]): unknown => {
    const scene = scenes.getStore();
    if (scene === undefined) return real.setTimeout(act, ms, ...values);
    const event = scene.world.after(ms, scene.process, () => act(...values));
    return new VirtualTimer(() => event.cancel());
  };
  const clear = (timer: unknown): void => {
    if (timer instanceof VirtualTimer) timer.cancel();
    else real.clearTimeout(timer as NodeJS.Timeout);
  };
  Object.assign(globalThis, {
    setTimeout: later,
    clearTimeout: clear,
    clearInterval: clear,
    setInterval: (act: Call, ms = 0, ...values: unknown[]): unknown => {
      const scene = scenes.getStore();
      if (scene === undefined) return real.setInterval(act, ms, ...values);
      return every(scene, ms, () => act(...values));
    },
    setImmediate: (act: Call, ...values: unknown[]): unknown =>
      scenes.getStore() === undefined
        ? real.setImmediate(act, ...values)
        : later(act, 0, ...values),
  });
  AbortSignal.timeout = (ms) => {
    if (scenes.getStore() === undefined) return real.abortAfter(ms);
    const controller = new AbortController();
    later(() => controller.abort(new DOMException('timed out', 'TimeoutError')), ms);
    return controller.signal;
  };
  performance.now = () => scenes.getStore()?.world.nowMs ?? real.performanceNow();
  Date.now = () => {
    const scene = scenes.getStore();
    if (scene === undefined) return real.dateNow();
    return Math.floor(EPOCH_MS + scene.world.nowMs + (scene.process?.clockSkewMs ?? 0));
  };
  Math.random = () => scenes.getStore()?.world.jitter.next() ?? real.random();
  crypto.randomUUID = () => {
    const scene = scenes.getStore();
    if (scene === undefined) return real.randomUUID();
    const hex = Array.from({ length: 32 }, () => scene.world.jitter.between(0, 15).toString(16));
    const text = hex.join('');
    return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
  };
}
