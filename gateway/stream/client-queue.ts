/** One frame for a client, made once for all of them. */
export interface StreamFrame {
  /** The event's name. */
  readonly topic: string;
  readonly text: string;
  /** The position after it. */
  readonly position: string;
}

/** Events that may wait for one client. Source: B-31. */
export const QUEUE_EVENTS = 1_024;

/**
 * What waits for a client that reads more slowly than events come. Market data goes first, and is counted; of
 * anything else nothing is ever left out: without room for it the client has to go. Source: B-32.
 *
 * Limits: QUEUE_EVENTS.
 */
export class ClientQueue {
  readonly #frames: StreamFrame[] = [];
  readonly #dropped = new Map<string, number>();

  get size(): number {
    return this.#frames.length;
  }

  /** False when the frame may not be left out and there is no room for it. Returns what was dropped, if anything. */
  push(frame: StreamFrame): { readonly isTaken: boolean; readonly dropped: string | null } {
    let dropped: string | null = null;
    if (this.#frames.length >= QUEUE_EVENTS) {
      const victim = isDroppable(frame) ? frame : this.#takeOldestDroppable();
      if (victim === undefined) return { isTaken: false, dropped };
      dropped = victim.topic;
      this.#dropped.set(dropped, (this.#dropped.get(dropped) ?? 0) + 1);
      if (victim === frame) return { isTaken: true, dropped };
    }
    this.#frames.push(frame);
    return { isTaken: true, dropped };
  }

  shift(): StreamFrame | undefined {
    return this.#frames.shift();
  }

  /** What was left out since the last call, by event name. */
  takeDropped(): ReadonlyMap<string, number> {
    const taken = new Map(this.#dropped);
    this.#dropped.clear();
    return taken;
  }

  clear(): void {
    this.#frames.length = 0;
    this.#dropped.clear();
  }

  #takeOldestDroppable(): StreamFrame | undefined {
    const at = this.#frames.findIndex(isDroppable);
    return at === -1 ? undefined : this.#frames.splice(at, 1)[0];
  }
}

function isDroppable({ topic }: StreamFrame): boolean {
  return topic.startsWith('market.');
}
