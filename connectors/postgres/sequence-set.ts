/**
 * Whole numbers from 1 on, as ranges: what came of a producer's numbering. Reads and writes the text of Postgres's
 * int8multirange.
 *
 * Limits: none; a producer that numbers without gaps is one range.
 */
export class SequenceSet {
  /** first, last, first, last, … in order, never touching. */
  readonly #ranges: number[] = [];

  static parse(text: string): SequenceSet {
    const set = new SequenceSet();
    for (const [, first, end] of text.matchAll(/\[(\d+),(\d+)\)/g))
      set.#ranges.push(Number(first), Number(end) - 1);
    return set;
  }

  /** Whether it is new. */
  add(sequence: number): boolean {
    const ranges = this.#ranges;
    let at = ranges.length;
    while (at > 0 && (ranges[at - 2] ?? 0) > sequence) at -= 2;
    if (at > 0 && sequence <= (ranges[at - 1] ?? 0)) return false;
    const joinsBefore = at > 0 && ranges[at - 1] === sequence - 1;
    const joinsAfter = ranges[at] === sequence + 1;
    if (joinsBefore && joinsAfter) ranges.splice(at - 1, 2);
    else if (joinsBefore) ranges[at - 1] = sequence;
    else if (joinsAfter) ranges[at] = sequence;
    else ranges.splice(at, 0, sequence, sequence);
    return true;
  }

  toString(): string {
    const ranges: string[] = [];
    for (let at = 0; at < this.#ranges.length; at += 2)
      ranges.push(`[${this.#ranges[at]},${(this.#ranges[at + 1] ?? 0) + 1})`);
    return `{${ranges.join(',')}}`;
  }
}
