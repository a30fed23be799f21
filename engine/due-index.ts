import type { Micros } from './event.ts';

/** What is due: a timer, or the head of a blocked queue. */
export interface Due {
  readonly at: Micros;
  readonly of: 'timer' | 'parked';
  /** Its name in the table. */
  readonly id: string;
}

/** Entries that no longer hold are dropped when they are this many more than the ones that do. */
const MOST_STALE = 1_000;

/**
 * What comes next, by time: a binary heap. What was replaced or cancelled stays in it until it is looked at.
 *
 * Order: by time, then by kind and name: the same for the same entries, in whatever order they came.
 */
export class DueIndex {
  readonly #holds: (due: Due) => boolean;
  #heap: Due[] = [];

  /** `holds`: whether an entry is still what its table says. */
  constructor(holds: (due: Due) => boolean) {
    this.#holds = holds;
  }

  /** `live`: how many hold, this one included. */
  add(due: Due, live: number): void {
    this.#heap.push(due);
    this.#rise(this.#heap.length - 1);
    if (this.#heap.length > 2 * live + MOST_STALE) this.#sweep();
  }

  first(): Due | null {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return null;
      if (this.#holds(first)) return first;
      this.#removeFirst();
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #sweep(): void {
    this.#heap = this.#heap.filter((due) => this.#holds(due)).sort(byTime);
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfEarlier(at, parent)) return;
      at = parent;
    }
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const heap = this.#heap;
      if (left >= heap.length) return;
      const isRightFirst = right < heap.length && byTime(heap[right] as Due, heap[left] as Due) < 0;
      const child = isRightFirst ? right : left;
      if (!this.#swapIfEarlier(child, at)) return;
      at = child;
    }
  }

  #swapIfEarlier(child: number, parent: number): boolean {
    const [lower, upper] = [this.#heap[child] as Due, this.#heap[parent] as Due];
    if (byTime(lower, upper) >= 0) return false;
    this.#heap[child] = upper;
    this.#heap[parent] = lower;
    return true;
  }
}

function byTime(left: Due, right: Due): number {
  if (left.at !== right.at) return left.at - right.at;
  if (left.of !== right.of) return left.of < right.of ? -1 : 1;
  return left.id < right.id ? -1 : left.id > right.id ? 1 : 0;
}
