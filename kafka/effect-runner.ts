import type { EffectResult } from '../engine/actor.ts';
import type { Micros } from '../engine/event.ts';
import { effectKey, type OpenEffect } from '../engine/task-state.ts';
import { SHELL_LIMITS } from './limits.ts';
import { pause } from './wait.ts';

/**
 * Performs one kind of effect. The id of the request is its idempotency key: after a crash the same request
 * is performed again, and must not act twice (F24).
 *
 * Throws: any error; its `code` (string), if it has one, becomes the result's code.
 */
export type EffectPerformer = (args: unknown, signal: AbortSignal) => Promise<unknown>;

export interface EffectRunnerOptions {
  readonly performers: Readonly<Record<string, EffectPerformer>>;
  /** Effects of one task in flight at once. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** What `notBefore` is compared with. */
  readonly clock: () => Micros;
  onResult(effect: OpenEffect, result: EffectResult): void;
}

/** A timer that is set for longer fires at once. */
const LONGEST_PAUSE_MS = 2 ** 31 - 1;

/** Performs journaled effects of one term: confirmed before they start, each at most once at a time. */
export class EffectRunner {
  readonly #options: EffectRunnerOptions;
  readonly #open = new Set<string>();
  readonly #waiting: OpenEffect[] = [];
  #inFlight = 0;

  constructor(options: EffectRunnerOptions) {
    this.#options = options;
  }

  /** Whether a task should ask for no more before some are settled. */
  get isFull(): boolean {
    return this.#open.size >= SHELL_LIMITS.openEffects;
  }

  start(effect: OpenEffect): void {
    const id = effectKey(effect.actor, effect.key, effect.request.id);
    if (this.#open.has(id)) return;
    this.#open.add(id);
    if (this.#delayMs(effect) > 0) void this.#startLater(effect);
    else this.#enqueue(effect);
  }

  async #startLater(effect: OpenEffect): Promise<void> {
    const { signal } = this.#options;
    for (let left = this.#delayMs(effect); left > 0 && !signal.aborted;) {
      await pause(Math.min(left, LONGEST_PAUSE_MS), signal);
      left = this.#delayMs(effect);
    }
    if (!signal.aborted) this.#enqueue(effect);
  }

  #delayMs(effect: OpenEffect): number {
    return ((effect.request.notBefore ?? 0) - this.#options.clock()) / 1000;
  }

  #enqueue(effect: OpenEffect): void {
    this.#waiting.push(effect);
    while (this.#inFlight < this.#options.concurrency) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      void this.#perform(next);
    }
  }

  async #perform(effect: OpenEffect): Promise<void> {
    this.#inFlight += 1;
    const result = await this.#resultOf(effect);
    this.#inFlight -= 1;
    this.#open.delete(effectKey(effect.actor, effect.key, effect.request.id));
    if (this.#options.signal.aborted) return;
    this.#options.onResult(effect, result);
    const next = this.#waiting.shift();
    if (next !== undefined) void this.#perform(next);
  }

  async #resultOf(effect: OpenEffect): Promise<EffectResult> {
    const { id, name, args } = effect.request;
    const perform = this.#options.performers[name];
    if (perform === undefined)
      return { ok: false, id, name, code: 'NO_PERFORMER', reason: `Nothing performs '${name}'.` };
    try {
      const value = await perform(args, this.#options.signal);
      return { ok: true, id, name, value: value ?? null };
    } catch (error) {
      const code = codeOf(error);
      const reason = error instanceof Error ? error.message : String(error);
      return { ok: false, id, name, code, reason };
    }
  }
}

function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'EFFECT_FAILED';
}
