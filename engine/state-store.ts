import type { ByteRows } from './byte-rows.ts';
import type { Micros } from './event.ts';
import type { Fence } from './journal.ts';

/** A place in a journal from which what follows can be read and judged (J2). */
export interface JournalPlace {
  /** Offset of the next record. */
  readonly offset: number;
  /** Offset of the last fence before it. */
  readonly fence: number;
  /** Number of the last valid batch before it. */
  readonly n: number;
}

/**
 * How far a store has followed its journal. It holds for that journal only, and only while the record just
 * before `offset` is the batch `n` under `fence` (J9a).
 */
export interface Checkpoint extends JournalPlace {
  /** Id of the journal topic: one made anew under the same name has another. */
  readonly topicId: string;
  readonly time: Micros;
  /** What stands at offset `fence`. */
  readonly fenceRecord: Fence;
  /** The oldest batch with an emit that no journaled watermark covers: reading begins there. */
  readonly emitsFrom: JournalPlace;
}

/** A value put under a table's key, or (null) the key removed. */
export interface StoreChange {
  readonly table: string;
  readonly key: string;
  readonly value: string | null;
}

/**
 * Keeps one task's tables outside of the memory of the process. Adapters: `MemoryStateStore`, kafka/lmdb-store.ts;
 * test/unit/state-store.test.ts is their contract.
 *
 * Order: one `write` at a time; reads see everything whose `write` has resolved.
 */
export interface StateStore {
  /** Null: empty, and to be filled from the journal's start. */
  readonly checkpoint: Checkpoint | null;
  /** Throws: EngineError STORE_FAILED (retake) when the value cannot be read. */
  get(table: string, key: string): string | undefined;
  /** Every key and value of a table, by key. Throws: as `get`. */
  entries(table: string): Iterable<readonly [string, string]>;
  /**
   * Some keys of a table, in no particular order; `next` goes into the next call, null: that was all. What is written
   * between two calls is or is not among them. Throws: as `get`.
   */
  page(
    table: string,
    after: string | null,
    limit: number,
  ): { readonly keys: readonly string[]; readonly next: string | null };
  /**
   * All of the rows, then of the changes, and the checkpoint, or nothing of it.
   * Throws: EngineError STORE_FAILED (retake), also for a checkpoint that is not above the one stored.
   */
  write(
    changes: readonly StoreChange[],
    checkpoint: Checkpoint,
    rows?: readonly ByteRows[],
  ): Promise<void>;
  /** Forgets everything. */
  clear(): Promise<void>;
  /** Order: once, last. */
  close(): Promise<void>;
}
