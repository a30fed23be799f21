import type { Log } from './log.ts';

/** How often a restore that takes long says how far it has come. */
export const TELL_EVERY_MS = 5_000;

/** Says how far a restore has come, and when it should be done by its pace so far (J5a). */
export class RestoreProgress {
  readonly #log: Log;
  readonly #of: { readonly application: string; readonly partition: number };
  readonly #startedAt = performance.now();
  #toldAt = performance.now();

  constructor(log: Log, of: { readonly application: string; readonly partition: number }) {
    this.#log = log;
    this.#of = of;
  }

  /** `ratio`: from 0 to 1. */
  note(ratio: number): void {
    const now = performance.now();
    if (now - this.#toldAt < TELL_EVERY_MS) return;
    this.#toldAt = now;
    const passedMs = now - this.#startedAt;
    const secondsLeft = ratio > 0 ? Math.ceil((passedMs * (1 - ratio)) / ratio / 1000) : null;
    const percent = Math.floor(100 * ratio);
    this.#log.info({ ...this.#of, percent, secondsLeft }, 'restoring');
  }
}
