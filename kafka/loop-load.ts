import { performance as timing } from 'node:perf_hooks';
import { SHELL_LIMITS } from './limits.ts';

/** How much of its time this process' event loop has work, by what the runtime counts. */
export class LoopLoad {
  readonly #utilization: typeof timing.eventLoopUtilization;
  #last: ReturnType<typeof timing.eventLoopUtilization>;
  #lookedAt = performance.now();
  #isBusy = false;

  constructor(utilization = timing.eventLoopUtilization.bind(timing)) {
    this.#utilization = utilization;
    this.#last = utilization();
  }

  /** In the last whole window. Called often; it is looked at once a window. */
  readonly isBusy = (): boolean => {
    const now = performance.now();
    if (now - this.#lookedAt < SHELL_LIMITS.busyWindowMs) return this.#isBusy;
    const next = this.#utilization();
    this.#isBusy = this.#utilization(next, this.#last).utilization >= SHELL_LIMITS.busyShare;
    this.#last = next;
    this.#lookedAt = now;
    return this.#isBusy;
  };
}
