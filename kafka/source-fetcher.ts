import {
  type FetchedPartition,
  type FetchedRecord,
  KafkaError,
  type PartitionReader,
} from './client.ts';
import { SHELL_LIMITS } from './limits.ts';
import type { Log } from './log.ts';
import { Backoff, pause, Wake } from './wait.ts';

/**
 * How what a source holds is fetched. `urgent`: it must not wait until an answer full of others is taken. `echo`: it is
 * what the subscriber has written itself and handled already, so it may gather for a moment, and the answers to others
 * do not bring a record of it each.
 */
export type Pace = 'urgent' | 'usual' | 'echo';

export interface SourceSubscriber {
  /** Records of one source, in offset order, from the asked offset on. */
  deliver(topic: string, topicId: string, records: readonly FetchedRecord[]): void;
  /** While true nothing more of the topic is fetched for it. */
  isFull(topic: string): boolean;
  /** Of a topic as it is opened. Absent: `usual`. */
  paceOf?(topic: string): Pace;
  /** Whether somebody else writes there too, so that an echo is not to be waited with. Absent: nobody does. */
  hearsOthers?(topic: string): boolean;
  /** The partition no longer holds the offset. Return where to go on, or null to stop reading it. */
  outOfRange(topic: string, offset: number, logStart: number): number | null;
  /** Where the next fetch starts, and where the log ends now. Called after `deliver`. */
  reached(topic: string, offset: number, end: number): void;
}

interface Source {
  readonly topic: string;
  readonly partition: number;
  readonly subscriber: SourceSubscriber;
  readonly pace: Pace;
  offset: number;
}

interface Poll {
  readonly changed: Wake;
  life: Promise<void>;
}

/**
 * Reads the sources of all tasks of an application in one long poll after another, those of each pace on a connection of their
 * own: an answer full of a backlog is megabytes, and what is urgent would wait for the next. Backpressure is per task: a full
 * one is left out of the next request.
 */
export class SourceFetcher {
  readonly #reader: PartitionReader;
  readonly #log: Log;
  readonly #isBusy: () => boolean;
  readonly #sources = new Map<string, Source>();
  readonly #stop = new AbortController();
  readonly #polls = new Map<Pace, Poll>();
  #lastSuccessAt = performance.now();

  /** `isBusy`: whether this process has so much to do that small answers are better gathered. */
  constructor(reader: PartitionReader, log: Log, isBusy: () => boolean = () => false) {
    this.#reader = reader;
    this.#log = log;
    this.#isBusy = isBusy;
  }

  /** Milliseconds since the broker last answered, while there is something to read. */
  get silentMs(): number {
    return this.#sources.size === 0 ? 0 : performance.now() - this.#lastSuccessAt;
  }

  open(topic: string, partition: number, offset: number, subscriber: SourceSubscriber): void {
    const pace = subscriber.paceOf?.(topic) ?? 'usual';
    this.#sources.set(`${topic}/${partition}`, { topic, partition, offset, subscriber, pace });
    this.#pollOf(pace).changed.signal();
  }

  /** Only the subscriber that opened it last closes it: a term left behind may end late. */
  close(topic: string, partition: number, subscriber: SourceSubscriber): void {
    const name = `${topic}/${partition}`;
    if (this.#sources.get(name)?.subscriber === subscriber) this.#sources.delete(name);
  }

  /** A subscriber has room again. */
  resume(): void {
    for (const { changed } of this.#polls.values()) changed.signal();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.resume();
    await Promise.all([...this.#polls.values()].map(({ life }) => life));
    await this.#reader.close();
  }

  #pollOf(pace: Pace): Poll {
    const known = this.#polls.get(pace);
    if (known !== undefined) return known;
    const changed = new Wake();
    const poll = { changed, life: this.#run(pace, changed) };
    this.#polls.set(pace, poll);
    return poll;
  }

  async #run(pace: Pace, changed: Wake): Promise<void> {
    const backoff = new Backoff(50, 1_000);
    while (!this.#stop.signal.aborted) {
      const wanted = [...this.#sources.values()].filter(
        (source) => source.pace === pace && !source.subscriber.isFull(source.topic),
      );
      if (wanted.length === 0) {
        await changed.wait();
        continue;
      }
      try {
        const fetched = await this.#reader.fetch(wanted, { maxWaitMs: SHELL_LIMITS.longPollMs });
        this.#lastSuccessAt = performance.now();
        const asked = new Set(wanted);
        const failed = fetched.filter((partition) => !this.#deliver(partition, asked));
        if (failed.length > 0) await pause(backoff.next(), this.#stop.signal);
        else {
          backoff.reset();
          const ms = this.#gatherMs(pace, wanted, fetched);
          if (ms > 0) await pause(ms, this.#stop.signal);
        }
      } catch (error) {
        if (!(error instanceof KafkaError && error.canRetry))
          this.#log.error({ error }, 'fetching sources failed; trying again');
        await pause(backoff.next(), this.#stop.signal);
      }
    }
  }

  /**
   * How long records gather before the next poll. Where the process is busy, each small answer makes what follows dearer: the
   * tasks' appends, publishes and the next fetch are requests of their own for it.
   */
  #gatherMs(pace: Pace, asked: readonly Source[], fetched: readonly FetchedPartition[]): number {
    if (pace === 'echo') return asked.some(hearsOthers) ? 0 : SHELL_LIMITS.echoMs;
    if (pace === 'urgent' || !this.#isBusy()) return 0;
    const count = fetched.reduce((sum, { records }) => sum + records.length, 0);
    return count > 0 && count < SHELL_LIMITS.gatherRecords ? SHELL_LIMITS.gatherMs : 0;
  }

  /** False when the partition has to be asked for again after a pause. */
  #deliver(fetched: FetchedPartition, asked: ReadonlySet<Source>): boolean {
    const source = this.#sources.get(`${fetched.topic}/${fetched.partition}`);
    // Opened anew since it was asked for: this answer begins where the one before it had come to.
    if (source === undefined || !asked.has(source)) return true;
    if (fetched.error === 'OFFSET_OUT_OF_RANGE') {
      const next = source.subscriber.outOfRange(
        fetched.topic,
        source.offset,
        fetched.logStartOffset,
      );
      if (next === null) this.close(fetched.topic, fetched.partition, source.subscriber);
      else source.offset = next;
      return true;
    }
    if (fetched.error !== null) return false;
    const records = fetched.records.filter((record) => record.offset >= source.offset);
    source.offset = Math.max(source.offset, fetched.nextOffset);
    if (records.length > 0) source.subscriber.deliver(fetched.topic, fetched.topicId, records);
    source.subscriber.reached(fetched.topic, source.offset, fetched.highWatermark);
    return true;
  }
}

function hearsOthers({ topic, subscriber }: Source): boolean {
  return subscriber.hearsOthers?.(topic) ?? false;
}
