import { performance } from 'node:perf_hooks';
import { eventDefinition, eventHeaders } from '../avro/index.ts';
import type { Codec } from '../engine/codec.ts';
import type { EventRecord } from '../engine/event.ts';
import { traceHeaders } from '../engine/traceparent.ts';
import type { PlainProducer, RecordToSend, SendResult } from '../kafka/client.ts';
import { type IntentPublisher, PublishError } from './ports.ts';

/*
 * Invariants:
 * 1. At most one request is in flight; what gathers meanwhile goes with the next one, in order.
 * 2. A record is sent at most once. What became of it is unknown until it is confirmed or refused.
 * 3. Every publish settles within its time limit, sent or not.
 */

/** Events that may wait for the request in flight. */
const MAX_WAITING = 10_000;
/** Of keys and values in one request: below the broker's limit for a batch (1 MiB). */
const MAX_REQUEST_BYTES = 512 * 1024;
/** The caller has an answer within 5 s; half a second is for what stands before and after the wait. */
const DEFAULT_LIMIT_MS = 4_500;

export interface BatchingPublisherOptions {
  readonly producer: PlainProducer;
  readonly codec: Codec;
  readonly topicPrefix: string;
  readonly partitions: number;
  readonly partitionOf: (key: Uint8Array, partitions: number) => number;
  /** Limit of one publish, waiting included. Default 4,500. */
  readonly requestTimeoutMs?: number;
  /** Told the seconds of each request that was answered. */
  readonly observeSeconds?: (seconds: number) => void;
}

interface Entry {
  readonly record: RecordToSend;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/**
 * Publishes events over a producer that never resends, gathering them without waiting for any.
 *
 * Limits: 10,000 waiting events; 512 KiB a request.
 * Throws: PublishError BROKER_AWAY, REFUSED (retry); CodecError for a value that misfits its schema.
 */
export class BatchingPublisher implements IntentPublisher {
  readonly #options: BatchingPublisherOptions;
  readonly #limitMs: number;
  /** In order of arrival; a Set, so that an entry whose time is over leaves at once. */
  readonly #waiting = new Set<Entry>();
  #sending: Promise<void> | null = null;
  #closed = false;

  constructor(options: BatchingPublisherOptions) {
    this.#options = options;
    this.#limitMs = options.requestTimeoutMs ?? DEFAULT_LIMIT_MS;
  }

  async publish(event: EventRecord, traceparent: string | null = null): Promise<void> {
    if (this.#closed) throw new PublishError('BROKER_AWAY', 'none', 'the gateway is stopping');
    if (this.#waiting.size >= MAX_WAITING) throw overloaded();
    const record = this.#record(event, traceparent);
    await new Promise<void>((resolve, reject) => {
      const entry: Entry = {
        record,
        resolve,
        reject,
        timer: setTimeout(() => this.#expire(entry), this.#limitMs),
      };
      this.#waiting.add(entry);
      this.#sending ??= this.#sendAll();
    });
  }

  /** Takes nothing new, and resolves when all that was taken has settled. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#sending;
  }

  #record(event: EventRecord, traceparent: string | null): RecordToSend {
    const { codec, topicPrefix, partitions, partitionOf } = this.#options;
    const { envelope } = event;
    const { topic, record } = eventDefinition(envelope.event_type);
    const key = Buffer.from(envelope.correlation_id);
    return {
      topic: topicPrefix + topic,
      partition: partitionOf(key, partitions),
      key,
      value: codec.encode(topic, record, event),
      headers: eventHeaders(envelope, traceHeaders(traceparent)),
    };
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.size > 0) await this.#send(this.#take());
    this.#sending = null;
  }

  #take(): readonly Entry[] {
    const taken: Entry[] = [];
    let sizeBytes = 0;
    for (const entry of this.#waiting) {
      sizeBytes += (entry.record.key?.length ?? 0) + (entry.record.value?.length ?? 0);
      if (taken.length > 0 && sizeBytes > MAX_REQUEST_BYTES) break;
      this.#waiting.delete(entry);
      taken.push(entry);
    }
    return taken;
  }

  async #send(entries: readonly Entry[]): Promise<void> {
    const startedAt = performance.now();
    try {
      const results = await this.#options.producer.send(entries.map(({ record }) => record));
      this.#options.observeSeconds?.((performance.now() - startedAt) / 1000);
      for (const entry of entries) settle(entry, resultOf(entry, results));
    } catch (error) {
      for (const entry of entries) settle(entry, unknown('the client failed', error));
    }
  }

  #expire(entry: Entry): void {
    const waited = this.#waiting.delete(entry);
    const what = waited ? 'the request before it is still open' : 'the broker did not acknowledge';
    const error = new PublishError(
      'BROKER_AWAY',
      waited ? 'none' : 'unknown',
      `no acknowledgement within ${this.#limitMs} ms: ${what}; see whether the broker is up`,
    );
    entry.reject(error);
  }
}

/** See {@link BatchingPublisher}. */
export function createBatchingPublisher(options: BatchingPublisherOptions): BatchingPublisher {
  return new BatchingPublisher(options);
}

function settle(entry: Entry, error: PublishError | null): void {
  clearTimeout(entry.timer);
  if (error === null) entry.resolve();
  else entry.reject(error);
}

function resultOf({ record }: Entry, results: readonly SendResult[]): PublishError | null {
  const { topic, partition } = record;
  const found = results.find((each) => each.topic === topic && each.partition === partition);
  const where = `${topic}/${partition}`;
  if (found === undefined) return unknown(`the client said nothing of ${where}`, null);
  switch (found.result) {
    case 'confirmed':
      return null;
    case 'refused':
      return new PublishError(
        'REFUSED',
        'none',
        `the broker refused a record for ${where} with ${found.code}; see the settings of the topic`,
      );
    case 'unknown':
      return unknown(`${where} was not acknowledged (${found.code})`, found.cause);
  }
}

function unknown(what: string, cause: unknown): PublishError {
  const message = `${what}; see whether the broker is up, and read before sending again`;
  return new PublishError('BROKER_AWAY', 'unknown', message, { cause });
}

function overloaded(): PublishError {
  const message = `${MAX_WAITING} events wait for the broker already; send slower, or later`;
  return new PublishError('BROKER_AWAY', 'none', message);
}
