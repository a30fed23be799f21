import type { PoolSnapshotPayload } from '../avro/index.ts';
import type { VenueAdapter } from '../connectors/chain/index.ts';
import { pause } from '../kafka/wait.ts';
import type { Log } from './log.ts';

export interface PoolWatcherOptions {
  readonly venue: Pick<VenueAdapter, 'head' | 'poolSnapshots'>;
  /** Settles when every task can have it. */
  readonly publish: (snapshot: PoolSnapshotPayload) => Promise<void>;
  readonly log: Pick<Log, 'warn'>;
  /** Between two looks for a new block. Default 250. */
  readonly lookEveryMs?: number;
  /** After which a pool that has not changed is published all the same, so that it is known to be fresh. */
  readonly againAfterMs?: number;
  /** Units: milliseconds of a clock that only goes on. */
  readonly nowMs?: () => number;
}

const LOOK_EVERY_MS = 250;
const AGAIN_AFTER_MS = 15_000;
const AFTER_FAILURE_MS = 1_000;

/**
 * Keeps the pool snapshots that the planner reads: one for each block in which a pool changed, and of all pools every
 * 15 s. No request goes to a node while an intent is planned.
 *
 * Source: B-50.
 */
export class PoolWatcher {
  readonly #options: PoolWatcherOptions;
  readonly #ended = new AbortController();
  readonly #life: Promise<void>;
  readonly #published = new Map<string, string>();
  #block: number | null = null;
  #completeAt = Number.NEGATIVE_INFINITY;

  constructor(options: PoolWatcherOptions) {
    this.#options = options;
    this.#life = this.#live();
  }

  /** Throws: Error when not every pool was published for three rounds. */
  check(): void {
    const { againAfterMs = AGAIN_AFTER_MS } = this.#options;
    if (this.#nowMs() - this.#completeAt < 3 * againAfterMs) return;
    const since = Number.isFinite(this.#completeAt) ? `for ${(3 * againAfterMs) / 1000} s` : 'yet';
    throw new Error(`no pool snapshot has been published ${since}; see the log for the reason`);
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#life;
  }

  async #live(): Promise<void> {
    const { lookEveryMs = LOOK_EVERY_MS } = this.#options;
    while (!this.#ended.signal.aborted) {
      const done = await this.#round();
      await pause(done ? lookEveryMs : AFTER_FAILURE_MS, this.#ended.signal);
    }
  }

  async #round(): Promise<boolean> {
    const { venue, log, againAfterMs = AGAIN_AFTER_MS } = this.#options;
    const { signal } = this.#ended;
    try {
      const startedAt = this.#nowMs();
      const isDue = startedAt - this.#completeAt >= againAfterMs;
      const block = await venue.head(signal);
      if (block === this.#block && !isDue) return true;
      const snapshots = await venue.poolSnapshots(signal);
      for (const snapshot of snapshots) await this.#offer(snapshot, isDue);
      this.#block = block;
      if (isDue) this.#completeAt = startedAt;
      return true;
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'pool snapshots not published; tried again');
      return false;
    }
  }

  async #offer(snapshot: PoolSnapshotPayload, isDue: boolean): Promise<void> {
    const { poolId, sqrtPriceX96, liquidity, tick } = snapshot;
    const content = [sqrtPriceX96, liquidity, tick].join();
    if (!isDue && this.#published.get(poolId) === content) return;
    await this.#options.publish(snapshot);
    this.#published.set(poolId, content);
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? (() => performance.now()))();
  }
}
