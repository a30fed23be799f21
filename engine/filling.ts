import { type ByteRows, PlacedStates, StateRows } from './byte-rows.ts';
import type { BatchChanges, Seen } from './journal.ts';
import { LatestRows } from './latest-rows.ts';
import { NewSeen } from './new-seen.ts';
import type { TaskState } from './task-state.ts';

/**
 * States and event ids on their way from a journal into a store that was empty: of most no value is made, and none stands in
 * memory but as its bytes (adr/033).
 */
export class Filling {
  readonly #seen = new NewSeen();
  readonly #latest = new LatestRows();
  #states: ByteRows[] = [];

  /** `state`: gets the rest. */
  add(
    { states, seen, seen_sets: sets }: Pick<BatchChanges, 'states' | 'seen' | 'seen_sets'>,
    state: Pick<TaskState, 'noteVersion' | 'applySeen' | 'seen'>,
  ): void {
    const rows = states instanceof PlacedStates ? states : new StateRows([...states]);
    this.#states.push(rows);
    rows.sort(this.#latest, (actor, version) => state.noteVersion(actor, version));
    const add = (each: Seen): void => void state.applySeen(each);
    for (const { key, event_ids: ids } of sets) {
      this.#seen.note(key, add);
      state.seen.replace(key, ids);
    }
    this.#seen.add(seen, add);
  }

  /** What is new since the last call, in its order. */
  take(generation: number): readonly ByteRows[] {
    const rows = [...this.#states, ...this.#seen.take(generation)];
    this.#states = [];
    this.#latest.clear();
    return rows;
  }

  settle(generation: number): void {
    this.#seen.settle(generation);
  }
}
