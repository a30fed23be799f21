import { EngineError } from '../engine/errors.ts';
import type { Checkpoint, StateStore, StoreChange } from '../engine/state-store.ts';
import type { TakenChanges, TaskState } from '../engine/task-state.ts';
import { SHELL_LIMITS } from './limits.ts';
import { pause, Wake } from './wait.ts';

interface Confirmed {
  readonly taken: TakenChanges;
  readonly checkpoint: Checkpoint;
}

/**
 * Brings confirmed changes into a task's store, some batches in one write: a write costs what it costs, be it of one change
 * or of a hundred, and a key that changes several times in a row is written once. What a process that dies had gathered
 * stands in the journal, and is read from there.
 *
 * Invariant J9a: only what the journal is known to hold comes here, in its order, and each write ends with the
 * checkpoint of its last batch.
 */
export class StoreKeeper {
  readonly #store: StateStore;
  readonly #state: TaskState;
  readonly #onFailed: (error: EngineError) => void;
  readonly #waiting: Confirmed[] = [];
  /** Ends the gathering. */
  readonly #hurry = new Wake();
  /** How many wait for what is gathered to be written. */
  #awaited = 0;
  #writing: Promise<void> | null = null;
  #failed = false;

  /** Called with STORE_FAILED when a write did not stand; nothing is written after that. */
  constructor(store: StateStore, state: TaskState, onFailed: (error: EngineError) => void) {
    this.#store = store;
    this.#state = state;
    this.#onFailed = onFailed;
  }

  confirmed(taken: TakenChanges, checkpoint: Checkpoint): void {
    if (this.#failed) return;
    this.#waiting.push({ taken, checkpoint });
    this.#writing ??= this.#write();
    if (this.#isEnough) this.#hurry.signal();
  }

  /** Resolves when few enough changes wait in memory for the task to take more. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.#waiting.length >= SHELL_LIMITS.storeBatches && !signal.aborted && !this.#failed)
      await Promise.race([this.#writing, pause(1_000, signal)]);
  }

  /** Resolves when nothing is being written and nothing waits. */
  async idle(): Promise<void> {
    this.#awaited += 1;
    this.#hurry.signal();
    while (this.#writing !== null) await this.#writing;
    this.#awaited -= 1;
  }

  /** Whether there is no use in waiting for more: so much waits that a task would soon have to, or somebody does. */
  get #isEnough(): boolean {
    return this.#awaited > 0 || this.#waiting.length >= SHELL_LIMITS.storeBatches / 2;
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        if (!this.#isEnough) await this.#hurry.wait(SHELL_LIMITS.storeGatherMs);
        await this.#writeSome();
      }
    } catch (error) {
      this.#failed = true;
      this.#waiting.length = 0;
      this.#onFailed(asStoreFailure(error));
    } finally {
      this.#writing = null;
    }
  }

  async #writeSome(): Promise<void> {
    const changes = new Map<string, StoreChange>();
    let last: Confirmed | undefined;
    while (changes.size < SHELL_LIMITS.storeWriteChanges) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      for (const change of next.taken.changes) changes.set(`${change.table}|${change.key}`, change);
      last = next;
    }
    if (last === undefined) return;
    await this.#store.write([...changes.values()], last.checkpoint);
    this.#state.settle(last.taken.generation);
  }
}

function asStoreFailure(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new EngineError(
    'STORE_FAILED',
    'retake',
    `The local store could not be written: ${reason}. Look at the disk; the task goes on from its journal.`,
    { cause: error },
  );
}
