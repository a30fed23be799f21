/**
 * How far reference data has to be read before a task takes anything else: to the ends it had when the term
 * opened its sources. What came later comes in turn.
 */
export class ReferenceEnds {
  readonly #missing = new Map<string, number>();

  /** `reached`: offset of the next record; `end`: of the next one that is written. */
  start(topic: string, reached: number, end: number): void {
    if (reached < end) this.#missing.set(topic, end);
  }

  /** Topics that are not read to their ends. */
  get missing(): readonly string[] {
    return [...this.#missing.keys()];
  }

  /** All below `offset` has been taken by the task. */
  taken(topic: string, offset: number): void {
    const end = this.#missing.get(topic);
    if (end !== undefined && offset >= end) this.#missing.delete(topic);
  }
}
