import { EngineError } from './errors.ts';
import {
  type Batch,
  type Fence,
  type JournaledEmit,
  type JournalEntry,
  outputOf,
} from './journal.ts';
import { TaskState } from './task-state.ts';

/** An emit that the journal holds and whose acknowledgement it does not. */
export interface UnpublishedEmit {
  readonly n: number;
  readonly emit: JournaledEmit;
}

/**
 * Reads a journal partition record by record and keeps what is valid.
 *
 * A fence is named by its offset. A batch is valid iff the last fence before it stands at the offset it
 * names and its n is one more than that of the last valid batch (J2): a zombie's batch, a copy, swapped
 * batches and what follows a lost batch are void by themselves.
 *
 * Order: `read` is called with every record of the partition, from its start, in offset order.
 */
export class JournalReader {
  readonly state = new TaskState();
  /** Output partition (`outputOf`) → emits after its watermark, oldest first. */
  readonly unpublished = new Map<string, UnpublishedEmit[]>();
  lastFence: { readonly offset: number; readonly fence: Fence } | null = null;
  /** The fence under which the last valid batch was written: it says by which graph (J6). */
  lastWorkedFence: Fence | null = null;
  voidBatches = 0;
  #started = false;

  read(offset: number, entry: JournalEntry): void {
    if (entry.kind === 'fence') {
      this.lastFence = { offset, fence: entry.fence };
      this.#started = true;
    } else if (entry.kind === 'anchor') {
      this.#readAnchor(offset, entry);
    } else if (this.#isValid(entry.batch)) {
      this.state.applyBatch(entry.batch);
      this.lastWorkedFence = this.lastFence?.fence ?? null;
      this.#keepUnpublished(entry.batch);
    } else {
      this.voidBatches += 1;
    }
  }

  #readAnchor(offset: number, entry: Extract<JournalEntry, { kind: 'anchor' }>): void {
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
      this.state.n = entry.anchor.n;
    } else {
      this.voidBatches += 1;
    }
  }

  #isValid(batch: Batch): boolean {
    return batch.fence === this.lastFence?.offset && batch.n === this.state.n + 1;
  }

  #keepUnpublished(batch: Batch): void {
    for (const emit of batch.emits) {
      const output = outputOf(emit);
      const waiting = this.unpublished.get(output);
      if (waiting === undefined) this.unpublished.set(output, [{ n: batch.n, emit }]);
      else waiting.push({ n: batch.n, emit });
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

/** Whether (n, index) comes after (otherN, otherIndex). */
export function isAfter(n: number, index: number, otherN: number, otherIndex: number): boolean {
  return n > otherN || (n === otherN && index > otherIndex);
}

function fenceOfAnchor(entry: Extract<JournalEntry, { kind: 'anchor' }>, offset: number): Fence {
  if (entry.anchor.fence >= offset)
    throw new EngineError(
      'JOURNAL_UNREADABLE',
      'stop',
      `The anchor at journal offset ${offset} names fence ${entry.anchor.fence}, which lies after it; ` +
        `restore the journal topic from a backup or reset the application.`,
    );
  return {
    application: '',
    task: -1,
    member: '',
    host: '',
    generation: -1,
    deployment: entry.anchor.deployment,
    edges_hash: entry.anchor.edges_hash,
    time: entry.anchor.time,
  };
}
