import type { Seen, StateChange } from './journal.ts';
import type { LatestRows } from './latest-rows.ts';
import type { StoreChange } from './state-store.ts';

/*
 * Rows of a store that stand in a journal's bytes already: while a state is rebuilt they go from there to the store, and no
 * value is made of them on the way (adr/033).
 */

/** One row: its key and its value begin and end with texts, and between those are as the bytes have them. */
export interface ByteRow {
  readonly table: string;
  readonly bytes: Buffer;
  keyStart: string;
  keyFrom: number;
  keyUntil: number;
  valueStart: string;
  valueFrom: number;
  /** Below `valueFrom`: the key is removed. */
  valueUntil: number;
  readonly valueEnd: string;
}

/** Rows in their order, of which a later one of the same key counts. */
export interface ByteRows {
  readonly length: number;
  /** `put` gets the same object for each. */
  each(put: (row: ByteRow) => void): void;
}

/** The same as a value. */
export function changeOf(row: ByteRow): StoreChange {
  const { table, bytes, keyStart, keyFrom, keyUntil, valueStart, valueFrom, valueUntil } = row;
  const key = keyStart + bytes.toString('utf8', keyFrom, keyUntil);
  if (valueUntil < valueFrom) return { table, key, value: null };
  const value = valueStart + bytes.toString('utf8', valueFrom, valueUntil) + row.valueEnd;
  return { table, key, value };
}

/** An array of records as Avro has written it, of fields that are known: passed over once, so its lengths fit. */
abstract class Placed<Item> implements Iterable<Item> {
  readonly bytes: Buffer;
  readonly length: number;
  protected at = 0;

  constructor(bytes: Buffer, length: number) {
    this.bytes = bytes;
    this.length = length;
  }

  *[Symbol.iterator](): Iterator<Item> {
    const items: Item[] = [];
    this.walk(() => items.push(this.item()));
    yield* items;
  }

  protected abstract item(): Item;

  /** `take` reads one record. */
  protected walk(take: () => void): void {
    this.at = 0;
    for (let count = this.long(); count !== 0; count = this.long()) {
      // A block that says how many bytes it has.
      if (count < 0) this.long();
      for (let left = Math.abs(count); left > 0; left--) take();
    }
  }

  protected long(): number {
    let byte = this.bytes[this.at++] as number;
    let value = byte & 0x7f;
    for (let factor = 128; byte > 0x7f; factor *= 128) {
      byte = this.bytes[this.at++] as number;
      value += (byte & 0x7f) * factor;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** Over bytes behind their length. */
  protected pass(): void {
    const length = this.long();
    this.at += length;
  }

  protected text(): string {
    const length = this.long();
    return this.bytes.toString('utf8', this.at, (this.at += length));
  }
}

/** States that a batch changes. */
export class PlacedStates extends Placed<StateChange> implements ByteRows {
  readonly #passedOver = new Set<number>();
  /** The actor that came before, and where. */
  #actor = '';
  #actorFrom = 0;
  #actorBytes = -1;

  each(put: (row: ByteRow) => void): void {
    const row = { ...rowOf('states', this.bytes), valueEnd: '' };
    let [version, place] = [-1, -1];
    this.walk(() => {
      place += 1;
      row.keyStart = `${this.#readActor()}|`;
      const keyBytes = this.long();
      row.keyFrom = this.at;
      row.keyUntil = this.at += keyBytes;
      const own = this.long();
      if (own !== version) row.valueStart = `${(version = own)}:`;
      const isRemoved = this.long() === 0;
      const valueBytes = isRemoved ? -1 : this.long();
      row.valueFrom = this.at;
      row.valueUntil = this.at + valueBytes;
      if (!isRemoved) this.at = row.valueUntil;
      if (!this.#passedOver.has(place)) put(row);
    });
  }

  /** Tells each actor with a version, once for many in a row. Rows of a key that comes again are none any more. */
  sort(latest: LatestRows, noteVersion: (actor: string, version: number) => void): void {
    let [actor, version, place] = ['', -1, -1];
    this.walk(() => {
      place += 1;
      const from = this.at;
      const ownActor = this.#readActor();
      this.pass();
      latest.note(this, place, from, this.at);
      const own = this.long();
      if (this.long() !== 0) this.pass();
      if (own === version && ownActor === actor) return;
      noteVersion((actor = ownActor), (version = own));
    });
  }

  /** Makes no row of the item at this place. */
  passOver(place: number): void {
    this.#passedOver.add(place);
  }

  protected item(): StateChange {
    const actor = this.#readActor();
    const key = this.text();
    const version = this.long();
    return { actor, key, version, value: this.long() === 0 ? null : this.text() };
  }

  /** Mostly the same as before. */
  #readActor(): string {
    const length = this.long();
    const from = this.at;
    this.at += length;
    const { bytes } = this;
    let isSame = length === this.#actorBytes;
    for (let index = 0; isSame && index < length; index++)
      isSame = bytes[from + index] === bytes[this.#actorFrom + index];
    if (!isSame) this.#actor = bytes.toString('utf8', from, this.at);
    this.#actorFrom = from;
    this.#actorBytes = length;
    return this.#actor;
  }
}

/** Event ids that a batch adds. */
export class PlacedSeen extends Placed<Seen> {
  /** Where key and id stand. */
  places(take: (keyFrom: number, keyUntil: number, idFrom: number, idUntil: number) => void): void {
    this.walk(() => {
      const keyBytes = this.long();
      const keyFrom = this.at;
      const keyUntil = (this.at += keyBytes);
      const idBytes = this.long();
      const idFrom = this.at;
      this.at += idBytes;
      take(keyFrom, keyUntil, idFrom, this.at);
    });
  }

  protected item(): Seen {
    return { key: this.text(), event_id: this.text() };
  }
}

/** States that came as values. */
export class StateRows implements ByteRows {
  readonly #states: readonly StateChange[];

  constructor(states: readonly StateChange[]) {
    this.#states = states;
  }

  get length(): number {
    return this.#states.length;
  }

  sort(_: LatestRows, noteVersion: (actor: string, version: number) => void): void {
    for (const { actor, version } of this.#states) noteVersion(actor, version);
  }

  each(put: (row: ByteRow) => void): void {
    const row = rowOf('states', NOTHING);
    for (const { actor, key, version, value } of this.#states) {
      row.keyStart = `${actor}|${key}`;
      row.valueStart = `${version}:${value}`;
      row.valueUntil = value === null ? -1 : 0;
      put(row);
    }
  }
}

const NOTHING = Buffer.alloc(0);

export function rowOf(table: string, bytes: Buffer): ByteRow {
  const places = { keyFrom: 0, keyUntil: 0, valueFrom: 0, valueUntil: 0 };
  return { table, bytes, keyStart: '', valueStart: '', valueEnd: '', ...places };
}
