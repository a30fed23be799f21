import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { open, type RootDatabase } from 'lmdb';
import { type ByteRows, changeOf } from '../engine/byte-rows.ts';
import { EngineError } from '../engine/errors.ts';
import { refuseOlder } from '../engine/memory-state-store.ts';
import type { Checkpoint, StateStore, StoreChange } from '../engine/state-store.ts';
import { checkLmdbFile, findInLmdbFile } from './lmdb-file.ts';
import {
  checked,
  endOf,
  isSealed,
  nameOf,
  rowOf,
  RowWriter,
  startOf,
  textOf,
  valueOf,
} from './lmdb-row.ts';

const CHECKPOINT_NAME = 'checkpoint';
const CHECKPOINT = Buffer.from(CHECKPOINT_NAME);
const DATA_FILE = 'data.mdb';

/**
 * A task's state in an LMDB folder of its own, of which one process at a time is the user: an OS lock says who,
 * and ends with the process.
 *
 * Shape: rows as `lmdb-row.ts` says; the checkpoint is a row of its own.
 */
export class LmdbStore implements StateStore {
  readonly #db: RootDatabase<string, Buffer>;
  /** The same, as it is written: of a text the library would make a buffer of its own. */
  readonly #bytes: RootDatabase<Buffer, Buffer>;
  readonly #lock: DatabaseSync;
  #checkpoint: Checkpoint | null;
  #hasFailed = false;

  private constructor(db: RootDatabase<string, Buffer>, lock: DatabaseSync) {
    this.#db = db;
    this.#bytes = db as unknown as RootDatabase<Buffer, Buffer>;
    this.#lock = lock;
    const text = db.get(CHECKPOINT);
    this.#checkpoint =
      text === undefined ? null : (JSON.parse(checked(text, CHECKPOINT)) as Checkpoint);
  }

  /**
   * Opens the store, empty where there was none or what was there is damaged; `onDiscarded` then says why. What is on the disk
   * is read and checked whole before the library maps it (adr/015).
   *
   * Throws: EngineError STORE_LOCKED (retake) while another process has it, STORE_FAILED when the disk refuses.
   */
  static async open(
    folder: string,
    onDiscarded: (reason: string) => void = () => {},
  ): Promise<LmdbStore> {
    let lock: DatabaseSync | null = null;
    try {
      mkdirSync(dirname(folder), { recursive: true });
      lock = lockOf(folder);
      try {
        return await LmdbStore.#openChecked(folder, lock);
      } catch (error) {
        onDiscarded(error instanceof Error ? error.message : String(error));
        rmSync(folder, { recursive: true, force: true });
        return await LmdbStore.#openIn(folder, lock, null);
      }
    } catch (cause) {
      lock?.close();
      throw failed(`The local store ${folder} cannot be opened`, cause);
    }
  }

  /**
   * How far a store has come that nobody has open; null: there is none, or it is damaged. The library does not see it.
   * Throws: EngineError STORE_LOCKED (retake) while another process has it.
   */
  static checkpointIn(folder: string): Checkpoint | null {
    const lock = lockOf(folder);
    try {
      const text = findInLmdbFile(join(folder, DATA_FILE), CHECKPOINT)?.toString();
      return text === undefined ? null : (JSON.parse(checked(text, CHECKPOINT)) as Checkpoint);
    } catch {
      return null;
    } finally {
      lock.close();
    }
  }

  static async #openChecked(folder: string, lock: DatabaseSync): Promise<LmdbStore> {
    const file = join(folder, DATA_FILE);
    if (!existsSync(file)) return LmdbStore.#openIn(folder, lock, null);
    // Who reads and writes in which process: nobody does, as the lock says.
    rmSync(join(folder, 'lock.mdb'), { force: true });
    return LmdbStore.#openIn(folder, lock, await checkLmdbFile(file, isSealed));
  }

  /** `snapshot`: the one that was checked. */
  static async #openIn(
    folder: string,
    lock: DatabaseSync,
    snapshot: number | null,
  ): Promise<LmdbStore> {
    const db = open<string, Buffer>({
      path: folder,
      encoding: 'string',
      // The library's own encoding of keys puts long texts elsewhere in the order than short ones.
      keyEncoding: 'binary',
      noSubdir: false,
      // Else the library adds a batch of its own around ours, and nobody hears of its failure but the whole process.
      eventTurnBatching: false,
    });
    try {
      const { lastTxnId } = db.getStats() as { readonly lastTxnId: number };
      if (snapshot !== null && lastTxnId !== snapshot)
        throw new Error(`snapshot ${snapshot} was checked, and ${lastTxnId} opened`);
      return new LmdbStore(db, lock);
    } catch (error) {
      await db.close();
      throw error;
    }
  }

  get checkpoint(): Checkpoint | null {
    return this.#checkpoint;
  }

  get(table: string, key: string): string | undefined {
    // Every write has a checkpoint: there was none yet.
    if (this.#checkpoint === null) return undefined;
    const text = this.#read(rowOf(table, key));
    return text === undefined ? undefined : valueOf(text)[1];
  }

  *entries(table: string): Iterable<readonly [string, string]> {
    const range = { start: startOf(table), end: endOf(table) };
    for (const { key, value } of this.#db.getRange(range)) {
      const [longKey, text] = valueOf(checked(value, key));
      yield [longKey ?? key.toString('utf8', table.length + 1), text];
    }
  }

  page(table: string, after: string | null, limit: number): ReturnType<StateStore['page']> {
    // Behind a row comes the one that is a byte longer.
    const start =
      after === null ? startOf(table) : Buffer.concat([Buffer.from(after, 'base64'), Buffer.of(0)]);
    const end = endOf(table);
    const keys: string[] = [];
    let last: Buffer | null = null;
    for (const { key, value } of this.#db.getRange({ start, end, limit })) {
      last = Buffer.from(key);
      const [longKey] = valueOf(checked(value, last));
      keys.push(longKey ?? last.toString('utf8', table.length + 1));
    }
    return { keys, next: keys.length < limit ? null : (last?.toString('base64') ?? null) };
  }

  async write(
    changes: readonly StoreChange[],
    checkpoint: Checkpoint,
    rows: readonly ByteRows[] = [],
  ): Promise<void> {
    refuseOlder(this.#checkpoint, checkpoint);
    await this.#committed(
      this.#db.batch(() => {
        const writer = new RowWriter();
        // Each says what the whole says; mostly they are one and the same.
        const puts = new Set<Promise<boolean>>();
        const put = (name: string, text: string): void => {
          const { row, value } = writer.sealed(name, text);
          puts.add(this.#bytes.put(row, value));
        };
        const take = ({ table, key, value }: StoreChange): void => {
          if (value === null) puts.add(this.#db.remove(rowOf(table, key)));
          else put(nameOf(table, key), textOf(key, value));
        };
        for (const own of rows)
          own.each((each) => {
            const sealed = writer.copied(each);
            if (sealed === null) take(changeOf(each));
            else puts.add(this.#bytes.put(sealed.row, sealed.value));
          });
        for (const change of changes) take(change);
        put(CHECKPOINT_NAME, JSON.stringify(checkpoint));
        for (const put of puts) put.catch(() => {});
      }),
    );
    this.#checkpoint = checkpoint;
  }

  async clear(): Promise<void> {
    await this.#committed(this.#db.clearAsync());
    this.#checkpoint = null;
  }

  async close(): Promise<void> {
    const closed = this.#db.close();
    // After a write that failed the library waits for ever for it to be on the disk.
    if (this.#hasFailed) closed.catch(() => {});
    else await closed;
    this.#lock.close();
  }

  /** The library says of a failed write that it failed, and why in a promise apart: one that nobody looks at ends the process. */
  async #committed(writing: Promise<unknown>): Promise<void> {
    try {
      await writing;
    } catch (error) {
      this.#hasFailed = true;
      await (error as { readonly commitError?: Promise<unknown> }).commitError;
      throw error;
    }
  }

  #read(row: Buffer): string | undefined {
    try {
      const text = this.#db.get(row);
      return text === undefined ? undefined : checked(text, row);
    } catch (cause) {
      throw failed('A value of the local store cannot be read', cause);
    }
  }
}

/** Held as long as the connection is open, and by the operating system's word no longer than the process. */
function lockOf(folder: string): DatabaseSync {
  const lock = new DatabaseSync(`${folder}.lock`);
  try {
    lock.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock.close();
    throw new EngineError(
      'STORE_LOCKED',
      'retake',
      `The local store ${folder} is used by another process; this one works from the journal alone.`,
      { cause },
    );
  }
}

function failed(what: string, cause: unknown): EngineError {
  if (cause instanceof EngineError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EngineError('STORE_FAILED', 'retake', `${what}: ${reason}.`, { cause });
}
