import {
  type AvroCodec,
  envelope,
  eventDefinition,
  eventHeaders,
  type PoolSnapshotPayload,
} from '../avro/index.ts';
import type { PlainProducer } from '../kafka/client.ts';
import type { TopicNames } from '../kafka/topic-names.ts';
import { pause } from '../kafka/wait.ts';
import type { Log } from './log.ts';

export interface PoolWatcherOptions {
  /** Reads the pools from the chain. */
  readonly snapshots: () => Promise<readonly PoolSnapshotPayload[]>;
  readonly producer: PlainProducer;
  readonly codec: AvroCodec;
  readonly names: TopicNames;
  readonly partitions: number;
  readonly log: Log;
}

const EVERY_MS = 15_000;
const AFTER_FAILURE_MS = 1_000;
const TYPE = 'market.pool_snapshot';

/**
 * Keeps the pool snapshots that the planner reads: at start and every 15 s, one copy to every partition, so that
 * each task has its own and no request goes to a node while an intent is planned.
 *
 * Source: B-50.
 */
export class PoolWatcher {
  readonly #options: PoolWatcherOptions;
  readonly #ended = new AbortController();
  readonly #life: Promise<void>;
  #publishedAt = Number.NEGATIVE_INFINITY;

  constructor(options: PoolWatcherOptions) {
    this.#options = options;
    this.#life = this.#live();
  }

  /** Throws: Error when no snapshot was published for three rounds. */
  check(): void {
    const ageMs = performance.now() - this.#publishedAt;
    if (ageMs < 3 * EVERY_MS) return;
    throw new Error('no pool snapshot has been published for 45 s; see the log for the reason');
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#life;
    await this.#options.producer.close();
  }

  async #live(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const done = await this.#round();
      await pause(done ? EVERY_MS : AFTER_FAILURE_MS, this.#ended.signal);
    }
  }

  async #round(): Promise<boolean> {
    const { snapshots, log } = this.#options;
    try {
      for (const snapshot of await snapshots()) await this.#publish(snapshot);
      this.#publishedAt = performance.now();
      return true;
    } catch (error) {
      log.warn({ err: error }, 'pool snapshots not published; tried again in a second');
      return false;
    }
  }

  async #publish(snapshot: PoolSnapshotPayload): Promise<void> {
    const { codec, names, partitions, producer } = this.#options;
    const { topic, record } = eventDefinition(TYPE);
    const event = envelope(
      TYPE,
      { ...snapshot },
      { correlationId: snapshot.poolId, producer: 'pool-watcher' },
    );
    const value = codec.encode(topic, record, event);
    const key = Buffer.from(snapshot.poolId);
    const headers = eventHeaders(event.envelope);
    const copies = Array.from({ length: partitions }, (_, partition) => ({
      topic: names.physical(topic),
      partition,
      key,
      value,
      headers,
    }));
    const results = await producer.send(copies);
    const failed = results.find((result) => result.result !== 'confirmed');
    if (failed !== undefined)
      throw new Error(`${failed.topic}/${failed.partition} was not acknowledged`);
  }
}
