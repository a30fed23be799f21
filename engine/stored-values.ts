import type { StateStore } from './state-store.ts';

/** One value, as it stands in memory. */
interface Entry<Value> {
  readonly key: string;
  /** undefined: removed. */
  value: Value | undefined;
  /** Of its last change that the store does not have yet; null: the store has it. */
  unsettled: number | null;
  /** What it takes of the bound; none while the store does not have it. */
  bytes: number;
  /** Since its turn to go came last. */
  isUsed: boolean;
}

/** How much of the bound is made room of at once. */
const ROOM = 1 / 8;

/**
 * Values of which only two kinds stand in memory: what is not in the store yet, and, within a bound, what was used of late.
 * Of those the first goes that was not used since its turn came last: so a read moves nothing.
 */
export class StoredValues<Value> {
  readonly #read: (key: string) => Value | undefined;
  readonly #sizeOf: (value: Value) => number;
  readonly #mostBytes: number;
  /** In their turn to go. */
  readonly #known = new Map<string, Entry<Value>>();
  readonly #taken: { readonly generation: number; readonly entries: readonly Entry<Value>[] }[] =
    [];
  #changed: Entry<Value>[] = [];
  #generation = 0;
  #bytes = 0;

  constructor(options: {
    readonly read: (key: string) => Value | undefined;
    readonly sizeOf: (value: Value) => number;
    readonly mostBytes: number;
  }) {
    this.#read = options.read;
    this.#sizeOf = options.sizeOf;
    this.#mostBytes = options.mostBytes;
  }

  get(key: string): Value | undefined {
    const known = this.#known.get(key);
    if (known !== undefined) {
      known.isUsed = true;
      return known.value;
    }
    const value = this.#read(key);
    if (value === undefined) return undefined;
    const entry = { key, value, unsettled: null, bytes: 0, isUsed: false };
    this.#known.set(key, entry);
    this.#count(entry, value);
    this.#makeRoom();
    return value;
  }

  /** undefined: removed. */
  set(key: string, value: Value | undefined): void {
    const generation = this.#generation + 1;
    let entry = this.#known.get(key);
    if (entry === undefined) {
      entry = { key, value, unsettled: null, bytes: 0, isUsed: false };
      this.#known.set(key, entry);
    } else entry.isUsed = true;
    if (entry.unsettled !== generation) this.#changed.push(entry);
    this.#bytes -= entry.bytes;
    entry.bytes = 0;
    entry.value = value;
    entry.unsettled = generation;
  }

  /** Keys and values that the store does not have yet. */
  *unsettled(): Iterable<readonly [string, Value | undefined]> {
    for (const { key, value, unsettled } of this.#known.values())
      if (unsettled !== null) yield [key, value];
  }

  /** What has changed since the last call, as it is now. */
  take(generation: number): Iterable<Pick<Entry<Value>, 'key' | 'value'>> {
    this.#generation = generation;
    const entries = this.#changed;
    this.#changed = [];
    this.#taken.push({ generation, entries });
    return entries;
  }

  settle(generation: number): void {
    while (this.#taken[0] !== undefined && this.#taken[0].generation <= generation) {
      for (const entry of this.#taken.shift()?.entries ?? []) {
        if (entry.unsettled === null || entry.unsettled > generation) continue;
        entry.unsettled = null;
        if (entry.value === undefined) this.#known.delete(entry.key);
        else this.#count(entry, entry.value);
      }
    }
    this.#makeRoom();
  }

  #count(entry: Entry<Value>, value: Value): void {
    entry.bytes = this.#sizeOf(value);
    this.#bytes += entry.bytes;
  }

  /** A part of them at once: a walk begins where those stood that have gone, and takes its time to get past their places. */
  #makeRoom(): void {
    if (this.#bytes <= this.#mostBytes) return;
    const rest = this.#mostBytes * (1 - ROOM);
    for (const entry of this.#known.values()) {
      if (this.#bytes <= rest) return;
      this.#known.delete(entry.key);
      if (entry.unsettled === null && !entry.isUsed) {
        this.#bytes -= entry.bytes;
        continue;
      }
      entry.isUsed = false;
      // At the end: its turn comes again when that of all others has.
      this.#known.set(entry.key, entry);
    }
  }
}

/** What a store and what it does not have yet amount to, in no order. */
export function* merged<Value>(
  store: StateStore,
  table: string,
  values: StoredValues<Value>,
): Iterable<readonly [string, Value]> {
  const unsettled = new Map(values.unsettled());
  for (const [key] of store.entries(table)) {
    const value = unsettled.has(key) ? undefined : values.get(key);
    if (value !== undefined) yield [key, value];
  }
  for (const [key, value] of unsettled) if (value !== undefined) yield [key, value];
}
