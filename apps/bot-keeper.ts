import type { BotStore } from '../connectors/postgres/index.ts';
import type { Log } from '../kafka/log.ts';
import { pause } from '../kafka/wait.ts';

/** Days that have their partitions before their first event. */
const DAYS_AHEAD = 7;
const PARTITIONS_EVERY_MS = 3_600_000;
const LOOK_EVERY_MS = 15_000;

export interface BotKeeperOptions {
  readonly store: Pick<BotStore, 'keepPartitions' | 'unexplained'>;
  readonly retentionDays: number;
  readonly unexplained: { set(value: number): void };
  readonly nowMicros: () => number;
  readonly log: Log;
}

/**
 * Makes the partitions of bot_events and events ahead, takes old days of bot_events out, and shows what producers sent and never came. Postgres
 * away: it says so once and goes on when it is back; nobody waits for it, because the sink makes what it needs.
 */
export class BotKeeper {
  readonly #options: BotKeeperOptions;
  readonly #ended = new AbortController();
  readonly #life: Promise<void>;
  #partitionsAt = -Infinity;
  #before = 0;
  #failing = false;

  constructor(options: BotKeeperOptions) {
    this.#options = options;
    this.#life = this.#live();
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#life;
  }

  async #live(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      try {
        await this.#look();
        this.#failing = false;
      } catch (error) {
        if (!this.#failing) this.#options.log.warn({ error }, 'partitions not kept');
        this.#failing = true;
      }
      await pause(LOOK_EVERY_MS, this.#ended.signal);
    }
  }

  async #look(): Promise<void> {
    const { store, retentionDays, nowMicros, unexplained, log } = this.#options;
    if (performance.now() - this.#partitionsAt > PARTITIONS_EVERY_MS) {
      const options = { nowMicros: nowMicros(), daysAhead: DAYS_AHEAD, retentionDays };
      const kept = await store.keepPartitions(options);
      if (kept.made + kept.months + kept.detached.length > 0)
        log.info(kept, 'partitions of events and bot_events');
      this.#partitionsAt = performance.now();
    }
    // What is on its way now is no loss: only what was missing at two looks.
    const now = await store.unexplained();
    unexplained.set(Math.min(now, this.#before));
    this.#before = now;
  }
}
