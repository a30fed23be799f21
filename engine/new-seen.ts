import { type ByteRow, type ByteRows, PlacedSeen, rowOf } from './byte-rows.ts';
import type { Items, Seen } from './journal.ts';
import { hashOf, KeyFilter } from './key-filter.ts';

/** What JSON writes as it is. */
const isPlain = (byte: number): boolean =>
  byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;

/** The first event id of a key that has no other yet. */
interface First {
  readonly bytes: Buffer;
  readonly keyFrom: number;
  readonly keyUntil: number;
  readonly idFrom: number;
  readonly idUntil: number;
}

/**
 * Event ids while a store that was empty is filled. Most keys that are new have one id for long, and its row needs no look at
 * what is known of the key: nothing is.
 *
 * Order: keys that get ids in another way are told to `note`.
 */
export class NewSeen {
  readonly #known = new KeyFilter();
  /** By the hash of the key: those that the store may not have yet. */
  readonly #firsts = new Map<number, First>();
  #taken: { readonly generation: number; readonly hashes: readonly number[] }[] = [];
  #rows: FirstRows[] = [];

  /** `rest` gets what is not the first id of its key, with the one that is, where the store does not have it yet. */
  add(seen: Items<Seen>, rest: (seen: Seen) => void): void {
    if (!(seen instanceof PlacedSeen)) {
      for (const each of seen) {
        this.note(each.key, rest);
        rest(each);
      }
      return;
    }
    const { bytes } = seen;
    const firsts: First[] = [];
    const hashes: number[] = [];
    seen.places((keyFrom, keyUntil, idFrom, idUntil) => {
      const hash = hashOf(bytes, keyFrom, keyUntil);
      if (this.#known.add(hash) || !isPlainText(bytes, idFrom, idUntil)) {
        const key = bytes.toString('utf8', keyFrom, keyUntil);
        this.#tellFirst(hash, key, rest);
        rest({ key, event_id: bytes.toString('utf8', idFrom, idUntil) });
        return;
      }
      const first = { bytes, keyFrom, keyUntil, idFrom, idUntil };
      firsts.push(first);
      hashes.push(hash);
      this.#firsts.set(hash, first);
    });
    this.#rows.push(new FirstRows(firsts, hashes));
  }

  /** A key that gets ids in another way. */
  note(key: string, rest: (seen: Seen) => void): void {
    const bytes = Buffer.from(key);
    const hash = hashOf(bytes, 0, bytes.length);
    if (this.#known.add(hash)) this.#tellFirst(hash, key, rest);
  }

  take(generation: number): readonly ByteRows[] {
    const rows = this.#rows;
    this.#rows = [];
    this.#taken.push({ generation, hashes: rows.flatMap(({ hashes }) => hashes) });
    return rows;
  }

  settle(generation: number): void {
    while (this.#taken[0] !== undefined && this.#taken[0].generation <= generation)
      for (const hash of this.#taken.shift()?.hashes ?? []) this.#firsts.delete(hash);
  }

  #tellFirst(hash: number, key: string, rest: (seen: Seen) => void): void {
    const first = this.#firsts.get(hash);
    if (first === undefined) return;
    const seen = seenOf(first);
    if (seen.key !== key) return;
    this.#firsts.delete(hash);
    rest(seen);
  }
}

class FirstRows implements ByteRows {
  readonly #firsts: readonly First[];
  readonly hashes: readonly number[];

  constructor(firsts: readonly First[], hashes: readonly number[]) {
    this.#firsts = firsts;
    this.hashes = hashes;
  }

  get length(): number {
    return this.#firsts.length;
  }

  each(put: (row: ByteRow) => void): void {
    const [first] = this.#firsts;
    if (first === undefined) return;
    const row = { ...rowOf('seen', first.bytes), valueStart: '[1,["', valueEnd: '"]]' };
    for (const { keyFrom, keyUntil, idFrom, idUntil } of this.#firsts) {
      row.keyFrom = keyFrom;
      row.keyUntil = keyUntil;
      row.valueFrom = idFrom;
      row.valueUntil = idUntil;
      put(row);
    }
  }
}

function seenOf({ bytes, keyFrom, keyUntil, idFrom, idUntil }: First): Seen {
  return {
    key: bytes.toString('utf8', keyFrom, keyUntil),
    event_id: bytes.toString('utf8', idFrom, idUntil),
  };
}

function isPlainText(bytes: Buffer, from: number, until: number): boolean {
  for (let at = from; at < until; at++) if (!isPlain(bytes[at] as number)) return false;
  return true;
}
