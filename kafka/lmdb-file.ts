import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { SHELL_LIMITS } from './limits.ts';
import { breathe } from './wait.ts';

/*
 * The library maps a data file as it is, follows whatever numbers stand in it, and a wrong one kills the process. So a file is read
 * here first, by code that believes nothing. What stands where: struct MDB_meta, MDB_page and MDB_node of lmdb's own mdb.c,
 * data version 2, 64 bit, little endian; another version is refused, and its store made anew.
 */

const HEADER_BYTES = 24;
const NODE_BYTES = 8;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const META_BYTES = 176;
const NO_PAGE = 2 ** 64;
/** No process writes as often: what is above is damage. */
const MOST_TXNS = 2 ** 40;
const OVERFLOW_NODE_BYTES = 24;
const BRANCH = 1;
const LEAF = 2;
const OVERFLOW = 4;
const META = 8;
/** Value on pages of its own. */
const BIG_DATA = 1;
/** In the flags of a meta page: what it names may not be on the disk yet. */
const NOT_SYNCED = 0x1000;
const INTEGER_KEYS = 8;
const PAGE_BYTES_MOST = 65_536;
/** More than a file has room for, to be free at its end: bounds what a wrong number can cost. */
const UNWRITTEN_PAGES = 1_000_000;
/** A file of no more is read at once: page by page takes as long again as checking what was read. */
const AT_ONCE_BYTES = 16 * 1024 * 1024;

interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branches: number;
  readonly leaves: number;
  readonly overflows: number;
  readonly entries: number;
  readonly root: number;
}

interface Snapshot {
  readonly pageBytes: number;
  readonly isSynced: boolean;
  readonly lastPage: number;
  readonly txn: number;
  readonly bootId: bigint;
  readonly free: Tree;
  readonly main: Tree;
}

interface Place {
  readonly page: number;
  readonly depth: number;
  /** Keys below: from `from` (null: any) to before `to` (null: any). */
  readonly from: Buffer | null;
  readonly to: Buffer | null;
}

/** What a row of the main table looks like, its value being `bytes` from `from` to before `to`; false: it is damaged. */
export type RowCheck = (key: Buffer, bytes: Buffer, from: number, to: number) => boolean;

/**
 * Reads a whole LMDB data file: every page that its newest snapshot uses is of the shape it should have and used once, every key
 * stands where a search for it ends, nothing is missing, no free page is in use, and `isRow` holds for every row.
 *
 * Limits: holds a page of each level, or the whole of a file of 16 MiB at most; lets others run every SHELL_LIMITS.breathEveryMs. Throws: Error that says what is damaged.
 * @returns the number of the snapshot: the one that the library has to open, too.
 */
export async function checkLmdbFile(file: string, isRow: RowCheck): Promise<number> {
  const descriptor = openSync(file, 'r');
  try {
    return await new LmdbFile(descriptor, AT_ONCE_BYTES).check(isRow);
  } finally {
    closeSync(descriptor);
  }
}

/** The value of one key, or null; only the pages on the way to it are looked at. Throws: Error that says what is damaged. */
export function findInLmdbFile(file: string, key: Buffer): Buffer | null {
  const descriptor = openSync(file, 'r');
  try {
    return new LmdbFile(descriptor).find(key);
  } finally {
    closeSync(descriptor);
  }
}

class LmdbFile {
  readonly #descriptor: number;
  /** All of it; null: each page is read when it is asked for. */
  readonly #whole: Buffer | null;
  readonly #snapshot: Snapshot;
  /** Not 0 for each page that something uses. */
  readonly #used: Uint8Array;
  #breathedAt = performance.now();

  /** `atOnceBytes`: a file of up to so many is read at once. */
  constructor(descriptor: number, atOnceBytes = 0) {
    const { size } = fstatSync(descriptor);
    this.#descriptor = descriptor;
    this.#whole = size <= atOnceBytes ? readFully(descriptor, 0, size) : null;
    this.#snapshot = this.#current();
    const { lastPage, pageBytes } = this.#snapshot;
    const pagesWritten = size / pageBytes;
    // Pages at the end that are free may never have been written.
    if (
      this.#snapshot.txn >= MOST_TXNS ||
      lastPage < 1 ||
      lastPage > 2 * pagesWritten + UNWRITTEN_PAGES
    )
      throw damaged(`${pagesWritten} pages are there, and ${lastPage} should be`);
    this.#used = new Uint8Array(lastPage + 1).fill(1, 0, 2);
  }

  /** The value of one key, by the pages on the way to it. */
  find(key: Buffer): Buffer | null {
    const { depth, root } = this.#snapshot.main;
    let number = root;
    for (let level = 1; level < depth; level++) {
      const page = this.#page(number, BRANCH);
      const nodes = nodesOf(page);
      const isBelow = (node: number, index: number): boolean =>
        index === 0 || keyOf(page, node).compare(key) <= 0;
      number = childOf(page, nodes[nodes.findLastIndex(isBelow)] ?? 0);
    }
    if (number === NO_PAGE) return null;
    const page = this.#page(number, LEAF);
    const node = nodesOf(page).find((each) => keyOf(page, each).equals(key));
    return node === undefined ? null : this.#value(page, node)[0];
  }

  async check(isRow: RowCheck): Promise<number> {
    const { main, free, txn } = this.#snapshot;
    let last: Buffer | null = null;
    await this.#walk(main, (key, bytes, from, to) => {
      if (last !== null && last.compare(key) >= 0) throw damaged('its keys are in disorder');
      last = key;
      if (!isRow(key, bytes, from, to)) throw damaged('a row is not what was written');
    });
    const lists: Buffer[] = [];
    let lastId = 0;
    await this.#walk(free, (key, bytes, from, to) => {
      const id = key.length === 8 ? u64(key, 0) : 0;
      if (id <= lastId || id > txn) throw damaged('its lists of free pages are in disorder');
      lastId = id;
      lists.push(bytes.subarray(from, to));
    });
    for (const list of lists) this.#takeFree(list);
    return txn;
  }

  /** As the library chooses: the newest; after a restart of the machine the newest that is known to be on the disk. */
  #current(): Snapshot {
    const first = this.#snapshotAt(0, true);
    const bootId = currentBootId();
    const choose = (one: Snapshot, other: Snapshot): Snapshot => {
      if (other.txn === 0) return one;
      const [newer, older] = one.txn >= other.txn ? [one, other] : [other, one];
      return newer.isSynced || bootId === null || newer.bootId === bootId ? newer : older;
    };
    const newest = choose(first, this.#snapshotAt(first.pageBytes, true));
    const synced = this.#snapshotAt(first.pageBytes / 2, false);
    return { ...choose(newest, synced), pageBytes: first.pageBytes };
  }

  /** The copy in the middle of the first page has no head. */
  #snapshotAt(at: number, hasHead: boolean): Snapshot {
    const page = this.#read(at, META_BYTES);
    const meta = page.subarray(HEADER_BYTES);
    const isMeta = meta.readUInt32LE(0) === MAGIC && meta.readUInt32LE(4) === DATA_VERSION;
    if (hasHead && (page.readUInt16LE(18) !== META || !isMeta))
      throw damaged('it is no LMDB file of this version');
    const pageBytes = meta.readUInt32LE(24);
    const isPower = (pageBytes & (pageBytes - 1)) === 0;
    if (hasHead && (pageBytes < 512 || pageBytes > PAGE_BYTES_MOST || !isPower))
      throw damaged(`its pages have ${pageBytes} bytes`);
    return {
      pageBytes,
      isSynced: (meta.readUInt16LE(28) & NOT_SYNCED) === 0,
      free: treeAt(meta, 24),
      main: treeAt(meta, 72),
      lastPage: u64(meta, 120),
      txn: u64(meta, 128),
      bootId: meta.readBigInt64LE(136),
    };
  }

  /** `onRow` throws when its keys do not rise. */
  async #walk(
    tree: Tree,
    onRow: (key: Buffer, bytes: Buffer, from: number, to: number) => void,
  ): Promise<void> {
    const isFree = tree === this.#snapshot.free;
    if ((tree.flags & ~NOT_SYNCED) !== (isFree ? INTEGER_KEYS : 0))
      throw damaged('a tree has unknown flags');
    const found = { branches: 0, leaves: 0, overflows: 0, entries: 0 };
    const places: Place[] = [];
    if (tree.root !== NO_PAGE) places.push({ page: tree.root, depth: 1, from: null, to: null });
    for (let place = places.pop(); place !== undefined; place = places.pop()) {
      const page = this.#page(place.page, place.depth === tree.depth ? LEAF : BRANCH);
      const nodes = nodesOf(page);
      if (place.depth < tree.depth) {
        found.branches += 1;
        places.push(...this.#children(page, nodes, place, isFree).reverse());
      } else {
        found.leaves += 1;
        found.entries += nodes.length;
        for (let index = 0; index < nodes.length; index++) {
          const node = nodes[index] as number;
          const key = keyOf(page, node);
          // Between the first and the last stand those between, as keys rise.
          const isEdge = index === 0 || index === nodes.length - 1;
          if (isEdge && !isWithin(key, place, isFree))
            throw damaged('a key stands where none looks for it');
          if (page.readUInt16LE(node + 4) === 0) {
            const from = node + NODE_BYTES + key.length;
            onRow(key, page, from, from + page.readUInt32LE(node));
          } else {
            const [value, pages] = this.#value(page, node);
            found.overflows += pages;
            onRow(key, value, 0, value.length);
          }
        }
      }
      if (performance.now() - this.#breathedAt < SHELL_LIMITS.breathEveryMs) continue;
      await breathe();
      this.#breathedAt = performance.now();
    }
    const { branches, leaves, overflows, entries } = tree;
    const isWhole =
      found.branches === branches && found.leaves === leaves && found.overflows === overflows;
    if (!isWhole || found.entries !== entries)
      throw damaged(
        `${found.entries} of ${entries} rows are there, on other pages than there were`,
      );
  }

  #children(page: Buffer, nodes: readonly number[], place: Place, isFree: boolean): Place[] {
    if (nodes.length < 2) throw damaged('a branch has too few pages below it');
    return nodes.map((node, index) => {
      const next = nodes[index + 1];
      // The first key of a branch says nothing.
      const from = index === 0 ? place.from : keyOf(page, node);
      const to = next === undefined ? place.to : keyOf(page, next);
      if (from !== place.from && from !== null && !isWithin(from, place, isFree))
        throw damaged('a branch has keys of another');
      return { page: childOf(page, node), depth: place.depth + 1, from, to };
    });
  }

  /** A value, and how many pages it has to itself. */
  #value(page: Buffer, node: number): readonly [Buffer, number] {
    const bytes = page.readUInt32LE(node);
    const at = node + NODE_BYTES + page.readUInt16LE(node + 6);
    const flags = page.readUInt16LE(node + 4);
    if (flags === 0) return [page.subarray(at, at + bytes), 0];
    const first = u64(page, at);
    const pages = u64(page, at + 16);
    const { pageBytes, lastPage } = this.#snapshot;
    const isFit = pages === Math.floor((HEADER_BYTES - 1 + bytes) / pageBytes) + 1;
    if (flags !== BIG_DATA || !isFit || first + pages > lastPage + 1)
      throw damaged('a large value is not where it should be');
    const value = this.#page(first, OVERFLOW, pages);
    return [value.subarray(HEADER_BYTES, HEADER_BYTES + bytes), pages];
  }

  #page(number: number, kind: number, pages = 1): Buffer {
    const { pageBytes, txn } = this.#snapshot;
    for (let page = number; page < number + pages; page++) this.#use(page);
    const page = this.#read(number * pageBytes, pages * pageBytes);
    const isRight =
      u64(page, 0) === number && u64(page, 8) <= txn && page.readUInt32LE(16) === kind << 16;
    if (!isRight || (kind === OVERFLOW && page.readUInt32LE(20) !== pages))
      throw damaged(`page ${number} is not the one that it should be`);
    return page;
  }

  /** A negative number says how many pages stand free from the next number on; 0 says nothing. */
  #takeFree(list: Buffer): void {
    const count = list.length >= 8 ? u64(list, 0) : 0;
    if (count > list.length / 8 - 1) throw damaged('a list of free pages is cut off');
    let block = 1;
    for (let at = 8; at <= count * 8; at += 8) {
      const entry = Number(list.readBigInt64LE(at));
      if (entry < 0) block = -entry;
      if (entry <= 0) continue;
      if (block > this.#used.length) throw damaged('more pages are free than there are');
      for (let page = entry; page < entry + block; page++) this.#use(page);
      block = 1;
    }
  }

  #use(page: number): void {
    if (this.#used[page] !== 0) throw damaged(`page ${page} is used twice, or is none`);
    this.#used[page] = 1;
  }

  #read(at: number, bytes: number): Buffer {
    if (this.#whole === null) return readFully(this.#descriptor, at, bytes);
    if (at + bytes > this.#whole.length) throw damaged('it is cut off');
    return this.#whole.subarray(at, at + bytes);
  }
}

function readFully(descriptor: number, at: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  let read = 0;
  while (read < bytes) {
    const more = readSync(descriptor, buffer, read, bytes - read, at + read);
    if (more === 0) throw damaged('it is cut off');
    read += more;
  }
  return buffer;
}

/** Where the nodes of a page begin, in the order of their keys; they fill the page from the place it names to its end. */
function nodesOf(page: Buffer): readonly number[] {
  const lower = page.readUInt16LE(20);
  const upper = page.readUInt16LE(22);
  const isLeaf = page.readUInt16LE(18) === LEAF;
  if (lower === 0 || lower % 2 !== 0 || upper < lower || upper + HEADER_BYTES > page.length)
    throw damaged('a page does not say where its rows are');
  const nodes: number[] = [];
  for (let at = HEADER_BYTES; at < HEADER_BYTES + lower; at += 2)
    nodes.push(page.readUInt16LE(at) + HEADER_BYTES);
  let end = HEADER_BYTES + upper;
  for (const node of Uint32Array.from(nodes).sort()) {
    if (node !== end || node + NODE_BYTES > page.length)
      throw damaged('the rows of a page do not stand side by side');
    const isBig = page.readUInt16LE(node + 4) !== 0;
    const valueBytes = !isLeaf ? 0 : isBig ? OVERFLOW_NODE_BYTES : page.readUInt32LE(node);
    end = evenFrom(node + NODE_BYTES + page.readUInt16LE(node + 6) + valueBytes);
  }
  if (end !== page.length) throw damaged('a row does not end with its page');
  return nodes;
}

function evenFrom(bytes: number): number {
  return bytes + (bytes % 2);
}

/** The page below a node of a branch. */
function childOf(page: Buffer, node: number): number {
  return page.readUInt32LE(node) + page.readUInt16LE(node + 4) * 2 ** 32;
}

function keyOf(page: Buffer, node: number): Buffer {
  const start = node + NODE_BYTES;
  return page.subarray(start, start + page.readUInt16LE(node + 6));
}

function isWithin(key: Buffer, { from, to }: Place, isInteger: boolean): boolean {
  const order = isInteger ? compareIntegers : Buffer.compare;
  return (from === null || order(key, from) >= 0) && (to === null || order(key, to) < 0);
}

function compareIntegers(left: Buffer, right: Buffer): number {
  if (left.length !== 8 || right.length !== 8) throw damaged('a list of free pages has no number');
  return u64(left, 0) - u64(right, 0);
}

function treeAt(meta: Buffer, at: number): Tree {
  return {
    flags: meta.readUInt16LE(at + 4),
    depth: meta.readUInt16LE(at + 6),
    branches: u64(meta, at + 8),
    leaves: u64(meta, at + 16),
    overflows: u64(meta, at + 24),
    entries: u64(meta, at + 32),
    root: u64(meta, at + 40),
  };
}

/** Past 2^53 rounded: no such number is right, and NO_PAGE is what it becomes. */
function u64(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 2 ** 32;
}

/** As the library has it: the first digits of what the kernel says. Null where the kernel says nothing. */
function currentBootId(): bigint | null {
  try {
    const text = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    return BigInt(`0x${/^[0-9a-f]+/.exec(text)?.[0] ?? '0'}`);
  } catch {
    return null;
  }
}

function damaged(what: string): Error {
  return new Error(`its file is damaged: ${what}`);
}
