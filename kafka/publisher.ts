import { EngineError } from '../engine/errors.ts';
import type { JournaledEmit, Watermark } from '../engine/journal.ts';
import type { PlainProducer, RecordToSend, SendResult } from './client.ts';
import type { TopicNames } from './topic-names.ts';
import { Backoff, pause, Wake } from './wait.ts';

interface Pending {
  readonly n: number;
  readonly emit: JournaledEmit;
}

export interface PublisherOptions {
  readonly producer: PlainProducer;
  readonly names: TopicNames;
  readonly signal: AbortSignal;
  /** All emits of the task to that output up to (n, index) are acknowledged. */
  onWatermark(watermark: Watermark): void;
  /** A definite refusal after journaling: the task stops by name (J3d). */
  onRefused(error: EngineError): void;
  /** Records sent again after an unknown result. */
  onRepublished(count: number): void;
  onPublished(seconds: number): void;
}

/** Records of one request and one output. */
const RECORDS_PER_REQUEST = 2_000;
/**
 * Bytes of one request and one output, a larger single record apart: the broker's limit of 1 MiB
 * (max.message.bytes) is one of the record batch, and what it refuses stops the task.
 */
const BYTES_PER_REQUEST = 1000 * 1000;
/** Emits that may wait before the task stops taking input. */
const BACKLOG = 10_000;

/**
 * Publishes a task's confirmed emits.
 *
 * Invariants (J5): one request in flight per output partition, here per task; the next holds what has
 * gathered; one that fails is sent again, same bytes, before anything later of that partition.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #queues = new Map<string, Pending[]>();
  readonly #backoff = new Backoff(50, 2_000);
  readonly #changed = new Wake();
  #waiting = 0;
  #running: Promise<void> | null = null;

  constructor(options: PublisherOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#changed.signal(), { once: true });
  }

  get isFull(): boolean {
    return this.#waiting >= BACKLOG;
  }

  get waiting(): number {
    return this.#waiting;
  }

  enqueue(n: number, emits: readonly JournaledEmit[]): void {
    for (const emit of emits) {
      const queue = this.#queues.get(emit.topic);
      if (queue === undefined) this.#queues.set(emit.topic, [{ n, emit }]);
      else queue.push({ n, emit });
    }
    this.#waiting += emits.length;
    if (this.#running === null && this.#waiting > 0) this.#running = this.#run();
  }

  /** Resolves when fewer than the backlog's limit wait, or the term ends. */
  async room(): Promise<void> {
    while (this.isFull && !this.#options.signal.aborted) await this.#changed.wait();
  }

  /** Resolves when all is acknowledged, or the term ends. */
  async drained(): Promise<void> {
    while (this.#waiting > 0 && !this.#options.signal.aborted) await this.#changed.wait();
  }

  /** Resolves when no request is under way; after the term's end none follows. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting > 0 && !this.#options.signal.aborted) {
      const sent = this.#nextRequest();
      const startedAt = performance.now();
      const results = await this.#options.producer.send(
        [...sent.values()].flatMap((pending) => pending.map((each) => this.#toRecord(each.emit))),
      );
      const failed = results.filter((result) => !this.#settle(result, sent));
      this.#changed.signal();
      if (failed.length === 0) {
        this.#backoff.reset();
        this.#options.onPublished((performance.now() - startedAt) / 1000);
      } else {
        this.#options.onRepublished(failed.length);
        await pause(this.#backoff.next(), this.#options.signal);
      }
    }
    this.#running = null;
  }

  #nextRequest(): Map<string, Pending[]> {
    const request = new Map<string, Pending[]>();
    for (const [topic, queue] of this.#queues) {
      const most = Math.min(queue.length, RECORDS_PER_REQUEST);
      let bytes = 0;
      let count = 0;
      for (; count < most; count++) {
        bytes += sizeOf((queue[count] as Pending).emit);
        if (count > 0 && bytes > BYTES_PER_REQUEST) break;
      }
      request.set(topic, queue.slice(0, count));
    }
    return request;
  }

  /** True when the partition's records of this request are acknowledged. */
  #settle(result: SendResult, sent: Map<string, Pending[]>): boolean {
    const topic = this.#options.names.logical(result.topic);
    const records = sent.get(topic) ?? [];
    if (result.result === 'refused') {
      this.#options.onRefused(refused(result));
      return false;
    }
    if (result.result === 'unknown') return false;
    const queue = this.#queues.get(topic) ?? [];
    queue.splice(0, records.length);
    if (queue.length === 0) this.#queues.delete(topic);
    this.#waiting -= records.length;
    const last = records.at(-1);
    if (last !== undefined)
      this.#options.onWatermark({
        topic,
        partition: result.partition,
        offset: result.baseOffset + records.length,
        n: last.n,
        index: last.emit.index,
      });
    return true;
  }

  #toRecord(emit: JournaledEmit): RecordToSend {
    const { partition, key, value, headers } = emit;
    return { topic: this.#options.names.physical(emit.topic), partition, key, value, headers };
  }
}

/** Upper bound of a record's bytes in its batch, lengths and deltas included. */
function sizeOf({ key, value, headers }: JournaledEmit): number {
  let bytes = 40 + (key?.byteLength ?? 0) + (value?.byteLength ?? 0);
  for (const name in headers)
    bytes += 10 + Buffer.byteLength(name) + Buffer.byteLength(headers[name] ?? '');
  return bytes;
}

function refused(result: Extract<SendResult, { result: 'refused' }>): EngineError {
  return new EngineError(
    'PUBLISH_REFUSED',
    'stop',
    `The broker refused a journaled emit for ${result.topic}/${result.partition}: ${result.code}. ` +
      `Nothing is skipped: correct the topic's limits or rights, then start the application again.`,
  );
}
