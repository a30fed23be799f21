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

/** Wakes all who wait; a signal while nobody waits is kept for the next who does. */
export class Wake {
  readonly #waiters = new Set<() => void>();
  #signalled = false;

  signal(): void {
    this.#signalled = this.#waiters.size === 0;
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }

  /** `mostMs`: goes on without a signal after that. Default: never. */
  async wait(mostMs?: number): Promise<void> {
    if (this.#signalled) {
      this.#signalled = false;
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = mostMs === undefined ? undefined : setTimeout(() => wake(), mostMs);
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        resolve();
      };
      this.#waiters.add(wake);
    });
  }
}

/** Lets timers, sockets and heartbeats run. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
