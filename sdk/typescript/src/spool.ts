import {
  closeSync,
  existsSync,
  fsyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { BotError } from './bot-error.ts';
import { LIMITS } from './limits.ts';
import { readFrame, type SpooledEvent } from './spool-frame.ts';

const SUFFIX = '.spool';
/** Between the name of a file and a number: bytes of it that are no events. */
const DAMAGED = '.damaged-';
const DIGITS = 16;
const FRAME_BYTES_MAX = LIMITS.eventBytes + 64 * 1024;
const READ_BYTES = 256 * 1024;

/** A file of the spool: the number of its first event, how many it holds. */
interface Segment {
  readonly first: number;
  count: number;
  bytes: number;
}

/** An event of the spool with its number: 0 for the first that was ever put there. */
export interface NumberedEvent {
  readonly number: number;
  readonly event: SpooledEvent;
  /** On disk. */
  readonly bytes: number;
}

/**
 * A log of events in files of one folder, written to its end, read in order, and forgotten from its start.
 *
 * Invariants:
 * 1. `append` has handed the bytes to the system before it returns: they outlive this process, and a loss of power once their
 *    file is full or `sync` was called.
 * 2. Each event carries a checksum. What is cut off at the very end never counted; other damage is put aside and told.
 * 3. Numbers only grow; a number that was damaged is skipped.
 */
export class Spool {
  readonly folder: string;
  readonly #segmentBytes: number;
  readonly #segments: Segment[];
  /** Bytes put aside since they were damaged, when it was opened. */
  readonly damagedBytes: number;
  #tail: number | null = null;
  #reader: { segment: Segment; handle: number; at: number; number: number } | null = null;

  private constructor(folder: string, segments: Segment[], damaged: number, segmentBytes: number) {
    this.folder = folder;
    this.#segments = segments;
    this.damagedBytes = damaged;
    this.#segmentBytes = segmentBytes;
  }

  /** Reads through all that is there. Throws: Error of the file system. */
  static open(folder: string, segmentBytes: number = LIMITS.segmentBytes): Spool {
    mkdirSync(folder, { recursive: true });
    const firsts = readdirSync(folder)
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => Number(name.slice(0, -SUFFIX.length)))
      .sort((one, other) => one - other);
    let damaged = 0;
    const segments = firsts.map((first, index) => {
      const isLast = index === firsts.length - 1;
      const found = examine(fileOf(folder, first), isLast);
      damaged += found.damaged;
      return { first, count: found.count, bytes: found.bytes };
    });
    if (damaged > 0) dropOldest(folder);
    return new Spool(folder, segments, damaged, segmentBytes);
  }

  /** Number of the first event that is there. */
  get first(): number {
    return this.#segments[0]?.first ?? 0;
  }

  /** Number that the next event gets. */
  get end(): number {
    const last = this.#segments.at(-1);
    return last === undefined ? 0 : last.first + last.count;
  }

  /** Bytes on disk of events from this number on, counted in whole files. */
  bytesFrom(number: number): number {
    const kept = this.#segments.filter(({ first, count }) => first + count > number);
    return kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Writes the frames of so many events to the end; all of them or none. Throws: BotError SPOOL_FAILED. */
  append(bytes: Buffer, count: number): void {
    try {
      const segment = this.#writable();
      const handle = this.#tail as number;
      try {
        for (let at = 0; at < bytes.length;)
          at += writeSync(handle, bytes, at, bytes.length - at, segment.bytes + at);
      } catch (error) {
        ftruncateSync(handle, segment.bytes);
        throw error;
      }
      segment.bytes += bytes.length;
      segment.count += count;
    } catch (cause) {
      const why = (cause as Error).message;
      const message = `the spool ${this.folder} took no event: ${why}; make room there, or give another folder`;
      throw new BotError('SPOOL_FAILED', message, { cause });
    }
  }

  /** Events from `number` on, in order, some at a time; empty at the end. */
  read(number: number): readonly NumberedEvent[] {
    const reader = this.#readerAt(number);
    if (reader === null) return [];
    const wanted = Math.min(READ_BYTES, reader.segment.bytes - reader.at);
    let chunk = readChunk(reader.handle, reader.at, wanted);
    const events: NumberedEvent[] = [];
    for (let at = 0; at < chunk.length;) {
      const read = readFrame(chunk, at, FRAME_BYTES_MAX);
      if (read.is === 'damaged') throw this.#damagedLater(reader.number);
      if (read.is === 'cut' && events.length > 0) break;
      if (read.is === 'cut') {
        chunk = readChunk(reader.handle, reader.at, read.bytes);
        if (chunk.length < read.bytes) throw this.#damagedLater(reader.number);
        continue;
      }
      if (reader.number >= number)
        events.push({ number: reader.number, event: read.event, bytes: read.bytes });
      at += read.bytes;
      reader.at += read.bytes;
      reader.number += 1;
    }
    return events.length > 0 ? events : this.read(number);
  }

  /** Forgets files all of whose events have numbers below this. */
  forget(number: number): void {
    for (;;) {
      const [oldest] = this.#segments;
      if (oldest === undefined || this.#segments.length === 1) return;
      if (oldest.first + oldest.count > number) return;
      if (this.#reader?.segment === oldest) this.#closeReader();
      this.#segments.shift();
      rmSync(fileOf(this.folder, oldest.first), { force: true });
    }
  }

  /** Hands everything to the disk. */
  sync(): void {
    if (this.#tail !== null) fsyncSync(this.#tail);
  }

  close(): void {
    this.#closeReader();
    if (this.#tail !== null) closeSync(this.#tail);
    this.#tail = null;
  }

  /** A file that is full goes to the disk: a loss of power can take events of the newest file alone. */
  #endTail(): void {
    const tail = this.#tail;
    if (tail === null) return;
    // Before what may throw: its number is another file's once it is closed.
    this.#tail = null;
    try {
      fsyncSync(tail);
    } finally {
      closeSync(tail);
    }
  }

  #writable(): Segment {
    let segment = this.#segments.at(-1);
    const isFull = segment !== undefined && segment.bytes >= this.#segmentBytes;
    if (segment === undefined || isFull) {
      const first = this.end;
      this.#endTail();
      this.#tail = openSync(fileOf(this.folder, first), 'w+');
      segment = { first, count: 0, bytes: 0 };
      this.#segments.push(segment);
    }
    this.#tail ??= openSync(fileOf(this.folder, segment.first), 'r+');
    return segment;
  }

  #readerAt(number: number) {
    const current = this.#reader;
    const follows = current !== null && current.number <= number;
    if (follows && number < current.segment.first + current.segment.count) return current;
    const segment = this.#segments.find(({ first, count }) => first + count > number);
    if (segment === undefined) return null;
    this.#closeReader();
    const handle = openSync(fileOf(this.folder, segment.first), 'r');
    this.#reader = { segment, handle, at: 0, number: segment.first };
    return this.#reader;
  }

  #closeReader(): void {
    if (this.#reader !== null) closeSync(this.#reader.handle);
    this.#reader = null;
  }

  #damagedLater(number: number): BotError {
    const where = `event ${number} of the spool ${this.folder}`;
    return new BotError(
      'SPOOL_FAILED',
      `${where} changed on disk while in use; open the producer again: what is whole is kept`,
    );
  }
}

function fileOf(folder: string, first: number): string {
  return join(folder, `${String(first).padStart(DIGITS, '0')}${SUFFIX}`);
}

function readChunk(handle: number, at: number, bytes: number): Buffer {
  const chunk = Buffer.allocUnsafe(bytes);
  let read = 0;
  while (read < bytes) {
    const more = readSync(handle, chunk, read, bytes - read, at + read);
    if (more === 0) break;
    read += more;
  }
  return chunk.subarray(0, read);
}

/** Counts the events of a file; what is no event is cut off, and kept aside unless it is an unfinished end. */
function examine(
  file: string,
  isLast: boolean,
): { readonly count: number; readonly bytes: number; readonly damaged: number } {
  const all = readFileSync(file);
  let at = 0;
  let count = 0;
  let isDamaged = false;
  while (at < all.length) {
    const read = readFrame(all, at, FRAME_BYTES_MAX);
    if (read.is !== 'frame') {
      isDamaged = read.is === 'damaged' || !isLast;
      break;
    }
    at += read.bytes;
    count += 1;
  }
  if (at < all.length) {
    if (isDamaged) writeFileSync(freeName(file), all.subarray(at));
    const handle = openSync(file, 'r+');
    if (fstatSync(handle).size > at) ftruncateSync(handle, at);
    closeSync(handle);
  }
  return { count, bytes: at, damaged: isDamaged ? all.length - at : 0 };
}

/** Only so many files are kept aside (`dropOldest`), so this ends. */
function freeName(file: string): string {
  for (let index = 1; ; index++) {
    const name = `${file}${DAMAGED}${index}`;
    if (!existsSync(name)) return name;
  }
}

/** Of what was put aside the newest files stay. */
function dropOldest(folder: string): void {
  const aside = readdirSync(folder)
    .filter((name) => name.includes(DAMAGED))
    .map((name) => ({ file: join(folder, name), at: statSync(join(folder, name)).mtimeMs }))
    .sort((one, other) => one.at - other.at || (one.file < other.file ? -1 : 1));
  for (const { file } of aside.slice(0, -LIMITS.damagedFiles)) rmSync(file, { force: true });
}
