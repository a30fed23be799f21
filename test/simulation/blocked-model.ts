import type { Context, Decision } from '../../engine/actor.ts';
import { HEADER } from '../../engine/event.ts';
import type { Cause } from '../../engine/task-state.ts';
import type { Topology } from '../../engine/topology.ts';
import { type ExpectedBatch, same } from './expected-batch.ts';

/** What waits in front of an actor. */
export interface Waiting {
  readonly key: string;
  readonly eventId: string;
  readonly cause: Cause;
  /** Null: a result or a firing. `value`: of its record; null: it comes from the chain. */
  readonly event: { readonly type: string; readonly value: Uint8Array | null } | null;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  handle(state: any, context: Context): Decision<any>;
}

/** The queue of a blocked key, as the model has it (J8a). */
export class Blocked {
  #waiting: Waiting[];
  /** How often the head was handled in vain. */
  attempt = 1;
  due: number | null;

  constructor(first: Waiting, due: number | null) {
    this.#waiting = [first];
    this.due = due;
  }

  get head(): Waiting {
    return this.#waiting[0] as Waiting;
  }

  get length(): number {
    return this.#waiting.length;
  }

  push(waiting: Waiting): void {
    this.#waiting.push(waiting);
  }

  wait(attempt: number, due: number | null): void {
    this.attempt = attempt;
    this.due = due;
  }

  /** The next is handled at once. True: there is none. */
  shift(time: number): boolean {
    this.#waiting.shift();
    this.wait(0, time);
    return this.#waiting.length === 0;
  }
}

/** All that is blocked in a task, by `actor|key`, and what each change of it puts into the batch (J8a). */
export class BlockedKeys extends Map<string, Blocked> {
  readonly #topology: Topology;

  constructor(topology: Topology) {
    super();
    this.#topology = topology;
  }

  /** A message that failed, or that comes behind one. */
  fail(
    batch: ExpectedBatch,
    id: string,
    { waiting, time }: { readonly waiting: Waiting; readonly time: number },
  ): void {
    batch.parked.push([id, 'push', waiting.eventId]);
    const queue = this.get(id);
    if (queue !== undefined) return queue.push(waiting);
    this.set(id, new Blocked(waiting, this.#dueAfter(1, waiting, time)));
    this.#expectNotice(batch, waiting, 1);
  }

  failAgain(batch: ExpectedBatch, id: string, time: number): void {
    const queue = this.#queue(id);
    const attempt = queue.attempt + 1;
    const due = this.#dueAfter(attempt, queue.head, time);
    if (due === null && this.#goesDown(queue.head))
      return this.#setAside(batch, id, { time, attempt });
    queue.wait(attempt, due);
    batch.parked.push([id, 'wait', attempt, due]);
    this.#expectNotice(batch, queue.head, attempt);
  }

  shift(batch: ExpectedBatch, id: string, time: number): void {
    if (this.#queue(id).shift(time)) this.delete(id);
    batch.parked.push([id, 'shift', 0, time]);
  }

  release(batch: ExpectedBatch, id: string, time: number): void {
    const queue = this.get(id);
    if (queue === undefined) return;
    queue.wait(0, time);
    batch.parked.push([id, 'wait', 0, time]);
  }

  /** Only the head that the operator saw. */
  drop(
    batch: ExpectedBatch,
    id: string,
    { eventId, time }: { readonly eventId: string; readonly time: number },
  ): void {
    if (this.get(id)?.head.eventId === eventId) this.#setAside(batch, id, { time, attempt: 1 });
  }

  /** The letter has the bytes that came, and says after how many calls. */
  #setAside(
    batch: ExpectedBatch,
    id: string,
    { time, attempt }: { readonly time: number; readonly attempt: number },
  ): void {
    const { event, eventId } = this.#queue(id).head;
    if (event !== null) {
      const { topic, headers, value } = batch.nextEmit(eventId);
      const found = [topic, headers[HEADER.eventId], headers['attempt'], headers[HEADER.actor]];
      same('letter', found, [`dlq.${event.type}`, eventId, String(attempt), id.split('|')[0]]);
      if (event.value !== null && !Buffer.from(value ?? []).equals(event.value))
        throw new Error(`the letter of ${eventId} has other bytes than came`);
    }
    this.shift(batch, id, time);
  }

  #expectNotice(batch: ExpectedBatch, waiting: Waiting, attempt: number): void {
    const { event, eventId } = waiting;
    if (event === null || !this.#goesDown(waiting)) return;
    const { topic, headers } = batch.nextEmit(eventId);
    const wanted = [`${this.#topology.application}.retry.${attempt}`, eventId];
    same('notice', [topic, headers[HEADER.eventId]], wanted);
    same('notice', headers['x-retry'], `${event.type}.retry.${attempt}`);
  }

  #goesDown({ event }: Waiting): boolean {
    return event !== null && this.#topology.ladderMs.length > 0;
  }

  #dueAfter(attempt: number, waiting: Waiting, time: number): number | null {
    const ms = this.#goesDown(waiting) ? this.#topology.ladderMs[attempt - 1] : undefined;
    return ms === undefined ? null : time + ms * 1_000;
  }

  #queue(id: string): Blocked {
    const queue = this.get(id);
    if (queue === undefined) throw new Error(`${id} is not blocked`);
    return queue;
  }
}
