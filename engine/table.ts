import type { StateStore, StoreChange } from './state-store.ts';

/** A part of a task's state that is kept in its store. */
export interface Kept {
  /** Adds what changed since the last call. */
  takeChanges(into: StoreChange[], generation: number): void;
  /** What was taken up to this generation is in the store. */
  settle(generation: number): void;
}

/**
 * A map that stands in memory whole and remembers which of its keys have changed. Values are JSON-safe and
 * replaced, never altered. Its order, that of first insertion, is kept in the store too.
 */
export class Table<Value> extends Map<string, Value> implements Kept {
  readonly #name: string;
  readonly #changed: Set<string> | null;
  readonly #order = new Map<string, number>();
  #last = 0;

  constructor(name: string, store: StateStore | null) {
    super();
    this.#name = name;
    this.#changed = store === null ? null : new Set();
    if (store === null) return;
    const rows = [...store.entries(name)].map(
      ([key, text]) => [key, JSON.parse(text) as [number, Value]] as const,
    );
    for (const [key, [place, value]] of rows.sort((left, right) => left[1][0] - right[1][0])) {
      super.set(key, value);
      this.#order.set(key, place);
      this.#last = place;
    }
  }

  override set(key: string, value: Value): this {
    if (this.#changed !== null) {
      this.#changed.add(key);
      if (!this.#order.has(key)) this.#order.set(key, ++this.#last);
    }
    return super.set(key, value);
  }

  override delete(key: string): boolean {
    if (!super.delete(key)) return false;
    this.#changed?.add(key);
    this.#order.delete(key);
    return true;
  }

  takeChanges(into: StoreChange[]): void {
    for (const key of this.#changed ?? []) {
      const place = this.#order.get(key);
      const value = place === undefined ? null : JSON.stringify([place, this.get(key)]);
      into.push({ table: this.#name, key, value });
    }
    this.#changed?.clear();
  }

  settle(): void {}
}
