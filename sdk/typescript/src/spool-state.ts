import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { bootId } from './spool-lock.ts';

const FILE = 'producer.json';
const FORMAT = 1;
const RANDOM_STEPS = 4096;

/** Who a producer is, and from where on its numbers count (J7a). */
export interface ProducerIdentity {
  readonly producerId: string;
  /** A number that grows with each new one. */
  readonly incarnation: number;
}

/** What stands in `producer.json` of a spool. */
export interface SpoolState extends ProducerIdentity {
  /** Of the topic, as it was when sequences were first given; null: nothing was sent yet. */
  readonly partitions: number | null;
  /** Number of the first event that is not acknowledged. */
  readonly next: number;
  /** The highest sequence given to events before `next`, by partition. */
  readonly sequences: readonly number[];
}

interface StoredState extends SpoolState {
  readonly format: number;
  readonly boot: string;
  readonly closed: boolean;
}

/** Greater than any made before, here or, by the clock, elsewhere: the time in ms, and 12 random bits. */
export function newIncarnation(previous = 0): number {
  const random = crypto.getRandomValues(new Uint16Array(1))[0] ?? 0;
  return Math.max(Date.now() * RANDOM_STEPS + (random % RANDOM_STEPS), previous + 1);
}

/**
 * The state of a spool, and whether its end can be believed: it was closed in order, or the system still runs that
 * wrote it. Null: there is none that can be read.
 */
export function readState(folder: string): { state: SpoolState; isWhole: boolean } | null {
  try {
    const stored = JSON.parse(readFileSync(join(folder, FILE), 'utf8')) as StoredState;
    if (stored.format !== FORMAT || !Number.isSafeInteger(stored.next)) return null;
    if (!Number.isSafeInteger(stored.incarnation)) return null;
    const { boot, closed } = stored;
    return { state: stored, isWhole: closed || (boot !== '' && boot === bootId()) };
  } catch {
    return null;
  }
}

/** Written beside and moved into place: a crash leaves the old one or the new one. `closed` also syncs it. */
export function writeState(folder: string, state: SpoolState, closed: boolean): void {
  const { producerId, incarnation, partitions, next, sequences } = state;
  const stored: StoredState = {
    format: FORMAT,
    producerId,
    incarnation,
    partitions,
    next,
    sequences,
    boot: bootId(),
    closed,
  };
  const file = join(folder, FILE);
  const handle = openSync(`${file}.new`, 'w');
  try {
    writeSync(handle, JSON.stringify(stored));
    if (closed) fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(`${file}.new`, file);
}
