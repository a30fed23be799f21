import type { Micros } from '../engine/event.ts';

/** A clock that went back further than this was set; what is less is its own drift, and waited for. */
const SET_BACK_MICROS = 1_000_000;

/**
 * A clock that never goes back and never stands still for long: where the one of the machine was set back, or stood
 * ahead in an earlier owner, time runs on from where it was by the monotonic clock (J8). So what is due in a second
 * is due in a second.
 */
export class SteadyClock {
  readonly #clock: () => Micros;
  #last: Micros;
  #readAt = performance.now();

  /** `start`: the logical time that was reached. */
  constructor(clock: () => Micros, start: Micros) {
    this.#clock = clock;
    this.#last = start;
  }

  now(): Micros {
    const now = this.#clock();
    const readAt = performance.now();
    const passed = Math.floor((readAt - this.#readAt) * 1000);
    if (now >= this.#last) this.#last = now;
    else if (this.#last - now > SET_BACK_MICROS) this.#last += passed;
    this.#readAt = readAt;
    return this.#last;
  }
}
