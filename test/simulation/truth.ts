import type { Codec } from '../../engine/codec.ts';
import type { Anchor, Batch, Fence } from '../../engine/journal.ts';
import { emptyBatch } from '../support/journal-entries.ts';
import type { RecordToSend } from '../../kafka/client.ts';

export interface TrueBatch extends Batch {
  readonly offset: number;
}

/**
 * What one journal partition really says, found without the engine's own reader: the rule is J2's, written down
 * once more. Fed with every record at the moment it is appended.
 */
export class JournalTruth {
  readonly #codec: Codec;
  /** Valid batches and anchors, n = index + 1. */
  readonly batches: TrueBatch[] = [];
  readonly #positions = new Map<string, number>();
  readonly #writtenAt = new Map<string, number>();
  #writer = '';
  voidBatches = 0;
  fences = 0;
  #fence = -1;
  #end = 0;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  /** The batch that became valid with this record, if one did. */
  append(record: RecordToSend, offset: number, nowMs: number): TrueBatch | null {
    this.#end = offset + 1;
    const { record: name, value } = this.#codec.decode(record.value as Uint8Array);
    if (name.endsWith('.Fence')) {
      this.#fence = offset;
      this.#writer = (value as Fence).host;
      this.#writtenAt.set(this.#writer, nowMs);
      this.fences += 1;
      return null;
    }
    const isAnchor = name.endsWith('.Anchor');
    if (!isAnchor && !name.endsWith('.Batch')) throw new Error(`unexpected ${name} in a journal`);
    const batch = isAnchor ? asBatch(value as Anchor, offset) : (value as Batch);
    if (batch.fence !== this.#fence || batch.n !== this.batches.length + 1) {
      this.voidBatches += 1;
      return null;
    }
    const valid = { ...batch, offset };
    this.batches.push(valid);
    this.#writtenAt.set(this.#writer, nowMs);
    for (const position of batch.positions) this.#positions.set(position.topic, position.offset);
    return valid;
  }

  /** Where the valid batches say that a source is read on from. */
  positionOf(topic: string): number {
    return this.#positions.get(topic) ?? 0;
  }

  /** When the newest fence or valid batch of that process was appended. */
  writtenAt(host: string): number {
    return this.#writtenAt.get(host) ?? Number.NEGATIVE_INFINITY;
  }

  get end(): number {
    return this.#end;
  }
}

/** What counts like a batch that puts nothing again yet. */
function asBatch({ fence, n, time, positions, watermarks }: Anchor, offset: number): Batch {
  const again = { anchor: offset, time, is_last: false };
  return { ...emptyBatch(fence, n), time, positions, watermarks, again };
}
