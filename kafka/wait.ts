/** Resolves after `ms`, or at once when the signal aborts; never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** What `work` resolves with before `ms` have passed; null: it goes on. Throws: what it throws by then. */
export async function within<Value>(ms: number, work: Promise<Value>): Promise<Value | null> {
  const over = new AbortController();
  try {
    return await Promise.race([work, pause(ms, over.signal).then(() => null)]);
  } finally {
    over.abort();
  }
}

/** Doubling delay with jitter between two bounds, in ms. */
export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  #nextMs: number;

  constructor(firstMs: number, mostMs: number) {
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
    this.#nextMs = firstMs;
  }

  next(): number {
    const delay = this.#nextMs * (0.5 + Math.random() / 2);
    this.#nextMs = Math.min(this.#mostMs, this.#nextMs * 2);
    return delay;
  }

  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}

/** One waiter, woken by any number of signals; a signal before the wait is not lost. */
export class Wake {
  #resolve: (() => void) | null = null;
  #signalled = false;

  signal(): void {
    this.#signalled = true;
    this.#resolve?.();
    this.#resolve = null;
  }

  /** `mostMs`: goes on without a signal after that. Default: never. */
  async wait(mostMs?: number): Promise<void> {
    const timer = mostMs === undefined ? undefined : setTimeout(() => this.signal(), mostMs);
    if (!this.#signalled) await new Promise<void>((resolve) => (this.#resolve = resolve));
    clearTimeout(timer);
    this.#signalled = false;
  }
}

/** Lets timers, sockets and heartbeats run. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
