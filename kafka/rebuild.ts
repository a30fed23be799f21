import type { BatchChanges, RestoredEntry } from '../engine/journal.ts';
import type { JournalReader } from '../engine/journal-reader.ts';
import type { Checkpoint } from '../engine/state-store.ts';
import { SHELL_LIMITS } from './limits.ts';
import type { StoreKeeper } from './store-keeper.ts';

/**
 * Brings a journal into a task's state, and what that changed on to its store, many batches at a time. A store that is empty gets states and
 * event ids as they stand in the journal, past the state's tables.
 *
 * Order: `read` for each record, `handOver` where no more come at once, `finish` before the state is read.
 * Invariant J9a: the checkpoint that is handed over is that of the last batch whose changes are.
 */
export class Rebuild {
  readonly #journal: JournalReader;
  readonly #keeper: StoreKeeper | null;
  readonly #topicId: string;
  #reached: Checkpoint | null = null;
  #changes = 0;

  /** `keeper`: null without a store. */
  constructor(journal: JournalReader, keeper: StoreKeeper | null, topicId: string) {
    this.#journal = journal;
    this.#keeper = keeper;
    this.#topicId = topicId;
    if (keeper?.isEmpty === true) journal.state.fill();
  }

  /** Throws: as `JournalReader.read`. */
  read(offset: number, entry: RestoredEntry): void {
    if (!this.#journal.read(offset, entry) || this.#keeper === null) return;
    // Now: a fence that is read before the changes are handed over belongs behind them.
    this.#reached = this.#journal.checkpointAfter(offset, this.#topicId);
    if (entry.kind === 'batch') this.#changes += changesOf(entry.batch);
    if (this.#changes >= SHELL_LIMITS.storeWriteChanges) this.handOver();
  }

  handOver(): void {
    if (this.#reached === null) return;
    this.#keeper?.confirmed(this.#journal.state.takeChanges(), this.#reached);
    this.#reached = null;
    this.#changes = 0;
  }

  /** Resolves when all that was read can be read from the state. Throws: EngineError STORE_FAILED (retake). */
  async finish(): Promise<void> {
    this.handOver();
    if (!this.#journal.state.isFilling || this.#keeper === null) return;
    await this.#keeper.idle();
    if (this.#keeper.failure !== null) throw this.#keeper.failure;
    this.#journal.state.filled();
  }

  /** Resolves when the store has taken enough for more to be read; undefined: it has. */
  room(signal: AbortSignal): Promise<void> | undefined {
    return this.#keeper?.isFull === true ? this.#keeper.room(signal) : undefined;
  }
}

function changesOf(batch: BatchChanges): number {
  const { states, seen, seen_sets: sets, effects, timers, parked, references } = batch;
  return [states, seen, sets, effects, timers, parked, references].reduce(
    (sum, { length }) => sum + length,
    0,
  );
}
