import { LIMITS } from './limits.ts';
import type { StateStore, StoreChange } from './state-store.ts';
import { merged, StoredValues } from './stored-values.ts';
import type { Kept } from './table.ts';

/** The event ids of one key, oldest first. */
interface SeenIds {
  /** How many there ever were. */
  count: number;
  /** Null: they are few, and the tail has them all. */
  ids: Set<string> | null;
  /** The newest of them, from this place among all on: what full rows in the store do not have yet. */
  readonly tail: string[];
  tailFrom: number;
}

/** The part of a Map that the seen ids have, wherever they are kept. */
export interface SeenSets extends Iterable<[string, Set<string>]> {
  get(key: string): Set<string> | undefined;
  /** True when the key's oldest event id was forgotten for it. */
  add(key: string, eventId: string): boolean;
  /** Puts these in place of what was known, oldest first. */
  replace(key: string, eventIds: readonly string[]): void;
}

const TABLE = 'seen';
const FULL = 'seen-full';
/** Ids of one row that is full: an id more rewrites at most this many, and not all of a busy key's. */
const ROW = 64;

/** Fewer ids of a key than this need no set: most keys have no more, and a set costs more than they do. */
const FEW = 8;

/** Seen ids in memory. */
export class MemorySeenSets extends Map<string, Set<string>> implements SeenSets {
  add(key: string, eventId: string): boolean {
    let ids = this.get(key);
    if (ids === undefined) this.set(key, (ids = new Set()));
    return added(ids, eventId);
  }

  replace(key: string, eventIds: readonly string[]): void {
    this.set(key, new Set(eventIds));
  }
}

/**
 * Seen ids in a task's store. Shape: `seen` has, per key, how many ids there ever were and the newest of them;
 * `seen-full` has the others, ROW to a row.
 */
export class SeenTable implements SeenSets, Kept {
  readonly #store: StateStore;
  readonly #values: StoredValues<SeenIds>;
  readonly #before = new Map<string, number>();

  constructor(store: StateStore) {
    this.#store = store;
    this.#values = new StoredValues<SeenIds>({
      read: (key) => this.#read(key),
      sizeOf: ({ count }) => 200 + 100 * Math.min(count, LIMITS.seenIdsPerKey),
      mostBytes: LIMITS.cachedSeenBytes,
    });
  }

  get(key: string): Set<string> | undefined {
    const known = this.#values.get(key);
    return known && idsOf(known);
  }

  add(key: string, eventId: string): boolean {
    const known = this.#values.get(key) ?? { count: 0, ids: null, tail: [], tailFrom: 0 };
    const ids = known.count < FEW ? known.ids : idsOf(known);
    if (ids === null ? known.tail.includes(eventId) : ids.has(eventId)) return false;
    if (!this.#before.has(key)) this.#before.set(key, known.count);
    const forgot = ids !== null && added(ids, eventId);
    known.tail.push(eventId);
    known.count += 1;
    this.#values.set(key, known);
    return forgot;
  }

  replace(key: string, eventIds: readonly string[]): void {
    const before = this.#values.get(key)?.count ?? 0;
    if (!this.#before.has(key)) this.#before.set(key, before);
    // Counted on, so that every row of the old ones is rewritten or given up.
    const count = before + eventIds.length;
    const ids = count < FEW ? null : new Set(eventIds);
    this.#values.set(key, { count, ids, tail: [...eventIds], tailFrom: before });
  }

  *[Symbol.iterator](): Iterator<[string, Set<string>]> {
    for (const [key, known] of merged(this.#store, TABLE, this.#values)) yield [key, idsOf(known)];
  }

  takeChanges(into: StoreChange[], generation: number): void {
    for (const { key, value: known } of this.#values.take(generation)) {
      if (known === undefined) continue;
      this.#put(into, key, known, this.#before.get(key) ?? 0);
    }
    this.#before.clear();
  }

  settle(generation: number): void {
    this.#values.settle(generation);
  }

  #put(into: StoreChange[], key: string, known: SeenIds, before: number): void {
    const { count, ids, tail, tailFrom } = known;
    const fullRows = Math.floor(count / ROW);
    for (let row = Math.floor(before / ROW); row < fullRows; row++) {
      const from = Math.max(0, row * ROW - tailFrom);
      const until = Math.max(0, (row + 1) * ROW - tailFrom);
      into.push({
        table: FULL,
        key: rowKey(key, row),
        value: JSON.stringify(tail.slice(from, until)),
      });
    }
    const oldFirst = Math.max(0, before - LIMITS.seenIdsPerKey);
    for (
      let row = Math.floor(oldFirst / ROW);
      row < Math.floor((count - (ids?.size ?? count)) / ROW);
      row++
    )
      into.push({ table: FULL, key: rowKey(key, row), value: null });
    tail.splice(0, Math.max(0, fullRows * ROW - tailFrom));
    known.tailFrom = Math.max(tailFrom, fullRows * ROW);
    into.push({ table: TABLE, key, value: JSON.stringify([count, tail]) });
  }

  #read(key: string): SeenIds | undefined {
    const text = this.#store.get(TABLE, key);
    if (text === undefined) return undefined;
    const [count, rest] = JSON.parse(text) as [number, string[]];
    if (count < FEW && rest.length === count) return { count, ids: null, tail: rest, tailFrom: 0 };
    const all: string[] = [];
    const first = Math.max(0, count - LIMITS.seenIdsPerKey);
    for (let row = Math.floor(first / ROW); row < Math.floor(count / ROW); row++)
      all.push(...(JSON.parse(this.#store.get(FULL, rowKey(key, row)) ?? '[]') as string[]));
    const ids = new Set([...all, ...rest].slice(-LIMITS.seenIdsPerKey));
    return { count, ids, tail: rest, tailFrom: count - rest.length };
  }
}

function idsOf(known: SeenIds): Set<string> {
  known.ids ??= new Set(known.tail);
  return known.ids;
}

function rowKey(key: string, row: number): string {
  return `${row}|${key}`;
}

function added(ids: Set<string>, eventId: string): boolean {
  ids.add(eventId);
  if (ids.size <= LIMITS.seenIdsPerKey) return false;
  for (const oldest of ids) {
    ids.delete(oldest);
    break;
  }
  return true;
}
