import { type ByteRows, changeOf } from './byte-rows.ts';
import { EngineError } from './errors.ts';
import type { Checkpoint, StateStore, StoreChange } from './state-store.ts';

/** A state store that lives as long as the object: for tests, and to show what the port promises. */
export class MemoryStateStore implements StateStore {
  readonly #tables = new Map<string, Map<string, string>>();
  #checkpoint: Checkpoint | null = null;

  get checkpoint(): Checkpoint | null {
    return this.#checkpoint;
  }

  get(table: string, key: string): string | undefined {
    return this.#tables.get(table)?.get(key);
  }

  entries(table: string): Iterable<readonly [string, string]> {
    const entries = [...(this.#tables.get(table) ?? [])];
    return entries.sort(([left], [right]) => (left < right ? -1 : 1));
  }

  page(table: string, after: string | null, limit: number): ReturnType<StateStore['page']> {
    const all = [...(this.#tables.get(table)?.keys() ?? [])].sort();
    const from = after === null ? 0 : all.findIndex((key) => key > after);
    const keys = from === -1 ? [] : all.slice(from, from + limit);
    return { keys, next: keys.length < limit ? null : (keys.at(-1) ?? null) };
  }

  write(
    changes: readonly StoreChange[],
    checkpoint: Checkpoint,
    rows: readonly ByteRows[] = [],
  ): Promise<void> {
    try {
      const first: StoreChange[] = [];
      for (const own of rows) own.each((row) => first.push(changeOf(row)));
      this.#put([...first, ...changes], checkpoint);
      return DONE;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  clear(): Promise<void> {
    this.#tables.clear();
    this.#checkpoint = null;
    return DONE;
  }

  close(): Promise<void> {
    return DONE;
  }

  #put(changes: readonly StoreChange[], checkpoint: Checkpoint): void {
    refuseOlder(this.#checkpoint, checkpoint);
    for (const { table, key, value } of changes) {
      let values = this.#tables.get(table);
      if (values === undefined) this.#tables.set(table, (values = new Map()));
      if (value === null) values.delete(key);
      else values.set(key, value);
    }
    this.#checkpoint = checkpoint;
  }
}

const DONE = Promise.resolve();

/** A store is written by one owner after the other: whoever is behind it may not write (J9a). */
export function refuseOlder(stored: Checkpoint | null, next: Checkpoint): void {
  if (stored === null || (next.n > stored.n && next.fence >= stored.fence)) return;
  throw new EngineError(
    'STORE_FAILED',
    'retake',
    `The store holds batch ${stored.n} under fence ${stored.fence}; batch ${next.n} under fence ` +
      `${next.fence} is not above it. The store is made anew from the journal.`,
  );
}
