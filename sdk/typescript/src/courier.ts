import { setTimeout as pause } from 'node:timers/promises';
import { AvroCodec } from '../../../avro/codec.ts';
import type { KafkaClient, PlainProducer, RecordToSend } from '../../../kafka/client.ts';
import type { BotError } from './bot-error.ts';
import { CONTRACT, RULES } from './contract.ts';
import type { BotEvent } from './event.ts';
import { LIMITS } from './limits.ts';
import { partitionOf } from '../../../kafka/partitioner.ts';
import type { Outbox, Waiting } from './outbox.ts';
import { EventEncoder } from './event-encoder.ts';
import { headersOf, keyOf, partitionOfKey, producerText } from './record.ts';
import type { SpoolState } from './spool-state.ts';

export interface CourierOptions {
  readonly client: KafkaClient;
  readonly registryUrl: string;
  readonly topicPrefix: string;
  readonly outbox: Outbox;
  /** Where it takes up; `partitions` null: nothing was ever sent. */
  readonly state: SpoolState;
  /** A new incarnation, for a topic that has another number of partitions now. */
  readonly renewed: (partitions: number) => SpoolState;
  /** What is acknowledged: all before `next`. */
  readonly onProgress: (state: SpoolState) => void;
}

interface Batch {
  readonly events: readonly Waiting[];
  readonly records: readonly RecordToSend[];
  /** Once all of it is acknowledged. */
  readonly after: SpoolState;
}

const TOPIC = RULES.topic;
const SENT_TOPIC = 'orders.sent';

/**
 * Takes events out of the outbox and brings them to the broker.
 *
 * Invariants:
 * 1. Events get their partition and sequence in the order of the outbox, so that both follow from what the spool holds.
 * 2. One request is under way at a time; what of it is not confirmed is sent again, the same bytes, before anything else.
 * 3. What is acknowledged is told in order.
 */
export class Courier {
  readonly #options: CourierOptions;
  readonly #producer: PlainProducer;
  readonly #stop = new AbortController();
  readonly #topic: string;
  /** Null: the schemas' ids are not known yet. */
  #encoder: EventEncoder | null = null;
  /** As of the last event that was taken out. */
  #state: SpoolState;
  #acknowledged: SpoolState;
  #given: readonly Waiting[] = [];
  #confirmed = 0;
  #lastError: string | null = null;
  #saidAt = performance.now();
  #saidNext = -1;
  #running: Promise<void> = Promise.resolve();

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#producer = options.client.producer();
    this.#topic = options.topicPrefix + TOPIC;
    this.#state = options.state;
    this.#acknowledged = options.state;
  }

  /** Events that the broker has acknowledged since the start. */
  get confirmed(): number {
    return this.#confirmed;
  }
  /** Why nothing moves; null: nothing is known to be wrong. */
  get lastError(): string | null {
    return this.#lastError;
  }
  get state(): SpoolState {
    return this.#acknowledged;
  }

  start(): void {
    this.#running = this.#run().catch((error: unknown) => {
      this.#lastError = `nothing is sent any more: ${(error as Error).message}; open the producer again`;
    });
  }

  /** Ends at once. Events that are not acknowledged stay in the spool. */
  async close(error: (what: 'CLOSED' | 'NOT_CONFIRMED') => BotError): Promise<void> {
    if (this.#given.length === 0 && this.#lastError === null) await this.#saySent();
    this.#stop.abort();
    this.#options.outbox.wake();
    await this.#producer.close();
    // A look-up at a broker or registry that is away may last longer; what it finds is not used any more.
    await Promise.race([this.#running, pause(LIMITS.closeMs, undefined, { ref: false })]);
    this.#options.outbox.abandon(error, this.#given);
  }

  async #run(): Promise<void> {
    const { outbox } = this.#options;
    let batch: Batch | null = null;
    while (!this.#stop.signal.aborted) {
      if (batch === null) {
        await outbox.waiting();
        if (!(await this.#isReady())) return;
        batch = this.#nextBatch();
        if (batch === null) continue;
      }
      const sending = this.#deliver(batch);
      const following = this.#nextBatch();
      if (!(await sending)) return;
      this.#given = this.#given.slice(batch.events.length);
      this.#acknowledged = batch.after;
      outbox.passed(batch.after.next);
      this.#options.onProgress(batch.after);
      batch = following;
      if (performance.now() - this.#saidAt > LIMITS.sentEveryMs) void this.#saySent();
    }
  }

  /** Schema ids and the number of partitions, however long it takes. False: closed before that. */
  async #isReady(): Promise<boolean> {
    if (this.#encoder !== null) return true;
    const ready = await this.#untilDone(async () => {
      const partitions = await this.#partitions();
      if (this.#state.partitions === null)
        this.#state = { ...this.#state, partitions, sequences: noneOf(partitions) };
      else if (this.#state.partitions !== partitions)
        this.#state = this.#options.renewed(partitions);
      this.#options.onProgress(this.#state);
      const codec = await AvroCodec.start({
        subjects: Object.values(RULES.events).map(({ record }) => ({
          topic: TOPIC,
          record,
          compatibility: 'FULL_TRANSITIVE' as const,
        })),
        schemas: { files: [], get: (name) => CONTRACT.schemas[name] ?? missing(name) },
        registryUrl: this.#options.registryUrl,
        topicPrefix: this.#options.topicPrefix,
      });
      const ids = new Map(
        Object.entries(RULES.events).map(([type, { record }]) => [type, codec.idOf(TOPIC, record)]),
      );
      this.#encoder = new EventEncoder((type) => ids.get(type) ?? missing(type));
    });
    return ready;
  }

  async #partitions(): Promise<number> {
    const admin = this.#options.client.admin();
    try {
      return (await admin.offsets(this.#topic)).length;
    } finally {
      await admin.close();
    }
  }

  #nextBatch(): Batch | null {
    const encoder = this.#encoder;
    if (encoder === null) return null;
    const events = this.#options.outbox.take(LIMITS.requestRecords, LIMITS.requestBytes);
    const last = events.at(-1);
    if (last === undefined) return null;
    const { partitions, sequences: before } = this.#state;
    const sequences = [...before];
    const producer = producerText(this.#state);
    const records = events.map(({ event, meta }): RecordToSend => {
      const own = Buffer.isBuffer(event) ? (JSON.parse(event.toString()) as BotEvent) : event;
      const key = Buffer.from(keyOf(own));
      const partition = partitionOf(key, partitions ?? 1);
      const sequence = (sequences[partition] ?? 0) + 1;
      sequences[partition] = sequence;
      const { traceparent } = meta;
      return {
        topic: this.#topic,
        partition,
        key,
        value: encoder.encode(own, traceparent),
        headers: headersOf(own, producer, sequence, traceparent),
      };
    });
    this.#state = { ...this.#state, next: last.number + 1, sequences };
    this.#given = [...this.#given, ...events];
    return { events, records, after: this.#state };
  }

  /** Sends until all of it is confirmed. False: closed before that. */
  async #deliver({ events, records }: Batch): Promise<boolean> {
    let left: readonly Waiting[] = events;
    let leftRecords = records;
    return this.#untilDone(async () => {
      const results = await this.#producer.send(leftRecords);
      const confirmed = new Set(
        results.filter(({ result }) => result === 'confirmed').map(({ partition }) => partition),
      );
      const isDone = (index: number): boolean => confirmed.has(leftRecords[index]?.partition ?? -1);
      const done = left.filter((_, index) => isDone(index));
      left = left.filter((_, index) => !isDone(index));
      leftRecords = leftRecords.filter((_, index) => !isDone(index));
      this.#confirmed += done.length;
      this.#options.outbox.acknowledge(done);
      const failed = results.find(({ result }) => result !== 'confirmed');
      if (failed !== undefined && failed.result !== 'confirmed')
        throw new Error(`${failed.topic}/${failed.partition} took no records: ${failed.code}`);
    });
  }

  /** Tries until it succeeds, with pauses. False: closed before that. */
  async #untilDone(attempt: () => Promise<void>): Promise<boolean> {
    for (let waitMs: number = LIMITS.retryMs; !this.#stop.signal.aborted; waitMs *= 2) {
      try {
        await attempt();
        this.#lastError = null;
        return true;
      } catch (error) {
        this.#lastError = (error as Error).message;
      }
      const { signal } = this.#stop;
      const ms = Math.min(waitMs, LIMITS.retryMaxMs);
      await pause(ms, undefined, { signal }).catch(() => undefined);
    }
    return false;
  }

  /** Tells the server what was acknowledged, so that a loss at the very end is seen too. Nothing depends on it here. */
  async #saySent(): Promise<void> {
    const { partitions, sequences, next } = this.#acknowledged;
    if (partitions === null || next === this.#saidNext || this.#encoder === null) return;
    this.#saidAt = performance.now();
    this.#saidNext = next;
    const producer_id = producerText(this.#acknowledged);
    const key = `${producer_id}/${TOPIC}`;
    const value = JSON.stringify({ producer_id, topic: TOPIC, sent: sequences });
    const record = {
      topic: this.#options.topicPrefix + SENT_TOPIC,
      partition: partitionOfKey(key, partitions),
      key: Buffer.from(key),
      value: Buffer.from(value),
      headers: {},
    };
    await this.#producer.send([record]);
  }
}

function noneOf(partitions: number): readonly number[] {
  return Array.from({ length: partitions }, () => 0);
}

function missing(name: string): never {
  throw new Error(`The contract has no ${name}; run scripts/generate-sdk-contract.ts.`);
}
