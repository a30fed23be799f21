import { HEADER } from '../../engine/event.ts';
import type { PlainProducer, RecordToSend, SendResult } from '../../kafka/client.ts';
import type { TopicNames } from '../../kafka/topic-names.ts';
import { PublishError } from '../ports.ts';

/*
 * Invariants:
 * 1. At most one request is in flight; what comes meanwhile waits for it, in order.
 * 2. Sequences of one incarnation run without gaps per partition: after a request that was not confirmed whole, a
 *    new incarnation begins, so that nothing is ever sent after what may be lost.
 * 3. What is said to be sent was acknowledged.
 */

/** Of keys and values in one request: below the broker's limit for a batch (1 MiB). */
const MAX_REQUEST_BYTES = 512 * 1024;
/** Records that may wait for the request in flight. */
const MAX_WAITING = 100_000;
/** How long after a batch its producer says what was acknowledged. */
const SAY_AFTER_MS = 1_000;

export interface MarkedPublisherOptions {
  readonly producer: PlainProducer;
  readonly names: TopicNames;
  /** Without `/`: `gateway-1`. Its incarnations count on from the clock. */
  readonly producerId: string;
  readonly nowMs: () => number;
}

/**
 * Sends records with the marks of a producer, and says on `orders.sent` what was acknowledged, so that the report on
 * bots knows what should have come (S-36).
 *
 * Limits: 100,000 waiting records; 512 KiB a request.
 * Throws: PublishError BROKER_AWAY, REFUSED (retry).
 */
export class MarkedPublisher {
  readonly #options: MarkedPublisherOptions;
  #incarnation: number;
  /** Topic to the last sequence of each partition. */
  #given = new Map<string, number[]>();
  #acknowledged = new Map<string, number[]>();
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;
  #saying: NodeJS.Timeout | null = null;

  constructor(options: MarkedPublisherOptions) {
    this.#options = options;
    this.#incarnation = options.nowMs();
  }

  /**
   * Resolves when all in-sync replicas have all records. Throws: PublishError; some may have been taken when its
   * delivery is `unknown`, none when it is `none`.
   */
  send(records: readonly RecordToSend[]): Promise<void> {
    if (this.#waiting + records.length > MAX_WAITING) {
      const message = `${this.#waiting} records wait for the broker already; send slower, or later`;
      return Promise.reject(new PublishError('BROKER_AWAY', 'none', message));
    }
    this.#waiting += records.length;
    const sent = this.#turn.then(() => this.#sendAll(records));
    this.#turn = sent.then(ignore, ignore).finally(() => (this.#waiting -= records.length));
    return sent;
  }

  /** Order: once, last: says what was acknowledged. */
  async close(): Promise<void> {
    await this.#turn;
    if (this.#saying === null) return;
    clearTimeout(this.#saying);
    this.#saying = null;
    await this.#say();
  }

  async #sendAll(records: readonly RecordToSend[]): Promise<void> {
    let isFirst = true;
    for (const part of partsOf(records)) {
      const marked = part.map((record) => this.#marked(record));
      const results = await this.#request(marked);
      const failed = failureOf(results);
      if (failed === null) {
        isFirst = false;
        this.#acknowledge(marked);
        continue;
      }
      await this.#begin();
      const isNone = isFirst && results.every(({ result }) => result === 'refused');
      throw new PublishError(failed.code, isNone ? 'none' : 'unknown', failed.message);
    }
  }

  #marked(record: RecordToSend): RecordToSend {
    const sequences = countsOf(this.#given, record.topic);
    const sequence = (sequences[record.partition] ?? 0) + 1;
    sequences[record.partition] = sequence;
    const marks = {
      [HEADER.producerId]: this.#producerId,
      [HEADER.producerSequence]: String(sequence),
    };
    return { ...record, headers: { ...record.headers, ...marks } };
  }

  get #producerId(): string {
    return `${this.#options.producerId}/${this.#incarnation}`;
  }

  async #request(records: readonly RecordToSend[]): Promise<readonly SendResult[]> {
    try {
      return await this.#options.producer.send(records);
    } catch (cause) {
      const places = new Map(
        records.map((record) => [`${record.topic}/${record.partition}`, record]),
      );
      return [...places.values()].map(({ topic, partition }) => {
        return { topic, partition, result: 'unknown', code: 'CLIENT', cause } as const;
      });
    }
  }

  #acknowledge(records: readonly RecordToSend[]): void {
    for (const { topic, partition, headers } of records)
      countsOf(this.#acknowledged, topic)[partition] = Number(headers[HEADER.producerSequence]);
    this.#saying ??= setTimeout(() => {
      this.#saying = null;
      this.#turn = this.#turn.then(() => this.#say());
    }, SAY_AFTER_MS).unref();
  }

  /** A new incarnation, once the old one has said what it can vouch for. */
  async #begin(): Promise<void> {
    await this.#say();
    this.#incarnation = Math.max(this.#incarnation + 1, this.#options.nowMs());
    this.#given = new Map();
    this.#acknowledged = new Map();
  }

  /** Tried once: what is not said now is said with the next batch, or known from the records themselves. */
  async #say(): Promise<void> {
    const { names } = this.#options;
    const statements = [...this.#acknowledged].map(([topic, sent]): RecordToSend => {
      const logical = names.logical(topic);
      const counts = Array.from(sent, (count) => count ?? 0);
      const statement = { producer_id: this.#producerId, topic: logical, sent: counts };
      return {
        topic: names.physical('orders.sent'),
        partition: 0,
        key: Buffer.from(`${this.#producerId}/${logical}`),
        value: Buffer.from(JSON.stringify(statement)),
        headers: {},
      };
    });
    if (statements.length > 0) await this.#request(statements);
  }
}

function countsOf(map: Map<string, number[]>, topic: string): number[] {
  const counts = map.get(topic) ?? [];
  map.set(topic, counts);
  return counts;
}

function* partsOf(records: readonly RecordToSend[]): Generator<readonly RecordToSend[]> {
  let part: RecordToSend[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = (record.key?.length ?? 0) + (record.value?.length ?? 0);
    if (part.length > 0 && bytes + size > MAX_REQUEST_BYTES) {
      yield part;
      [part, bytes] = [[], 0];
    }
    part.push(record);
    bytes += size;
  }
  if (part.length > 0) yield part;
}

function failureOf(
  results: readonly SendResult[],
): { readonly code: 'BROKER_AWAY' | 'REFUSED'; readonly message: string } | null {
  for (const result of results) {
    if (result.result === 'confirmed') continue;
    const where = `${result.topic}/${result.partition}`;
    return result.result === 'refused'
      ? { code: 'REFUSED', message: `the broker refused records for ${where} (${result.code})` }
      : { code: 'BROKER_AWAY', message: `${where} was not acknowledged (${result.code})` };
  }
  return null;
}

function ignore(): void {}
