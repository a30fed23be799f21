import {
  type FetchedRecord,
  type FetchPosition,
  KafkaError,
  type PartitionReader,
} from './client.ts';
import { SHELL_LIMITS } from './limits.ts';
import type { Log } from './log.ts';
import type { TopicNames } from './topic-names.ts';
import { Backoff, pause } from './wait.ts';

export interface SinkMove {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  /** The records in between were gone from the log; only where a target may start late. */
  readonly skipped?: true;
}

/** An outside store that keeps its own positions. Topics are logical here. */
export interface SinkTarget {
  readonly name: string;
  readonly topics: readonly string[];
  /** Whether records that are gone from the log may be passed over: where the newest is enough, or the gap is noted. */
  readonly mayStartLate: boolean;
  positions(partitions: readonly number[]): Promise<readonly FetchPosition[]>;
  /**
   * Takes the records and moves the positions in one transaction.
   * Throws: any error; positions are then read anew and the batch is made again.
   */
  write(records: readonly FetchedRecord[], moves: readonly SinkMove[]): Promise<void>;
}

export interface SinkOptions {
  readonly target: SinkTarget;
  readonly reader: PartitionReader;
  readonly names: TopicNames;
  readonly partitions: readonly number[];
  readonly log: Log;
  /** Told of each change of what is fetched and not stored. Units: bytes of keys and values. */
  onWaiting?(sink: string, waiting: SinkWaiting): void;
}

/** What a sink has fetched and its store has not taken. */
export interface SinkWaiting {
  readonly records: number;
  readonly bytes: number;
}

/**
 * Carries records of some partitions into a store, from the store's own positions. The store away: waits,
 * bounded pauses, and goes on where the store says it stands. Nobody else is held up.
 *
 * Limits: SHELL_LIMITS.sinkBytes in memory; while a store is slow, nothing more is fetched for it.
 */
export class Sink {
  readonly #options: SinkOptions;
  readonly #ended = new AbortController();
  readonly #life: Promise<void>;
  #failure: Error | null = null;
  #waiting: SinkWaiting = { records: 0, bytes: 0 };

  constructor(options: SinkOptions) {
    this.#options = options;
    this.#life = options.partitions.length === 0 ? Promise.resolve() : this.#live();
  }

  /** Why nothing moves at the moment; null when it does. */
  get failure(): Error | null {
    return this.#failure;
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#life;
    await this.#options.reader.close();
  }

  async #live(): Promise<void> {
    const { log, target } = this.#options;
    const backoff = new Backoff(100, 2_000);
    while (!this.#ended.signal.aborted) {
      try {
        await this.#carry(backoff);
      } catch (error) {
        if (this.#failure === null) log.warn({ sink: target.name, error }, 'sink waits');
        this.#failure = error instanceof Error ? error : new Error(String(error));
        await pause(backoff.next(), this.#ended.signal);
      }
    }
  }

  async #carry(backoff: Backoff): Promise<void> {
    const { target, reader, names, partitions } = this.#options;
    const positions = new Map<string, FetchPosition>();
    for (const { topic, partition, offset } of await target.positions(partitions)) {
      const physical = names.physical(topic);
      positions.set(`${physical}/${partition}`, { topic: physical, partition, offset });
    }
    let checkedAt = performance.now();
    while (!this.#ended.signal.aborted) {
      if (performance.now() - checkedAt > SHELL_LIMITS.sinkRecheckMs) {
        if (await this.#hasGoneBack(positions)) return;
        checkedAt = performance.now();
      }
      const fetched = await reader.fetch([...positions.values()], {
        maxWaitMs: SHELL_LIMITS.longPollMs,
        maxBytes: SHELL_LIMITS.sinkBytes,
      });
      const moves: SinkMove[] = [];
      const records: FetchedRecord[] = [];
      for (const { topic, partition, error, nextOffset, logStartOffset, ...rest } of fetched) {
        const at = positions.get(`${topic}/${partition}`);
        if (at === undefined) continue;
        const to = error === null ? nextOffset : this.#afterGap(error, at, logStartOffset);
        const logical = names.logical(topic);
        const move = { topic: logical, partition, from: at.offset, to };
        if (to > at.offset) moves.push(error === null ? move : { ...move, skipped: true });
        for (const record of rest.records) records.push({ ...record, topic: logical });
      }
      if (moves.length > 0) await this.#write(records, moves);
      for (const { topic, partition, to } of moves) {
        const physical = names.physical(topic);
        positions.set(`${physical}/${partition}`, { topic: physical, partition, offset: to });
      }
      this.#recovered(backoff);
    }
  }

  async #write(records: readonly FetchedRecord[], moves: readonly SinkMove[]): Promise<void> {
    const bytes = records.reduce((sum, { key, value }) => sum + sizeOf(key) + sizeOf(value), 0);
    this.#hold(records.length, bytes);
    try {
      await this.#options.target.write(records, moves);
    } finally {
      this.#hold(-records.length, -bytes);
    }
  }

  #hold(records: number, bytes: number): void {
    const { records: held, bytes: heldBytes } = this.#waiting;
    this.#waiting = { records: held + records, bytes: heldBytes + bytes };
    this.#options.onWaiting?.(this.#options.target.name, this.#waiting);
  }

  async #hasGoneBack(positions: ReadonlyMap<string, FetchPosition>): Promise<boolean> {
    const { target, names, partitions } = this.#options;
    const stored = await target.positions(partitions);
    return stored.some(({ topic, partition, offset }) => {
      const known = positions.get(`${names.physical(topic)}/${partition}`);
      return known !== undefined && offset < known.offset;
    });
  }

  /** Where to go on when the log no longer holds the position. Throws: KafkaError. */
  #afterGap(error: string, at: FetchPosition, logStart: number): number {
    const { target } = this.#options;
    if (error === 'OFFSET_OUT_OF_RANGE' && target.mayStartLate && logStart > at.offset)
      return logStart;
    throw new KafkaError(
      error,
      error !== 'OFFSET_OUT_OF_RANGE',
      `Sink ${target.name} cannot read ${at.topic}/${at.partition} at ${at.offset}: ${error}. ` +
        `If the topic was made anew, reset the sink's positions.`,
    );
  }

  #recovered(backoff: Backoff): void {
    backoff.reset();
    if (this.#failure !== null)
      this.#options.log.info({ sink: this.#options.target.name }, 'sink goes on');
    this.#failure = null;
  }
}

function sizeOf(bytes: Uint8Array | null): number {
  return bytes?.byteLength ?? 0;
}
