import type { EffectResult } from '../engine/actor.ts';
import { failureOf } from '../engine/effect-failure.ts';
import type { Micros } from '../engine/event.ts';
import type { EffectChange } from '../engine/journal.ts';
import { effectKey, type OpenEffect } from '../engine/task-state.ts';
import { Circuits, type Pass } from './circuit.ts';
import { EffectLanes } from './effect-lanes.ts';
import { SHELL_LIMITS } from './limits.ts';
import { pause } from './wait.ts';

/**
 * Performs one kind of effect. The id of the request is its idempotency key: after a crash the same request
 * is performed again, and must not act twice (F24). It settles soon after the signal fires.
 *
 * Throws: EffectFailure, which says whether trying again helps; any other error counts as one that does, its
 * `code` (string), if it has one, becomes the result's code.
 */
export type EffectPerformer = (args: unknown, signal: AbortSignal) => Promise<unknown>;

export interface EffectRunnerOptions {
  readonly performers: Readonly<Record<string, EffectPerformer>>;
  /** Effects of one task in flight at once. */
  readonly concurrency: number;
  /** Of the process; absent: the runner's own. */
  readonly circuits?: Circuits;
  readonly signal: AbortSignal;
  /** What due times are compared with: the task's logical time, or the clock where that is ahead. */
  readonly clock: () => Micros;
  /** Whether an append of this term was confirmed so lately that nobody else can have the task by now (J5c). */
  readonly isOwner: () => boolean;
  /** Something waits for one to be confirmed; `confirmed` is called then. */
  onUnsure(): void;
  onResult(effect: OpenEffect, result: EffectResult): void;
  /** `outcome`: ok, or the code of its failure. */
  onPerformed?(effect: OpenEffect, outcome: string, seconds: number): void;
}

/** An effect, and what came of one attempt. */
export interface Settled {
  readonly effect: OpenEffect;
  readonly result: EffectResult;
}

/** A timer that is set for longer fires at once. */
const LONGEST_PAUSE_MS = 2 ** 31 - 1;

/**
 * Performs journaled effects of one term: confirmed before they start, each at most once at a time.
 *
 * Order: those of one (actor, key) one after the other, as they were asked for; the next one starts when the result
 * of the one before is confirmed, and what goes down a ladder keeps its place (K-01). One that was asked for with
 * `notBefore` takes its place when it is due. Whatever starts does so as an owner, and not as one that has been away (J5c).
 */
export class EffectRunner {
  readonly #options: EffectRunnerOptions;
  readonly #circuits: Circuits;
  readonly #lanes = new EffectLanes();
  /** Due and first of their keys. */
  readonly #ready = new Map<string, OpenEffect>();
  readonly #running = new Map<string, Promise<void>>();
  /** Told, and not confirmed yet. */
  readonly #told = new Set<string>();
  readonly #open = new Set<string>();

  constructor(options: EffectRunnerOptions) {
    this.#options = options;
    this.#circuits = options.circuits ?? new Circuits();
    const unwatch = this.#circuits.watch(() => this.#fill());
    options.signal.addEventListener('abort', unwatch, { once: true });
  }

  /** Those that the journal holds open when the term begins. */
  start(effects: Iterable<OpenEffect>): void {
    for (const effect of [...effects].sort(inOrderAsked)) this.#admit(effect);
    this.#fill();
  }

  /** The journal holds these changes; `open` is what is open after them. */
  confirmed(changes: readonly EffectChange[], open: ReadonlyMap<string, OpenEffect>): void {
    for (const { actor, key, id, request } of changes) {
      const name = effectKey(actor, key, id);
      const effect = request === null ? undefined : open.get(name);
      if (request === null) this.#settle(actor, key, name);
      else if (effect !== undefined) this.#admit(effect);
    }
    this.#fill();
  }

  /** Its result is journaled: the key's next one may start. */
  #settle(actor: string, key: string, name: string): void {
    this.#open.delete(name);
    this.#told.delete(name);
    const next = this.#lanes.leave(actor, key, name);
    if (next !== undefined) this.#whenDue(next);
  }

  /** Resolves when nothing is under way any more, or when what is under way did not heed the signal in time. */
  async ended(): Promise<void> {
    const late = new AbortController();
    const all = Promise.all(this.#running.values()).then(() => late.abort());
    await Promise.race([all, pause(SHELL_LIMITS.effectGraceMs, late.signal)]);
  }

  #admit(effect: OpenEffect): void {
    const name = nameOf(effect);
    if (this.#open.has(name) && !this.#told.delete(name)) return;
    this.#open.add(name);
    if (effect.tries === 0 && this.#delayMs(effect) > 0) {
      void this.#afterDelay(effect, () => this.#enterLane(effect));
      return;
    }
    this.#enterLane(effect);
  }

  #enterLane(effect: OpenEffect): void {
    if (this.#lanes.enter(effect, nameOf(effect))) this.#whenDue(effect);
  }

  #whenDue(effect: OpenEffect): void {
    const ready = (): void => void this.#ready.set(nameOf(effect), effect);
    if (this.#delayMs(effect) > 0) void this.#afterDelay(effect, ready);
    else ready();
  }

  async #afterDelay(effect: OpenEffect, then: () => void): Promise<void> {
    const { signal } = this.#options;
    let left = this.#delayMs(effect);
    // By the monotonic clock: whatever the other one does meanwhile, the pause is as long as it was meant.
    const dueAt = performance.now() + left;
    while (left > 0 && !signal.aborted) {
      await pause(Math.min(left, LONGEST_PAUSE_MS), signal);
      left = dueAt - performance.now();
    }
    if (signal.aborted) return;
    then();
    this.#fill();
  }

  #delayMs(effect: OpenEffect): number {
    return ((effect.dueAt ?? 0) - this.#options.clock()) / 1000;
  }

  #fill(): void {
    if (this.#options.signal.aborted) return;
    const refused = new Set<string>();
    for (const [name, effect] of this.#ready) {
      if (this.#running.size >= this.#options.concurrency) return;
      const target = effect.request.target ?? effect.request.name;
      if (refused.has(target)) continue;
      if (!this.#options.isOwner()) return this.#options.onUnsure();
      const pass = this.#circuits.enter(target);
      if (pass === null) {
        refused.add(target);
        continue;
      }
      this.#ready.delete(name);
      this.#running.set(name, this.#perform(effect, name, pass));
    }
  }

  async #perform(effect: OpenEffect, name: string, pass: Pass): Promise<void> {
    const startedAt = performance.now();
    const result = await this.#resultOf(effect);
    this.#running.delete(name);
    const { signal, onResult, onPerformed } = this.#options;
    if (signal.aborted) return this.#circuits.leave(pass, null);
    const isUp = result.ok || result.kind === 'final';
    this.#told.add(name);
    onPerformed?.(effect, result.ok ? 'ok' : result.code, (performance.now() - startedAt) / 1000);
    onResult(effect, result);
    this.#circuits.leave(pass, isUp);
    this.#fill();
  }

  async #resultOf(effect: OpenEffect): Promise<EffectResult> {
    const { id, name, args, timeoutMs } = effect.request;
    const perform = this.#options.performers[name];
    if (perform === undefined) {
      const reason = `Nothing performs '${name}'.`;
      return { ok: false, id, name, code: 'NO_PERFORMER', reason, kind: 'final' };
    }
    const limitMs = timeoutMs ?? SHELL_LIMITS.effectMs;
    const tooLong = new AbortController();
    const timer = setTimeout(() => tooLong.abort(), limitMs);
    const signal = AbortSignal.any([this.#options.signal, tooLong.signal]);
    try {
      const value = await heeding(perform(args, signal), signal);
      return { ok: true, id, name, value: value ?? null };
    } catch (error) {
      if (!tooLong.signal.aborted) return { ok: false, id, name, ...failureOf(error) };
      const reason = `'${name}' was not done within ${limitMs} ms.`;
      return { ok: false, id, name, code: 'EFFECT_TIMEOUT', reason, kind: 'retry' };
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Settles as the work does, and a while after the signal in any case. */
async function heeding(work: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  const { promise, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => reject(new Error('cancelled')), SHELL_LIMITS.effectGraceMs);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function nameOf({ actor, key, request }: OpenEffect): string {
  return effectKey(actor, key, request.id);
}

function inOrderAsked(left: OpenEffect, right: OpenEffect): number {
  return left.asked.n - right.asked.n || left.asked.index - right.asked.index;
}
