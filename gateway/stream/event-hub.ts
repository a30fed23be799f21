import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { toWire } from '../../avro/index.ts';
import type { Codec } from '../../engine/codec.ts';
import { HEADER, type EventRecord } from '../../engine/event.ts';
import type {
  FetchedPartition,
  FetchedRecord,
  KafkaAdmin,
  KafkaClient,
  PartitionReader,
} from '../../kafka/client.ts';
import { Backoff, pause, Wake } from '../../kafka/wait.ts';
import type { SubscribeMessage } from './client-message.ts';
import type { StreamFrame } from './client-queue.ts';
import { formatPosition, type Offsets } from './stream-position.ts';
import { type Subscriber, SubscriptionIndex } from './subscription-index.ts';

/** An event as it passes: cheap to look at, encoded only when somebody wants it. */
export interface PassingEvent {
  readonly type: string;
  readonly correlationId: string;
  /** The frame for everybody; null when the record cannot be read. */
  frame(): StreamFrame | null;
}

export interface Listener {
  /** Events were lost between two reads: the topic no longer held them. */
  lost(): void;
}

export interface EventHubOptions {
  readonly kafka: KafkaClient;
  readonly admin: KafkaAdmin;
  readonly codec: Codec;
  /** Physical names, in a fixed order: positions are written in it. */
  readonly topics: readonly string[];
  readonly log: FastifyBaseLogger;
}

/**
 * Passed on before sockets get a turn to write: as much as they take at once. A fetch brings thousands of events, and
 * whoever reads as fast as they are written must not be too slow for them.
 */
const TURN_BYTES = 32 * 1024;
/** Of a frame, besides what is in the record. */
const FRAME_BYTES = 256;
/** Bounds how late a first listener is served; the hub has no other work then. */
const MAX_WAIT_MS = 250;

/**
 * Reads the topics once for all clients, from their ends on, while there is somebody to listen. It is in no group, so
 * nothing of it is left on the broker (B-29).
 */
export class EventHub {
  readonly #options: EventHubOptions;
  readonly #listeners = new Set<Listener>();
  readonly #subscriptions = new SubscriptionIndex();
  readonly #stop = new AbortController();
  readonly #wanted = new Wake();
  readonly #moved = new Set<() => void>();
  readonly #life: Promise<void>;
  #reader: PartitionReader | null = null;
  #offsets: number[][] | null = null;

  constructor(options: EventHubOptions) {
    this.#options = options;
    this.#life = this.#run();
  }

  /** Where it stands; null before it knows. */
  get offsets(): Offsets | null {
    return this.#offsets;
  }

  get topics(): readonly string[] {
    return this.#options.topics;
  }

  /** A reader of one's own, for what has passed already. */
  openReader(): PartitionReader {
    return this.#options.kafka.reader();
  }

  /** Keeps the hub reading, and says what is lost. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    this.#wanted.signal();
    return () => this.#listeners.delete(listener);
  }

  /**
   * Passes on what belongs to a subscription, from here on, until what it returns is called. Order: that of each partition;
   * the hub then stands right behind the event.
   */
  subscribe(subscriber: Subscriber, subscription: SubscribeMessage): () => void {
    return this.#subscriptions.add(subscriber, subscription);
  }

  /** Resolves at the next step it takes, at the latest after a poll. */
  moved(): Promise<void> {
    return new Promise((resolve) => this.#moved.add(resolve));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wanted.signal();
    await this.#reader?.close();
    await this.#life;
  }

  /** The event that a record holds. `offsets`: where a reader stands after it. */
  passing(record: FetchedRecord, offsets: Offsets): PassingEvent {
    const { headers } = record;
    const type = headers[HEADER.eventType] ?? '';
    let frame: StreamFrame | null | undefined;
    return {
      type,
      correlationId: headers[HEADER.correlationId] ?? '',
      frame: () => (frame === undefined ? (frame = this.#frameOf(type, record, offsets)) : frame),
    };
  }

  /** Asks the registry for schemas that are not known; what it does not have is left out. */
  async learn(records: readonly FetchedRecord[]): Promise<void> {
    const { codec, log } = this.#options;
    for (const { value } of records)
      if (value !== null && !codec.knows(value))
        await codec
          .learn(value)
          .catch((error: unknown) => log.warn({ err: error }, 'schema unknown'));
  }

  async #run(): Promise<void> {
    const backoff = new Backoff(50, 2_000);
    while (!this.#stop.signal.aborted) {
      if (this.#listeners.size === 0) {
        this.#offsets = null;
        await this.#wanted.wait();
        continue;
      }
      try {
        this.#offsets ??= await this.#ends();
        await this.#step(this.#offsets);
        backoff.reset();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#options.log.warn({ err: error }, 'the stream cannot read the log; trying again');
        await pause(backoff.next(), this.#stop.signal);
      } finally {
        for (const resolve of this.#moved) resolve();
        this.#moved.clear();
      }
    }
  }

  async #ends(): Promise<number[][]> {
    const { admin, topics } = this.#options;
    return Promise.all(
      topics.map(async (topic) => (await admin.offsets(topic)).map(({ end }) => end)),
    );
  }

  async #step(offsets: number[][]): Promise<void> {
    const { topics } = this.#options;
    const positions = topics.flatMap((topic, at) =>
      (offsets[at] ?? []).map((offset, partition) => ({ topic, partition, offset })),
    );
    this.#reader ??= this.#options.kafka.reader();
    const fetched = await this.#reader.fetch(positions, { maxWaitMs: MAX_WAIT_MS });
    await this.learn(fetched.flatMap(({ records }) => records));
    for (const partition of fetched) await this.#pass(partition, offsets);
  }

  async #pass(fetched: FetchedPartition, offsets: number[][]): Promise<void> {
    const { topic, partition, error, records, nextOffset, logStartOffset } = fetched;
    const own = offsets[this.#options.topics.indexOf(topic)];
    if (own === undefined) return;
    if (error === 'OFFSET_OUT_OF_RANGE') {
      own[partition] = logStartOffset;
      for (const listener of this.#listeners) listener.lost();
      return;
    }
    if (error !== null) throw new Error(`${topic}/${partition} cannot be read: ${error}`);
    let bytes = 0;
    for (const record of records) {
      bytes += FRAME_BYTES + (record.value?.length ?? 0);
      if (bytes > TURN_BYTES) bytes = await nextTurn().then(() => 0);
      if (this.#stop.signal.aborted) return;
      own[partition] = record.offset + 1;
      this.#subscriptions.pass(this.passing(record, offsets));
    }
    own[partition] = Math.max(own[partition] ?? 0, nextOffset);
  }

  #frameOf(type: string, record: FetchedRecord, offsets: Offsets): StreamFrame | null {
    const { codec, log } = this.#options;
    if (record.value === null) return null;
    try {
      const event = toWire(codec.decode(record.value).value as EventRecord);
      const position = formatPosition(offsets);
      const text = JSON.stringify({ type: 'event', position, event });
      return { topic: type, text, position };
    } catch (error) {
      const { topic, partition, offset } = record;
      log.warn(
        { err: error, topic, partition, offset },
        'the stream leaves out an unreadable record',
      );
      return null;
    }
  }
}
