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
  #waitingChanges = 0;
  /** Ends the gathering. */
  readonly #hurry = new Wake();
  /** How many wait for what is gathered to be written. */
  #awaited = 0;
  #writing: Promise<void> | null = null;
  #failure: EngineError | null = null;

  /** Called with STORE_FAILED when a write did not stand; nothing is written after that. */
  constructor(store: StateStore, state: TaskState, onFailed: (error: EngineError) => void) {
    this.#store = store;
    this.#state = state;
    this.#onFailed = onFailed;
  }

  confirmed(taken: TakenChanges, checkpoint: Checkpoint): void {
    if (this.#failure !== null) return;
    this.#waiting.push({ taken, checkpoint });
    this.#waitingChanges += sizeOf(taken);
    this.#writing ??= this.#write();
    if (this.#isEnough) this.#hurry.signal();
  }

  /** Whether so much waits in memory that a task takes no more before `room` has resolved. */
  get isFull(): boolean {
    if (this.#failure !== null) return false;
    return (
      this.#waiting.length >= SHELL_LIMITS.storeBatches ||
      this.#waitingChanges >= SHELL_LIMITS.storeChanges
    );
  }

  /** Resolves when few enough changes wait in memory for the task to take more. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.isFull && !signal.aborted)
      await Promise.race([this.#writing, pause(1_000, signal)]);
  }

  /** Whether its store has nothing. */
  get isEmpty(): boolean {
    return this.#store.checkpoint === null;
  }

  /** Why a write did not stand; null: all did. */
  get failure(): EngineError | null {
    return this.#failure;
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
    return (
      this.#awaited > 0 ||
      this.#waiting.length >= SHELL_LIMITS.storeBatches / 2 ||
      this.#waitingChanges >= SHELL_LIMITS.storeWriteChanges
    );
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        if (!this.#isEnough) await this.#hurry.wait(SHELL_LIMITS.storeGatherMs);
        await this.#writeSome();
      }
    } catch (error) {
      this.#failure = asStoreFailure(error);
      this.#waiting.length = 0;
      this.#waitingChanges = 0;
      this.#onFailed(this.#failure);
    } finally {
      this.#writing = null;
    }
  }

  async #writeSome(): Promise<void> {
    const portion: Confirmed[] = [];
    let count = 0;
    while (count < SHELL_LIMITS.storeWriteChanges) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      portion.push(next);
      count += sizeOf(next.taken);
    }
    this.#waitingChanges -= count;
    const last = portion.at(-1);
    if (last === undefined) return;
    const rows = portion.flatMap(({ taken }) => taken.rows);
    await this.#store.write(newest(portion), last.checkpoint, rows);
    this.#state.settle(last.taken.generation);
  }
}

function sizeOf({ changes, rows }: TakenChanges): number {
  return rows.reduce((sum, { length }) => sum + length, changes.length);
}

/** Of each key its last change. */
function newest(portion: readonly Confirmed[]): readonly StoreChange[] {
  const [only, ...more] = portion;
  if (only !== undefined && more.length === 0) return only.taken.changes;
  const changes = new Map<string, StoreChange>();
  for (const { taken } of portion)
    for (const change of taken.changes) changes.set(`${change.table}|${change.key}`, change);
  return [...changes.values()];
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
