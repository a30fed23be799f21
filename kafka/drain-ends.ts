interface Drain {
  reached: number;
  end: number;
  /** First record left for later; nothing behind it may be taken before it. */
  dropped: number | null;
}

/**
 * How far internal topics have to be read until none of a task's own emits is on its way (J6). Only an emit of
 * the task itself moves an end, so that foreign records cannot keep a drain from ending.
 */
export class DrainEnds {
  readonly #byTopic = new Map<string, Drain>();

  start(topic: string, reached: number, end: number): void {
    this.#byTopic.set(topic, { reached, end, dropped: null });
  }

  /** Whether a record is taken now; if not, it and all behind it are left for later. */
  takes(topic: string, offset: number): boolean {
    const drain = this.#byTopic.get(topic);
    if (drain === undefined) return false;
    if (drain.dropped === null && offset < drain.end) return true;
    drain.dropped ??= offset;
    return false;
  }

  /**
   * An emit of this task was acknowledged below `end`: it has to come back too. Returns where to read again
   * when records up to there were left for later, else null.
   */
  raise(topic: string, end: number): number | null {
    const drain = this.#byTopic.get(topic);
    if (drain === undefined || end <= drain.end) return null;
    drain.end = end;
    if (drain.dropped === null || drain.dropped >= end) return null;
    const again = drain.dropped;
    drain.dropped = null;
    drain.reached = again;
    return again;
  }

  reach(topic: string, offset: number): void {
    const drain = this.#byTopic.get(topic);
    if (drain !== undefined) drain.reached = Math.min(offset, drain.dropped ?? offset);
  }

  get areReached(): boolean {
    return [...this.#byTopic.values()].every(({ reached, end }) => reached >= end);
  }
}
