import {
  type BatchChanges,
  byOutput,
  outputOf,
  type PlacedEmit,
  type Watermark,
} from './journal.ts';
import { isAfter } from './origin.ts';
import type { JournalPlace } from './state-store.ts';

interface Waiting {
  readonly place: JournalPlace;
  readonly n: number;
  /** Output partition → the last index of the batch there. */
  readonly last: ReadonlyMap<string, number>;
}

/** The oldest batch of a journal with an emit that no journaled watermark covers (J5). */
export class EmitFloor {
  readonly #marks = new Map<string, Pick<Watermark, 'n' | 'index'>>();
  #waiting: Waiting[] = [];

  constructor(watermarks: Iterable<Watermark>) {
    for (const watermark of watermarks) this.#marks.set(outputOf(watermark), watermark);
  }

  /** The place just before that batch; null when everything is covered. */
  get place(): JournalPlace | null {
    return this.#waiting[0]?.place ?? null;
  }

  /** Order: every confirmed batch, with the place just before it. */
  add(
    place: JournalPlace,
    { n, emits, watermarks }: Pick<BatchChanges, 'n' | 'emits' | 'watermarks'>,
  ): void {
    for (const watermark of watermarks) this.#marks.set(outputOf(watermark), watermark);
    if (emits.length > 0) {
      const last = new Map<string, number>();
      for (const [output, own] of byOutput(emits))
        last.set(output, (own.at(-1) as PlacedEmit).index);
      this.#waiting.push({ place, n, last });
    }
    const first = this.#waiting.findIndex((batch) => !this.#isCovered(batch));
    if (first !== 0) this.#waiting = first === -1 ? [] : this.#waiting.slice(first);
  }

  #isCovered({ n, last }: Waiting): boolean {
    return [...last].every(([output, index]) => {
      const mark = this.#marks.get(output);
      return mark !== undefined && !isAfter(n, index, mark.n, mark.index);
    });
  }
}
