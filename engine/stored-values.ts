import type { StateStore } from './state-store.ts';

interface Pending<Value> {
  readonly value: Value | undefined;
  readonly generation: number;
}

/**
 * Values of which only two kinds stand in memory: what is not in the store yet, and what was used last, within a
 * bound. A read sees the first before the second before the store.
 */
export class StoredValues<Value> {
  readonly #read: (key: string) => Value | undefined;
  readonly #sizeOf: (value: Value) => number;
  readonly #mostBytes: number;
  readonly #pending = new Map<string, Pending<Value>>();
  readonly #taken: { readonly generation: number; readonly keys: readonly string[] }[] = [];
  readonly #recent = new Map<string, Value>();
  #changed = new Set<string>();
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
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending.value;
    const known = this.#recent.get(key);
    if (known !== undefined) {
      this.#recent.delete(key);
      this.#recent.set(key, known);
      return known;
    }
    const value = this.#read(key);
    if (value !== undefined) this.#remember(key, value);
    return value;
  }

  /** undefined: removed. */
  set(key: string, value: Value | undefined): void {
    this.#forget(key);
    this.#pending.set(key, { value, generation: this.#generation + 1 });
    this.#changed.add(key);
  }

  /** Keys and values that the store does not have yet. */
  *unsettled(): Iterable<readonly [string, Value | undefined]> {
    for (const [key, { value }] of this.#pending) yield [key, value];
  }

  take(generation: number): Iterable<readonly [string, Value | undefined]> {
    this.#generation = generation;
    const keys = [...this.#changed];
    this.#changed = new Set();
    this.#taken.push({ generation, keys });
    return keys.map((key) => [key, this.#pending.get(key)?.value] as const);
  }

  settle(generation: number): void {
    while (this.#taken[0] !== undefined && this.#taken[0].generation <= generation) {
      for (const key of this.#taken.shift()?.keys ?? []) {
        const pending = this.#pending.get(key);
        if (pending === undefined || pending.generation > generation) continue;
        this.#pending.delete(key);
        if (pending.value !== undefined) this.#remember(key, pending.value);
      }
    }
  }

  #remember(key: string, value: Value): void {
    this.#recent.set(key, value);
    this.#bytes += this.#sizeOf(value);
    for (const oldest of this.#recent.keys()) {
      if (this.#bytes <= this.#mostBytes) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    const value = this.#recent.get(key);
    if (value === undefined) return;
    this.#recent.delete(key);
    this.#bytes -= this.#sizeOf(value);
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
