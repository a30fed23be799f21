import { EngineError } from './errors.ts';
import {
  type Anchor,
  type BatchChanges,
  byOutput,
  type Fence,
  outputOf,
  type PlacedEmit,
  type RestoredEntry,
} from './journal.ts';
import { EmitFloor } from './emit-floor.ts';
import type { Checkpoint } from './state-store.ts';
import { isAfter } from './origin.ts';
import { TaskState } from './task-state.ts';

export { isAfter } from './origin.ts';

/** An emit that the journal holds, in its record at `offset`, and whose acknowledgement it does not. */
export interface UnpublishedEmit {
  readonly offset: number;
  readonly n: number;
  readonly emit: PlacedEmit;
}

/**
 * Reads a journal partition record by record and keeps what is valid.
 *
 * A fence is named by its offset. A batch is valid iff the last fence before it stands at the offset it
 * names and its n is one more than that of the last valid batch (J2): a zombie's batch, a copy, swapped
 * batches and what follows a lost batch are void by themselves.
 *
 * Order: `read` is called with every record of the partition from `start` on, in offset order.
 */
export class JournalReader {
  readonly state: TaskState;
  /** Output partition (`outputOf`) → emits after its watermark, oldest first. */
  readonly unpublished = new Map<string, UnpublishedEmit[]>();
  /** From where the emits without a journaled watermark can be read again. */
  readonly emitFloor: EmitFloor;
  lastFence: { readonly offset: number; readonly fence: Fence } | null = null;
  /** The fence under which the last valid batch was written: it says by which graph (J6). */
  lastWorkedFence: Fence | null = null;
  voidBatches = 0;
  #started = false;
  /** While records below the checkpoint are read: for their emits, the state has them. */
  #behind: { readonly checkpoint: Checkpoint; fence: number; n: number } | null = null;

  /** `state` that was taken from a store at `checkpoint`; absent: empty, read from the log's start. */
  constructor(state: TaskState = new TaskState(), checkpoint: Checkpoint | null = null) {
    this.state = state;
    this.emitFloor = new EmitFloor(state.watermarks.values());
    if (checkpoint === null) return;
    const { fence, n } = checkpoint.emitsFrom;
    this.#behind = { checkpoint, fence, n };
    this.#started = true;
  }

  /**
   * True when the entry was a valid batch or anchor that changed the state.
   *
   * Throws: EngineError STORE_FOREIGN (retake) when the journal does not hold what the checkpoint says (J9a).
   */
  read(offset: number, entry: RestoredEntry): boolean {
    if (this.#behind !== null) {
      this.#readBehind(this.#behind, offset, entry);
      return false;
    }
    if (entry.kind === 'fence') {
      this.lastFence = { offset, fence: entry.fence };
      this.#started = true;
      return false;
    }
    if (entry.kind === 'anchor') return this.#readAnchor(offset, entry);
    if (!this.#isValid(entry.batch)) {
      this.voidBatches += 1;
      return false;
    }
    this.#keepEmits(offset, entry.batch);
    this.state.applyBatch(entry.batch);
    this.lastWorkedFence = this.lastFence?.fence ?? null;
    return true;
  }

  /** Of a store that has everything up to and with the record at `offset`; null before any batch. */
  checkpointAfter(offset: number, topicId: string): Checkpoint | null {
    if (this.lastFence === null) return null;
    const { n, time } = this.state;
    const place = { offset: offset + 1, fence: this.lastFence.offset, n };
    return {
      ...place,
      topicId,
      time,
      fenceRecord: this.lastFence.fence,
      emitsFrom: this.emitFloor.place ?? { offset, fence: place.fence, n: n - 1 },
    };
  }

  #readBehind(
    behind: { readonly checkpoint: Checkpoint; fence: number; n: number },
    offset: number,
    entry: RestoredEntry,
  ): void {
    const { checkpoint } = behind;
    if (entry.kind === 'fence') behind.fence = offset;
    else {
      const body = entry.kind === 'batch' ? entry.batch : entry.anchor;
      if (body.fence === behind.fence && body.n === behind.n + 1) {
        this.#keepEmits(offset, entry.kind === 'batch' ? entry.batch : emitsOf(entry.anchor));
        behind.n = body.n;
      }
    }
    if (offset < checkpoint.offset - 1) return;
    const { fence, n } = behind;
    const isSame = offset === checkpoint.offset - 1 && entry.kind !== 'fence';
    if (!isSame || fence !== checkpoint.fence || n !== checkpoint.n)
      throw new EngineError(
        'STORE_FOREIGN',
        'retake',
        `The store stands at ${checkpoint.offset} of another journal: batch ${n} under fence ${fence} is ` +
          `there, and not ${checkpoint.n} under ${checkpoint.fence}. It is made anew from the journal.`,
      );
    this.lastFence = { offset: fence, fence: checkpoint.fenceRecord };
    this.lastWorkedFence = checkpoint.fenceRecord;
    this.#behind = null;
  }

  #keepEmits(offset: number, batch: EmitsOf): void {
    this.emitFloor.add({ offset, fence: batch.fence, n: batch.n - 1 }, batch);
    this.#keepUnpublished(offset, batch);
  }

  #readAnchor(offset: number, entry: Extract<RestoredEntry, { kind: 'anchor' }>): boolean {
    if (!this.#started) {
      // A cleaned log begins with an anchor, which names the fence it was written under (J9).
      this.state.applyAnchor(entry.anchor);
      this.#started = true;
      this.lastFence = { offset: entry.anchor.fence, fence: fenceOfAnchor(entry, offset) };
      this.lastWorkedFence = this.lastFence.fence;
    } else if (
      entry.anchor.fence === this.lastFence?.offset &&
      entry.anchor.n === this.state.n + 1
    ) {
      this.#keepEmits(offset, emitsOf(entry.anchor));
      this.state.applyAnchor(entry.anchor);
    } else {
      this.voidBatches += 1;
      return false;
    }
    return true;
  }

  #isValid(batch: BatchChanges): boolean {
    return batch.fence === this.lastFence?.offset && batch.n === this.state.n + 1;
  }

  #keepUnpublished(offset: number, batch: EmitsOf): void {
    for (const [output, emits] of byOutput(batch.emits)) {
      const waiting = this.unpublished.get(output) ?? [];
      this.unpublished.set(output, waiting);
      for (const emit of emits) waiting.push({ offset, n: batch.n, emit });
    }
    for (const { topic, partition, n, index } of batch.watermarks) {
      const output = outputOf({ topic, partition });
      const waiting = this.unpublished.get(output);
      if (waiting === undefined) continue;
      const first = waiting.findIndex((each) => isAfter(each.n, each.emit.index, n, index));
      if (first === -1) this.unpublished.delete(output);
      else waiting.splice(0, first);
    }
  }
}

type EmitsOf = Pick<BatchChanges, 'fence' | 'n' | 'emits' | 'watermarks'>;

/** An anchor emits nothing; its watermarks stand as a batch's do. */
function emitsOf({ fence, n, watermarks }: Anchor): EmitsOf {
  return { fence, n, emits: [], watermarks };
}

function fenceOfAnchor(entry: Extract<RestoredEntry, { kind: 'anchor' }>, offset: number): Fence {
  if (entry.anchor.fence >= offset)
    throw new EngineError(
      'JOURNAL_UNREADABLE',
      'stop',
      `The anchor at journal offset ${offset} names fence ${entry.anchor.fence}, which lies after it; ` +
        `restore the journal topic from a backup.`,
    );
  return {
    application: entry.anchor.application,
    task: entry.anchor.task,
    member: '',
    host: '',
    generation: -1,
    deployment: entry.anchor.deployment,
    edges_hash: entry.anchor.edges_hash,
    time: entry.anchor.time,
  };
}
