import type { Anchor, Again, Batch, Fence } from '../engine/journal.ts';
import { type LiveRow, liveRows } from '../engine/live-rows.ts';
import type { StateStore } from '../engine/state-store.ts';
import type { TaskState } from '../engine/task-state.ts';
import type { Micros } from '../engine/event.ts';
import type { RestoredTask } from './restore.ts';
import type { TaskSurroundings } from './task-runner.ts';

export interface CleaningSettings {
  /** Bytes appended behind an anchor, and twice what it put again, before the next one. */
  readonly minBytes: number;
  /** Journal that is younger is kept: what `why`, `replay --check` and takeovers may look back at. */
  readonly historyMs: number;
  /** Of live records put again in one batch: bounds how long others wait behind it. */
  readonly batchBytes: number;
  /** How often it looks for what may be deleted. */
  readonly lookMs: number;
}

export const CLEANING_DEFAULTS: CleaningSettings = {
  minBytes: 64 * 1024 * 1024,
  historyMs: 3_600_000,
  batchBytes: 256 * 1024,
  lookMs: 1_000,
};

/** Where a record came to stand, and how large it is. */
export interface Appended {
  readonly offset: number;
  readonly bytes: number;
}

/** An anchor on its way: what is live is being put again behind it. */
interface Walk {
  readonly again: Omit<Again, 'is_last'>;
  readonly rows: Generator<LiveRow>;
}

export interface JournalCleanerOptions {
  readonly surroundings: TaskSurroundings;
  readonly own: RestoredTask;
  readonly partition: number;
  readonly store: StateStore | null;
  readonly fence: { readonly offset: number; readonly record: Fence };
  readonly clock: () => Micros;
  /** Appends, and resolves when that is confirmed and known to state and store. */
  append(entry: Anchor | Batch): Promise<Appended>;
}

/**
 * Keeps a journal from growing without end (J9): an anchor, everything live put again behind it, and then the log may
 * begin there. A step of the task's loop between two batches, so nothing else is in flight.
 *
 * Invariants: what is put again is the newest form in memory; nothing is deleted before all of it is confirmed, every
 * emit before the anchor is covered by a journaled watermark, and the store needs nothing from before it.
 */
export class JournalCleaner {
  readonly #options: JournalCleanerOptions;
  readonly #state: TaskState;
  #bytes: number;
  #lastPutAgain = 0;
  #walk: Walk | null = null;
  #putAgain = 0;
  #cleanedTo = -1;
  #deleting: Promise<void> | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: JournalCleanerOptions) {
    this.#options = options;
    this.#bytes = options.own.bytesRead;
    this.#state = options.own.journal.state;
  }

  /** Whether it wants to append without waiting for other work. */
  get hasWork(): boolean {
    return this.#walk !== null || this.#isDue;
  }

  noteAppended(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Order: between two batches, with nothing in the making that has emits. */
  async step(): Promise<void> {
    if (this.#walk !== null) await this.#putSome(this.#walk);
    else if (this.#isDue) await this.#begin();
    this.#deleteWhatMayGo();
  }

  /** Resolves when no request is under way. */
  async ended(): Promise<void> {
    await this.#deleting;
  }

  get #isDue(): boolean {
    const { minBytes } = this.#options.surroundings.cleaning;
    return this.#bytes >= Math.max(minBytes, 2 * this.#lastPutAgain);
  }

  async #begin(): Promise<void> {
    const { own, store, fence, append } = this.#options;
    const state = this.#state;
    // A walk over the store must find all that the anchor stands behind.
    await own.keeper?.idle();
    const { deployment, edges_hash, application, task } = fence.record;
    state.n += 1;
    const anchor: Anchor = {
      ...{ application, task, deployment, edges_hash },
      fence: fence.offset,
      n: state.n,
      time: state.time,
      positions: [...state.positions.values()],
      marks: [...state.marks.values()],
      producers: [...state.producers.values()],
      watermarks: [...state.watermarks.values()],
    };
    const { offset } = await append(anchor);
    this.#bytes = 0;
    this.#putAgain = 0;
    const rows = liveRows(state, store);
    this.#walk = { again: { anchor: offset, time: anchor.time }, rows };
  }

  async #putSome({ again, rows }: Walk): Promise<void> {
    const { surroundings, fence, append } = this.#options;
    const state = this.#state;
    const batch = new AgainBatch();
    let isLast = false;
    while (!isLast && batch.bytes < surroundings.cleaning.batchBytes) {
      const next = rows.next();
      if (next.done === true) isLast = true;
      else batch.add(next.value);
    }
    state.n += 1;
    const told: Again = { ...again, is_last: isLast };
    if (isLast) state.applyAnchored(told);
    const { n, time } = state;
    const { bytes } = await append(batch.sealed({ fence: fence.offset, n, time, again: told }));
    this.#putAgain += bytes;
    if (!isLast) return;
    this.#lastPutAgain = this.#putAgain;
    this.#walk = null;
  }

  /** In the background: the same request may be sent again, by anybody, and late. */
  #deleteWhatMayGo(): void {
    const { lookMs } = this.#options.surroundings.cleaning;
    if (this.#deleting !== null || performance.now() - this.#lookedAt < lookMs) return;
    this.#lookedAt = performance.now();
    const offset = this.#mayBegin();
    if (offset === null) return;
    const { surroundings, partition } = this.#options;
    const { admin, names, topology, log } = surroundings;
    const topic = names.physical(topology.journal);
    this.#deleting = admin
      .deleteRecords(topic, partition, offset)
      .then(
        () => void (this.#cleanedTo = offset),
        (error: unknown) =>
          log.warn({ topic, partition, offset, error }, 'journal not cleaned; tried again'),
      )
      .finally(() => (this.#deleting = null));
  }

  /** The newest anchor at which the log may begin now. */
  #mayBegin(): number | null {
    const { surroundings, own, store, clock } = this.#options;
    const youngest = clock() - surroundings.cleaning.historyMs * 1000;
    const uncovered = own.journal.emitFloor.place?.offset ?? Number.POSITIVE_INFINITY;
    const stored =
      store === null ? Number.POSITIVE_INFINITY : (store.checkpoint?.emitsFrom.offset ?? -1);
    const fit = [...this.#state.anchors.values()].filter(
      ({ offset, time }) =>
        time <= youngest && offset <= uncovered && offset <= stored && offset > this.#cleanedTo,
    );
    return fit.at(-1)?.offset ?? null;
  }
}

/** Live records on their way into a batch. */
class AgainBatch {
  readonly #rows: LiveRow['row'][] = [];
  bytes = 0;

  add({ row, bytes }: LiveRow): void {
    this.#rows.push(row);
    this.bytes += bytes;
  }

  sealed(of: Pick<Batch, 'fence' | 'n' | 'time'> & { readonly again: Again }): Batch {
    return {
      ...of,
      ...{
        inputs: [],
        positions: [],
        marks: [],
        producers: [],
        emits: [],
        seen: [],
        watermarks: [],
      },
      states: this.#rows.flatMap(({ states }) => states ?? []),
      seen_sets: this.#rows.flatMap(({ seen_sets: sets }) => sets ?? []),
      timers: this.#rows.flatMap(({ timers }) => timers ?? []),
      parked: this.#rows.flatMap(({ parked }) => parked ?? []),
      effects: this.#rows.flatMap(({ effects }) => effects ?? []),
      references: this.#rows.flatMap(({ references }) => references ?? []),
    };
  }
}
