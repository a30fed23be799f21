import {
  type KafkaClientOptions,
  KafkaError,
  type PlainProducer,
  type RecordToSend,
  type SendResult,
} from '../client.ts';
import { isRefusal, nameOf } from '../error-table.ts';
import { requestTimeoutOf } from '../limits.ts';
import { Cluster, type FoundTopic, UNKNOWN_TOPIC } from './cluster.ts';
import { codeOf } from './errors.ts';

/*
 * Invariants (J3b):
 * 1. A record goes to the broker at most once: no producer id, no retries; the library's Producer has both.
 * 2. acks=all stands in each request.
 * 3. One call is in flight. The library writes a request some promises after it was asked to, so two calls at once
 *    could pass each other.
 */

const ACKS_ALL = -1;

interface ProduceAnswer {
  readonly topics: readonly {
    readonly topicName: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly errorCode: number;
      readonly baseOffset: string;
    }[];
  }[];
}

export class KafkajsProducer implements PlainProducer {
  readonly #cluster: Cluster;
  readonly #timeoutMs: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: KafkaClientOptions) {
    this.#cluster = new Cluster(options);
    this.#timeoutMs = requestTimeoutOf(options);
  }

  async send(records: readonly RecordToSend[]): Promise<readonly SendResult[]> {
    if (records.length === 0) return [];
    const sent = this.#last.then(() => this.#send(records));
    this.#last = sent;
    return sent;
  }

  async close(): Promise<void> {
    await this.#cluster.close();
  }

  /** Never rejects. */
  async #send(records: readonly RecordToSend[]): Promise<readonly SendResult[]> {
    try {
      const topics = [...new Set(records.map(({ topic }) => topic))];
      let found = await this.#cluster.find(topics);
      if (records.some((record) => problemOf(found, record) !== null))
        found = await this.#cluster.find(topics, { afresh: true });
      const bad = records.filter((record) => problemOf(found, record) !== null);
      const good = records.filter((record) => problemOf(found, record) === null);
      const byLeader = Map.groupBy(good, (record) => leaderOf(found, record));
      const sent = [...byLeader].map(([leader, own]) => this.#sendTo(leader, own));
      const notSent = resultsFor(bad, (record) => resultOf(record, problemOf(found, record)));
      return [...notSent, ...(await Promise.all(sent)).flat()];
    } catch (error) {
      return resultsFor(records, (record) => resultOf(record, error));
    }
  }

  async #sendTo(leader: number, records: readonly RecordToSend[]): Promise<readonly SendResult[]> {
    try {
      const link = await this.#cluster.to(leader);
      const answer = await link.ask<ProduceAnswer>('Produce', {
        acks: ACKS_ALL,
        timeout: this.#timeoutMs,
        topicData: topicData(records),
      });
      const results = answeredOf(answer);
      // Leaders may have moved: ask again before the next call.
      if (results.some(({ result }) => result !== 'confirmed')) this.#cluster.forget();
      return results;
    } catch (error) {
      this.#cluster.forget();
      return resultsFor(records, (record) => resultOf(record, error));
    }
  }
}

/** Why a record cannot be sent; null: it can. */
function problemOf(
  found: ReadonlyMap<string, FoundTopic>,
  { topic, partition }: RecordToSend,
): KafkaError | null {
  const known = found.get(topic);
  if (known instanceof KafkaError) return known;
  if (known?.partitions[partition] !== undefined) return null;
  return new KafkaError(UNKNOWN_TOPIC, true, `There is no partition ${topic}/${partition}.`);
}

function leaderOf(found: ReadonlyMap<string, FoundTopic>, record: RecordToSend): number {
  const known = found.get(record.topic);
  if (known === undefined || known instanceof KafkaError) return -1;
  return known.partitions[record.partition]?.leader ?? -1;
}

function topicData(records: readonly RecordToSend[]) {
  return [...Map.groupBy(records, ({ topic }) => topic)].map(([topic, own]) => ({
    topic,
    partitions: [...Map.groupBy(own, ({ partition }) => partition)].map(([partition, batch]) => ({
      partition,
      messages: batch.map(({ key, value, headers }) => ({
        key: bufferOf(key),
        value: bufferOf(value),
        headers,
      })),
    })),
  }));
}

/** The library takes other bytes for text. */
function bufferOf(bytes: Uint8Array | null): Buffer | null {
  return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Refused only by the closed list of J3a; everything else is unknown. */
function resultOf({ topic, partition }: RecordToSend, cause: unknown): SendResult {
  const code = codeOf(cause);
  if (isRefusal(code)) return { topic, partition, result: 'refused', code };
  return { topic, partition, result: 'unknown', code, cause };
}

/** One result per topic-partition of the records. */
function resultsFor(
  records: readonly RecordToSend[],
  result: (record: RecordToSend) => SendResult,
): readonly SendResult[] {
  const places = Map.groupBy(records, ({ topic, partition }) => `${topic}/${partition}`);
  return [...places.values()].map(([first]) => result(first as RecordToSend));
}

function answeredOf({ topics }: ProduceAnswer): readonly SendResult[] {
  return topics.flatMap(({ topicName: topic, partitions }) =>
    partitions.map(({ partition, errorCode, baseOffset }): SendResult => {
      if (errorCode === 0)
        return { topic, partition, result: 'confirmed', baseOffset: Number(baseOffset) };
      const code = nameOf(errorCode);
      if (isRefusal(code)) return { topic, partition, result: 'refused', code };
      const cause = new KafkaError(code, true, `${topic}/${partition} answered ${code}.`);
      return { topic, partition, result: 'unknown', code, cause };
    }),
  );
}
