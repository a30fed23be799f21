import { EngineError } from '../engine/errors.ts';
import type { SourceQueue } from '../engine/source-queue.ts';
import type { SourceRecord, Task } from '../engine/task.ts';
import type { Log } from './log.ts';

export interface RecordGateOptions {
  readonly queue: SourceQueue<SourceRecord>;
  readonly application: string;
  readonly partition: number;
  /** A term that drains reads no commands, so nobody could open the gate again. */
  readonly canPause: boolean;
  /** While true only reference data is given, and what operators say. */
  readonly isBehind: () => boolean;
  readonly log: Log;
}

/**
 * Gives a task its records, one after another. A record whose key is blocked with all that may wait behind it closes
 * the gate: the task takes nothing but commands, timers, retries and results until there is room behind that key.
 * Nothing is dropped, and nothing overtakes.
 *
 * Source: docs/protocol.md, J8a, Reference data.
 */
export class RecordGate {
  readonly #options: RecordGateOptions;
  #held: SourceRecord | null = null;
  #reason: string | null = null;

  constructor(options: RecordGateOptions) {
    this.#options = options;
  }

  /** Whether there may be a record to take. */
  get hasNext(): boolean {
    const { queue, isBehind } = this.#options;
    if (this.#held !== null) return queue.waits('control') > 0;
    return isBehind() ? queue.waits('reference') + queue.waits('control') > 0 : queue.size > 0;
  }

  /** Why it is closed; null: it is not. */
  get reason(): string | null {
    return this.#reason;
  }

  /** Whether what is held could be taken now. */
  mayOpen(task: Task): boolean {
    return this.#held !== null && task.fullKey(this.#held) === null;
  }

  /**
   * The next record that the task can take; undefined: there is none.
   * Throws: EngineError PARK_FULL (stop) where it may not pause.
   */
  next(task: Task): SourceRecord | undefined {
    const { queue, isBehind } = this.#options;
    if (this.mayOpen(task)) return this.#open();
    if (this.#held !== null) return queue.take('control');
    if (isBehind()) return queue.take('control') ?? queue.take('reference');
    const record = queue.take();
    if (record === undefined) return undefined;
    const reason = task.fullKey(record);
    if (reason === null) return record;
    this.#close(record, reason);
    return queue.take('control');
  }

  clear(): void {
    this.#held = null;
    this.#reason = null;
    this.#options.queue.clear();
  }

  #open(): SourceRecord | undefined {
    const { log, application, partition } = this.#options;
    const record = this.#held ?? undefined;
    this.#held = null;
    this.#reason = null;
    log.info({ application, partition }, 'there is room behind the key again; the task goes on');
    return record;
  }

  #close(record: SourceRecord, reason: string): void {
    const { log, application, partition, canPause } = this.#options;
    if (!canPause) throw new EngineError('PARK_FULL', 'stop', reason);
    this.#held = record;
    this.#reason = reason;
    log.error({ application, partition, code: 'PARK_FULL', reason }, 'task paused');
  }
}
