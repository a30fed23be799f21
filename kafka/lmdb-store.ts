import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { open, type RootDatabase } from 'lmdb';
import { EngineError } from '../engine/errors.ts';
import { refuseOlder } from '../engine/memory-state-store.ts';
import type { Checkpoint, StateStore, StoreChange } from '../engine/state-store.ts';

const CHECKPOINT = 'checkpoint';
const SEPARATOR = '\u0001';
const AFTER_SEPARATOR = '\u0002';
/** LMDB takes keys of up to 1,978 bytes; what is longer stands under its hash. */
const KEY_BYTES = 1_500;
const CRC_DIGITS = 8;
/** Where the first page of an LMDB file says that it is one, and how large its pages are. */
const MAGIC_AT = 24;
const MAGIC = Buffer.from('dec0efbe', 'hex');
const PAGE_SIZE_AT = 48;
const FIRST_BYTES = 64;

/**
 * A task's state in an LMDB folder of its own, of which one process at a time is the user: an OS lock says who,
 * and ends with the process.
 *
 * Shape: `<table>\\u0001<key>` → eight digits of a checksum, then the value; the checkpoint is a row of its own.
 */
export class LmdbStore implements StateStore {
  readonly #db: RootDatabase<string, Buffer>;
  readonly #lock: DatabaseSync;
  #checkpoint: Checkpoint | null;

  private constructor(db: RootDatabase<string, Buffer>, lock: DatabaseSync) {
    this.#db = db;
    this.#lock = lock;
    const text = db.get(Buffer.from(CHECKPOINT));
    this.#checkpoint = text === undefined ? null : (JSON.parse(checked(text)) as Checkpoint);
  }

  /**
   * Opens the store, empty where there was none or what was there cannot be read; `onDiscarded` then says why.
   *
   * Throws: EngineError STORE_LOCKED (retake) while another process has it, STORE_FAILED when the disk refuses.
   */
  static open(folder: string, onDiscarded: (reason: string) => void = () => {}): LmdbStore {
    let lock: DatabaseSync | null = null;
    try {
      mkdirSync(dirname(folder), { recursive: true });
      lock = lockOf(folder);
      try {
        return LmdbStore.#openIn(folder, lock);
      } catch (error) {
        onDiscarded(error instanceof Error ? error.message : String(error));
        rmSync(folder, { recursive: true, force: true });
        return LmdbStore.#openIn(folder, lock);
      }
    } catch (cause) {
      lock?.close();
      throw failed(`The local store ${folder} cannot be opened`, cause);
    }
  }

  static #openIn(folder: string, lock: DatabaseSync): LmdbStore {
    refuseForeignFile(folder);
    const db = open<string, Buffer>({
      path: folder,
      encoding: 'string',
      // The library's own encoding of keys puts long texts elsewhere in the order than short ones.
      keyEncoding: 'binary',
      noSubdir: false,
    });
    try {
      return new LmdbStore(db, lock);
    } catch (error) {
      void db.close();
      throw error;
    }
  }

  get checkpoint(): Checkpoint | null {
    return this.#checkpoint;
  }

  get(table: string, key: string): string | undefined {
    const text = this.#read(rowOf(table, key));
    return text === undefined ? undefined : valueOf(text)[1];
  }

  *entries(table: string): Iterable<readonly [string, string]> {
    const range = {
      start: Buffer.from(table + SEPARATOR),
      end: Buffer.from(table + AFTER_SEPARATOR),
    };
    for (const { key, value } of this.#db.getRange(range)) {
      const [longKey, text] = valueOf(checked(value));
      yield [longKey ?? key.toString('utf8', table.length + 1), text];
    }
  }

  page(table: string, after: string | null, limit: number): ReturnType<StateStore['page']> {
    // Behind a row comes the one that is a byte longer.
    const start =
      after === null
        ? Buffer.from(table + SEPARATOR)
        : Buffer.concat([Buffer.from(after, 'base64'), Buffer.of(0)]);
    const end = Buffer.from(table + AFTER_SEPARATOR);
    const keys: string[] = [];
    let last: Buffer | null = null;
    for (const { key, value } of this.#db.getRange({ start, end, limit })) {
      last = Buffer.from(key);
      const [longKey] = valueOf(checked(value));
      keys.push(longKey ?? last.toString('utf8', table.length + 1));
    }
    return { keys, next: keys.length < limit ? null : (last?.toString('base64') ?? null) };
  }

  async write(changes: readonly StoreChange[], checkpoint: Checkpoint): Promise<void> {
    refuseOlder(this.#checkpoint, checkpoint);
    await this.#db.batch(() => {
      for (const { table, key, value } of changes) {
        const row = rowOf(table, key);
        if (value === null) void this.#db.remove(row);
        else void this.#db.put(row, sealed(isLong(key) ? long(key, value) : `=${value}`));
      }
      void this.#db.put(Buffer.from(CHECKPOINT), sealed(JSON.stringify(checkpoint)));
    });
    this.#checkpoint = checkpoint;
  }

  async clear(): Promise<void> {
    await this.#db.clearAsync();
    this.#checkpoint = null;
  }

  async close(): Promise<void> {
    await this.#db.close();
    this.#lock.close();
  }

  #read(row: Buffer): string | undefined {
    try {
      const text = this.#db.get(row);
      return text === undefined ? undefined : checked(text);
    } catch (cause) {
      throw failed('A value of the local store cannot be read', cause);
    }
  }
}

function rowOf(table: string, key: string): Buffer {
  if (!isLong(key)) return Buffer.from(table + SEPARATOR + key);
  return Buffer.from(`${table}${SEPARATOR}#${createHash('sha256').update(key).digest('hex')}`);
}

function isLong(key: string): boolean {
  return key.length * 3 >= KEY_BYTES && Buffer.byteLength(key) >= KEY_BYTES;
}

/** The library maps a file as it is and dies of one that is no database: its first page says what it is. */
function refuseForeignFile(folder: string): void {
  const file = join(folder, 'data.mdb');
  if (!existsSync(file)) return;
  const start = Buffer.alloc(FIRST_BYTES);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, start, 0, FIRST_BYTES, 0);
  } finally {
    closeSync(descriptor);
  }
  const pageBytes = start.readUInt32LE(PAGE_SIZE_AT);
  const isWhole = pageBytes >= 512 && statSync(file).size % pageBytes === 0;
  if (!start.subarray(MAGIC_AT, MAGIC_AT + 4).equals(MAGIC) || !isWhole)
    throw new Error(`${file} is no LMDB file, or only part of one`);
}

/** A key that stands under its hash stands before its value, too. */
function long(key: string, value: string): string {
  return `#${key.length}:${key}${value}`;
}

function valueOf(text: string): readonly [string | null, string] {
  if (text.startsWith('=')) return [null, text.slice(1)];
  const start = text.indexOf(':') + 1;
  const end = start + Number(text.slice(1, start - 1));
  return [text.slice(start, end), text.slice(end)];
}

function sealed(text: string): string {
  return crc32(text).toString(16).padStart(CRC_DIGITS, '0') + text;
}

function checked(sealedText: string): string {
  const text = sealedText.slice(CRC_DIGITS);
  if (parseInt(sealedText.slice(0, CRC_DIGITS), 16) === crc32(text)) return text;
  throw new EngineError(
    'STORE_FAILED',
    'retake',
    'A value of the local store has another checksum than it was written with; the store is made anew.',
  );
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
