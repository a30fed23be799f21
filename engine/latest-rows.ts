import type { PlacedStates } from './byte-rows.ts';
import { hashOf } from './key-filter.ts';

/** Places by the hash of a key: a power of two, and about as many as a store is given changes in one write. */
const PLACES = 4_096;

interface Latest {
  readonly rows: PlacedStates;
  readonly place: number;
  readonly from: number;
  readonly until: number;
}

/** Finds rows of a key that comes again before they were taken: of a busy key the last one is enough. Of two keys on one place it knows the later. */
export class LatestRows {
  readonly #latest = new Array<Latest | null>(PLACES).fill(null);

  /** The key stands in these bytes of `rows`. */
  note(rows: PlacedStates, place: number, from: number, until: number): void {
    const hash = hashOf(rows.bytes, from, until) & (PLACES - 1);
    const before = this.#latest[hash] ?? null;
    if (before !== null && isSame(before, rows.bytes, from, until))
      before.rows.passOver(before.place);
    this.#latest[hash] = { rows, place, from, until };
  }

  clear(): void {
    this.#latest.fill(null);
  }
}

function isSame(before: Latest, bytes: Buffer, from: number, until: number): boolean {
  const { rows, from: start } = before;
  if (before.until - start !== until - from) return false;
  for (let at = 0; at < until - from; at++)
    if (rows.bytes[start + at] !== bytes[from + at]) return false;
  return true;
}
