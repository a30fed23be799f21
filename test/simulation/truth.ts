import type { Codec } from '../../engine/codec.ts';
import type { Batch } from '../../engine/journal.ts';
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
  /** Valid batches, n = index + 1. */
  readonly batches: TrueBatch[] = [];
  readonly #positions = new Map<string, number>();
  voidBatches = 0;
  fences = 0;
  #fence = -1;
  #end = 0;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  /** The batch that became valid with this record, if one did. */
  append(record: RecordToSend, offset: number): TrueBatch | null {
    this.#end = offset + 1;
    const { record: name, value } = this.#codec.decode(record.value as Uint8Array);
    if (name.endsWith('.Fence')) {
      this.#fence = offset;
      this.fences += 1;
      return null;
    }
    if (!name.endsWith('.Batch')) throw new Error(`unexpected ${name} in a journal`);
    const batch = value as Batch;
    if (batch.fence !== this.#fence || batch.n !== this.batches.length + 1) {
      this.voidBatches += 1;
      return null;
    }
    const valid = { ...batch, offset };
    this.batches.push(valid);
    for (const position of batch.positions) this.#positions.set(position.topic, position.offset);
    return valid;
  }

  /** Where the valid batches say that a source is read on from. */
  positionOf(topic: string): number {
    return this.#positions.get(topic) ?? 0;
  }

  get end(): number {
    return this.#end;
  }
}
