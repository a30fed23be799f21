import type { Redis } from 'ioredis';
import { APPLY_SCRIPT } from './apply-script.ts';
import { RedisConnection } from './connection.ts';
import { positionKey, readModelKey, seenKey, versionKey } from './keys.ts';

/** Records of one script call, for which Redis does nothing else. */
const ENTRIES_PER_SCRIPT = 500;
/** Commands of one pipeline. */
const COMMANDS_PER_PIPELINE = 1_000;
const SEEN_SECONDS = 7 * 24 * 3_600;

export interface ProjectedEntry {
  /** The record's offset in its partition. */
  readonly offset: number;
  /** As `readModelKey` gives it. */
  readonly redisKey: string;
  /** JSON, stored byte for byte; null removes the key. */
  readonly value: string | null;
  /** [n, index] of the record's origin; null: an operator's record, which applies whatever the version. */
  readonly version: readonly [number, number] | null;
}

export interface ProjectedBatch {
  /** Logical topic: `rm.intent`. */
  readonly topic: string;
  readonly partition: number;
  /** The stored position that the reader goes on from, also where the first record lies further on. */
  readonly from: number;
  /** The position after them. */
  readonly next: number;
  /** By offset, each in [from, next); holes are fine. */
  readonly entries: readonly ProjectedEntry[];
}

/**
 * Writes the read models into Redis: the only writer there is. Keys have no TTL (B-79).
 *
 * Throws: ReadModelError from every method (READ_MODEL_AWAY within 2 s); a batch that failed may be given again.
 * Source: B-13, B-76…B-79.
 */
export class ReadModelWriter {
  readonly #connection: RedisConnection;
  readonly #topicPrefix: string;

  private constructor(connection: RedisConnection, topicPrefix: string) {
    this.#connection = connection;
    this.#topicPrefix = topicPrefix;
  }

  /**
   * Waits for Redis at most 2 s; where it is away, the methods say so until it is there.
   *
   * `topicPrefix` stands before the topics in the keys of positions and versions: two systems may share a Redis.
   */
  static async open(url: string, topicPrefix = ''): Promise<ReadModelWriter> {
    return new ReadModelWriter(await RedisConnection.open(url), topicPrefix);
  }

  /**
   * Applies the records above the stored position and moves it. Returns the stored position: where the reader
   * goes on. It is not `next` when Redis lost data (lower: nothing was applied, read again from there) or when
   * another projector is ahead (higher).
   */
  async apply(batch: ProjectedBatch): Promise<number> {
    let stored = batch.from;
    for (const part of parts(batch)) {
      stored = await this.#applyPart(part);
      if (stored < part.next) return stored;
    }
    return stored;
  }

  /** The stored position of each partition given, in their order; 0 where nothing was applied yet. */
  async positions(topic: string, partitions: readonly number[]): Promise<readonly number[]> {
    if (partitions.length === 0) return [];
    const keys = partitions.map((partition) => positionKey(this.#topicPrefix + topic, partition));
    const stored = await this.#connection.run(`reading the positions of ${topic}`, (redis) =>
      redis.mget(keys),
    );
    return stored.map((position) => Number(position ?? 0));
  }

  /**
   * Notes for 7 days that these events are in the event store.
   *
   * Order: after the store's commit, never before it. Source: B-65, X-11.
   */
  async seen(eventIds: readonly string[]): Promise<void> {
    for (const ids of chunks(eventIds, COMMANDS_PER_PIPELINE)) {
      await this.#connection.run(`noting ${ids.length} events as seen`, async (redis) => {
        const pipeline = redis.pipeline();
        for (const id of ids) pipeline.set(seenKey(id), '1', 'EX', SEEN_SECONDS, 'NX');
        for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
      });
    }
  }

  /** Throws: ReadModelError READ_MODEL_AWAY when Redis does not answer within the time given. */
  ping(timeoutMs: number): Promise<void> {
    return this.#connection.ping(timeoutMs);
  }

  /** Order: once, last. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  async #applyPart(batch: ProjectedBatch): Promise<number> {
    const { topic, partition, from, entries } = batch;
    const doing = `applying ${entries.length} records of ${topic}/${partition} from ${from}`;
    return Number(
      await this.#connection.run(doing, (redis) =>
        evaluate(redis, { ...batch, topic: this.#topicPrefix + topic }),
      ),
    );
  }
}

/** Reads the read models out of Redis. Throws: ReadModelError, within 2 s when Redis is away. */
export class ReadModelReader {
  readonly #connection: RedisConnection;

  private constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  /** Waits for Redis at most 2 s; where it is away, the methods say so until it is there. */
  static async open(url: string): Promise<ReadModelReader> {
    return new ReadModelReader(await RedisConnection.open(url));
  }

  /** The JSON of an intent's read model as stored; null when there is none. Source: B-25, B-76. */
  intent(id: string): Promise<string | null> {
    return this.#get(readModelKey('rm.intent', id));
  }

  /** The JSON of a plan's read model as stored; null when there is none. Source: B-26, B-77. */
  plan(id: string): Promise<string | null> {
    return this.#get(readModelKey('rm.plan', id));
  }

  /** The JSON of a strategy's positions as stored; null when there are none. Source: B-70, B-78. */
  positions(strategyId: string): Promise<string | null> {
    return this.#get(readModelKey('rm.positions', strategyId));
  }

  /** Throws: ReadModelError READ_MODEL_AWAY when Redis does not answer within the time given. */
  ping(timeoutMs: number): Promise<void> {
    return this.#connection.ping(timeoutMs);
  }

  /** Order: once, last. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  #get(key: string): Promise<string | null> {
    return this.#connection.run(`reading ${key}`, (redis) => redis.get(key));
  }
}

/** The batch in pieces that follow one another; each alone leaves a position that is true. */
function parts(batch: ProjectedBatch): readonly ProjectedBatch[] {
  const pieces = chunks(batch.entries, ENTRIES_PER_SCRIPT);
  if (pieces.length === 0) return [batch];
  let { from } = batch;
  return pieces.map((entries, index) => {
    const isLast = index === pieces.length - 1;
    const next = isLast ? batch.next : (entries.at(-1)?.offset ?? from) + 1;
    const part = { ...batch, from, next, entries };
    from = next;
    return part;
  });
}

function evaluate(redis: Redis, batch: ProjectedBatch): Promise<unknown> {
  const { topic, partition, from, next, entries } = batch;
  const keys = entries.map(({ redisKey }) => redisKey);
  const values = entries.flatMap(({ offset, value, version }) => [
    offset,
    value === null ? 'del' : 'set',
    value ?? '',
    ...(version ?? ['', '']),
  ]);
  const fixed = [positionKey(topic, partition), versionKey(topic)];
  return redis.eval(APPLY_SCRIPT, 2 + keys.length, ...fixed, ...keys, from, next, ...values);
}

function chunks<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, n) => items.slice(n * size, (n + 1) * size));
}
