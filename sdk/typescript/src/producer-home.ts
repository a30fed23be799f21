import { BotError } from './bot-error.ts';
import { LIMITS } from './limits.ts';
import { Spool } from './spool.ts';
import { lockSpool } from './spool-lock.ts';
import { newIncarnation, readState, type SpoolState, writeState } from './spool-state.ts';

/**
 * The numbers of a producer and the spool they belong to.
 *
 * Invariants (J7a):
 * 1. A sequence is never given to two events: where the end of the spool cannot be believed, or the topic's partitions are
 *    others now, a new and greater incarnation begins, and counts from 1.
 * 2. Else an event has the same sequence each time it is sent, also by a later process.
 * 3. What is acknowledged need not be written: until it can be, an older state stands there with the events that it needs, and
 *    a later process sends those again. A disk that is full ends nothing here.
 */
export class ProducerHome {
  /** Null: nothing outlives the process. */
  readonly spool: Spool | null;
  readonly #unlock: () => void;
  #state: SpoolState;
  #timer: NodeJS.Timeout | null = null;
  #writtenAt = -Infinity;
  #isClosed = false;

  private constructor(spool: Spool | null, state: SpoolState, unlock: () => void) {
    this.spool = spool;
    this.#state = state;
    this.#unlock = unlock;
  }

  /** Throws: BotError SPOOL_IN_USE, SPOOL_FAILED. */
  static open(folder: string | null, producerId: string): ProducerHome {
    if (folder === null) return new ProducerHome(null, firstState(producerId, 0), () => undefined);
    const unlock = guarded(folder, () => lockSpool(folder));
    try {
      return guarded(folder, () => {
        const spool = Spool.open(folder);
        const home = new ProducerHome(spool, stateOf(spool, producerId), unlock);
        home.#write(false);
        return home;
      });
    } catch (error) {
      unlock();
      throw error;
    }
  }

  get state(): SpoolState {
    return this.#state;
  }

  get damagedBytes(): number {
    return this.spool?.damagedBytes ?? 0;
  }

  /** Counts anew, for that many partitions. */
  renewed(partitions: number): SpoolState {
    const { producerId, incarnation, next } = this.#state;
    const sequences = Array.from({ length: partitions }, () => 0);
    return { producerId, incarnation: newIncarnation(incarnation), partitions, next, sequences };
  }

  /** Takes over what is acknowledged, and writes it down now and then. Throws: Error where a new incarnation cannot be written. */
  progressed(state: SpoolState): void {
    if (this.#isClosed) return;
    const isOther = state.incarnation !== this.#state.incarnation;
    if (isOther) this.#write(false, state);
    this.#state = state;
    if (isOther || this.spool === null) return;
    const waitMs = this.#writtenAt + LIMITS.checkpointMs - performance.now();
    if (waitMs <= 0) this.#tryToWrite();
    else this.#timer ??= setTimeout(() => this.#tryToWrite(), waitMs).unref();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    try {
      this.spool?.sync();
      this.#write(true);
    } catch {
      // Invariant 3.
    }
    this.spool?.close();
    this.#unlock();
  }

  #tryToWrite(): void {
    try {
      this.#write(false);
    } catch {
      // Invariant 3.
    }
  }

  #write(closed: boolean, state: SpoolState = this.#state): void {
    this.#timer = null;
    this.#writtenAt = performance.now();
    if (this.spool === null || (this.#isClosed && !closed)) return;
    writeState(this.spool.folder, state, closed);
    this.spool.forget(state.next);
  }
}

function guarded<Value>(folder: string, step: () => Value): Value {
  try {
    return step();
  } catch (cause) {
    if (cause instanceof BotError) throw cause;
    const why = (cause as Error).message;
    const message = `the spool ${folder} cannot be used: ${why}; give a folder that this process may write`;
    throw new BotError('SPOOL_FAILED', message, { cause });
  }
}

function stateOf(spool: Spool, producerId: string): SpoolState {
  const found = readState(spool.folder);
  if (found === null) return firstState(producerId, spool.first);
  const { state, isWhole } = found;
  const isWithin = state.next >= spool.first && state.next <= spool.end;
  const isSame = state.producerId === producerId;
  if (isWhole && isWithin && isSame && spool.damagedBytes === 0) return state;
  const next = isWithin ? state.next : spool.first;
  const incarnation = newIncarnation(state.incarnation);
  return { ...firstState(producerId, next), incarnation };
}

function firstState(producerId: string, next: number): SpoolState {
  return { producerId, incarnation: newIncarnation(), partitions: null, next, sequences: [] };
}
