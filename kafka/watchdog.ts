import { EngineError } from '../engine/errors.ts';
import type { KafkaAdmin } from './client.ts';
import { SHELL_LIMITS } from './limits.ts';
import type { Log } from './log.ts';

/** How far a task has come, as its term knows it. */
export interface TaskProgress {
  /** Changes whenever anything moves: a record fetched or handled, a batch confirmed, an emit acknowledged. */
  readonly mark: string;
  /** What waits in memory: records, results of effects, emits. */
  readonly backlog: number;
  /** Physical source topic → offset of the next fetch. */
  readonly reached: ReadonlyMap<string, number>;
  /** Why it may stand still; null: it may not. */
  readonly waitsFor: string | null;
  /** For the log of whoever has to find out. */
  readonly dump: object;
}

export interface WatchedTask {
  readonly partition: number;
  /** Null: it is not running, and says so by its status. */
  readonly progress: TaskProgress | null;
  /** Ends the term; the task is taken again. */
  heal(reason: EngineError): void;
}

export interface WatchdogOptions {
  readonly application: string;
  readonly admin: KafkaAdmin;
  /** Default: SHELL_LIMITS.stallMs. */
  readonly stallMs?: number;
  readonly tasks: () => Iterable<WatchedTask>;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly log: Log;
  onStalled(partition: number): void;
}

interface Seen {
  readonly mark: string;
  /** Since when it has had work and not moved. */
  readonly since: number;
}

/**
 * Finds tasks that are assigned, have something to do, wait for nothing that is known, and do not move: the consumer
 * that stopped after a rebalance and looks alive. Says what it sees, and ends the term.
 *
 * Limits: SHELL_LIMITS.stallMs. Order: `check` every fraction of that.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #seen = new Map<number, Seen>();

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** For how long a task has not moved though it should; 0: it does, or has nothing to do. */
  stalledMs(partition: number): number {
    const seen = this.#seen.get(partition);
    return seen === undefined ? 0 : this.#options.now() - seen.since;
  }

  async check(): Promise<void> {
    const ends = new Map<string, Promise<readonly number[]>>();
    const endsOf = (topic: string): Promise<readonly number[]> => {
      const known = ends.get(topic) ?? this.#endsOf(topic);
      ends.set(topic, known);
      return known;
    };
    for (const task of this.#options.tasks()) await this.#look(task, endsOf);
  }

  async #look(
    task: WatchedTask,
    endsOf: (topic: string) => Promise<readonly number[]>,
  ): Promise<void> {
    const { partition, progress } = task;
    const seen = this.#seen.get(partition);
    this.#seen.delete(partition);
    if (progress === null || progress.waitsFor !== null) return;
    const moved = seen !== undefined && seen.mark !== progress.mark;
    if (moved || !(await hasWork(partition, progress, endsOf))) return;
    const now = this.#options.now();
    const since = seen?.since ?? now;
    if (now - since < (this.#options.stallMs ?? SHELL_LIMITS.stallMs)) {
      this.#seen.set(partition, { mark: progress.mark, since });
      return;
    }
    const { application, log, onStalled } = this.#options;
    const error = stalled(application, partition, now - since);
    log.error(
      { application, partition, error, ...progress.dump },
      'task stalled; it is taken again',
    );
    onStalled(partition);
    task.heal(error);
  }

  /** A broker that cannot be asked is a reason to stand still: nothing is behind then. */
  async #endsOf(topic: string): Promise<readonly number[]> {
    try {
      return (await this.#options.admin.offsets(topic)).map(({ end }) => end);
    } catch {
      return [];
    }
  }
}

async function hasWork(
  partition: number,
  { backlog, reached }: TaskProgress,
  endsOf: (topic: string) => Promise<readonly number[]>,
): Promise<boolean> {
  if (backlog > 0) return true;
  for (const [topic, offset] of reached)
    if (((await endsOf(topic))[partition] ?? 0) > offset) return true;
  return false;
}

function stalled(application: string, partition: number, ms: number): EngineError {
  return new EngineError(
    'STALLED',
    'retake',
    `Task ${partition} of ${application} has had work for ${Math.round(ms / 1000)} s and has not moved; its term ` +
      `ends. Report the log line with this error: it says what the task was waiting for.`,
  );
}
