import { isDeepStrictEqual } from 'node:util';
import type { Message } from '../../engine/actor.ts';
import type { JournaledEmit } from '../../engine/journal.ts';
import type { TrueBatch } from './truth.ts';

/** What the batch at hand has to hold, as far as the model has come. */
export class ExpectedBatch {
  readonly #batch: TrueBatch;
  readonly #emits: readonly JournaledEmit[];
  #nextEmit = 0;
  readonly changed = new Map<string, string | null>();
  readonly effects: (readonly [id: string, isOpen: boolean])[] = [];
  readonly parked: (readonly unknown[])[] = [];
  readonly timers: (readonly [id: string, due: number | null])[] = [];

  /** `emits`: those that handlers, and what fails in them, cause. */
  constructor(batch: TrueBatch, emits: readonly JournaledEmit[]) {
    this.#batch = batch;
    this.#emits = emits;
  }

  nextEmit(what: string): JournaledEmit {
    const emit = this.#emits[this.#nextEmit++];
    if (emit === undefined) throw new Error(`an emit of ${what} is missing`);
    return emit;
  }

  /** Throws: Error that says what the batch holds instead. */
  verify(): void {
    const batch = this.#batch;
    same('emits', this.#emits.length, this.#nextEmit);
    const states = batch.states.map(({ actor, key, value }) => [`${actor}|${key}`, value] as const);
    same('states', new Map(states), this.changed);
    const effects = batch.effects.map(({ id, request }) => [id, request !== null]);
    same('effects', effects, this.effects);
    const parked = batch.parked.map(({ actor, key, act, message, attempt, due }) => {
      const { eventId } = JSON.parse(message ?? '{}') as Message;
      const id = `${actor}|${key}`;
      return act === 'push' ? [id, act, eventId] : [id, act, attempt, due];
    });
    same('parked', parked, this.parked);
    const timers = batch.timers.map(({ actor, key, name, due }) => [
      `${actor}|${key}|${name}`,
      due,
    ]);
    same('timers', timers, this.timers);
  }
}

export function same(what: string, actual: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(plain(actual), plain(wanted)))
    throw new Error(`${what}: ${show(actual)} instead of ${show(wanted)}`);
}

/** Without the classes that decoded values are of. */
function plain(value: unknown): unknown {
  return JSON.parse(show(value));
}

function show(value: unknown): string {
  return JSON.stringify(value instanceof Map ? Object.fromEntries(value) : value) ?? 'null';
}
