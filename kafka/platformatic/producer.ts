import { Producer, stringSerializer } from '@platformatic/kafka';
import {
  KafkaError,
  type KafkaClientOptions,
  type PlainProducer,
  type RecordToSend,
  type SendResult,
} from '../client.ts';
import {
  areKnown,
  connectionOptions,
  findTopics,
  requestTimeoutOf,
  watchConnections,
} from './cluster.ts';
import { codeOf, errorsWithin, isRefusal, nameOf, UNKNOWN_TOPIC } from './errors.ts';

/*
 * Invariants (J3b):
 * 1. A record goes to the broker at most once: no idempotence, no retries, no repeat on stale metadata.
 * 2. acks=all stands on the call; the constructor's is not sent.
 * 3. Calls reach a partition in the order in which they were made: each is handed over in its turn, and only
 *    when no look-up can come between it and its connection.
 */

/** Produce requests on one connection that wait for their answers; further ones wait here. */
const MAX_IN_FLIGHT = 100;

/** What is sent of one call, and what is known without sending it. */
interface Plan {
  readonly records: readonly RecordToSend[];
  readonly results: readonly SendResult[];
}

/** The part of a Produce answer that says what became of each partition. */
interface ProduceResponse {
  readonly responses: readonly {
    readonly name: string;
    readonly partitionResponses: readonly {
      readonly index: number;
      readonly errorCode: number;
      readonly baseOffset: bigint;
    }[];
  }[];
}

type LibraryProducer = Producer<Buffer, Buffer, string, string>;

export class PlatformaticProducer implements PlainProducer {
  readonly #producer: LibraryProducer;
  readonly #closeLost: () => Promise<void>;
  #handedOver: Promise<unknown> = Promise.resolve();

  constructor(options: KafkaClientOptions) {
    this.#producer = new Producer<Buffer, Buffer, string, string>({
      ...connectionOptions(options),
      timeout: requestTimeoutOf(options),
      maxInflights: MAX_IN_FLIGHT,
      idempotent: false,
      repeatOnStaleMetadata: false,
      serializers: { headerKey: stringSerializer, headerValue: stringSerializer },
    });
    forbidResending(this.#producer);
    this.#closeLost = watchConnections(this.#producer.connections);
  }

  async send(records: readonly RecordToSend[]): Promise<readonly SendResult[]> {
    if (records.length === 0) return [];
    const handedOver = this.#inTurn(this.#handedOver, records);
    this.#handedOver = handedOver;
    return (await handedOver).results;
  }

  async close(): Promise<void> {
    await this.#producer.close();
    await this.#closeLost();
  }

  /** Resolves, inside an object, with the results still to come: the next call need not wait for them. */
  async #inTurn(
    previous: Promise<unknown>,
    records: readonly RecordToSend[],
  ): Promise<{ readonly results: Promise<readonly SendResult[]> | readonly SendResult[] }> {
    const topics = [...new Set(records.map(({ topic }) => topic))];
    let plan = await this.#plan(topics, records);
    await previous;
    // A call before this one failed meanwhile, and took the metadata with it.
    if (plan.records.length > 0 && !areKnown(this.#producer, topics))
      plan = await this.#plan(topics, records);
    return { results: plan.records.length === 0 ? plan.results : this.#handOver(plan) };
  }

  async #plan(topics: readonly string[], records: readonly RecordToSend[]): Promise<Plan> {
    try {
      let found = await findTopics(this.#producer, topics);
      let bad = records.filter((record) => problemOf(found, record) !== null);
      if (bad.length > 0) {
        found = await findTopics(this.#producer, topics, { afresh: true });
        bad = records.filter((record) => problemOf(found, record) !== null);
      }
      if (bad.length === 0) return { records, results: [] };
      const results = resultsFor(bad, (record) => notSent(record, problemOf(found, record)));
      return { records: records.filter((record) => problemOf(found, record) === null), results };
    } catch (error) {
      return { records: [], results: resultsFor(records, (record) => unknown(record, error)) };
    }
  }

  async #handOver({ records, results }: Plan): Promise<readonly SendResult[]> {
    try {
      const { offsets } = await this.#producer.send({
        acks: -1,
        idempotent: false,
        repeatOnStaleMetadata: false,
        messages: records.map(toMessage),
      });
      return [...results, ...(offsets ?? []).map(confirmed)];
    } catch (error) {
      // Leaders may have moved, or the broker is another one now: ask again before the next call.
      this.#producer.clearMetadata();
      return [...results, ...resultsOf(error, records)];
    }
  }
}

/**
 * Told OUT_OF_ORDER_SEQUENCE_NUMBER or UNKNOWN_PRODUCER_ID, the library asks for a producer id and sends the same
 * records again, without idempotence too. Without an id it cannot; the first answer is lost to us, not its meaning.
 */
function forbidResending(producer: LibraryProducer): void {
  const refuse = (_options: unknown, callback: (error: Error) => void): void =>
    callback(
      new KafkaError(
        'UNKNOWN_PRODUCER_ID',
        true,
        'The broker spoke of a producer id; this producer has none.',
      ),
    );
  producer.initIdempotentProducer = refuse as typeof producer.initIdempotentProducer;
}

/** Why a record cannot be sent; null: it can. The library would move it to another partition instead. */
function problemOf(
  found: Awaited<ReturnType<typeof findTopics>>,
  { topic, partition }: RecordToSend,
): KafkaError | null {
  const known = found.get(topic);
  if (known instanceof KafkaError) return known;
  if (known !== undefined && known.partitions[partition] !== undefined) return null;
  return new KafkaError(UNKNOWN_TOPIC, true, `There is no partition ${topic}/${partition}.`);
}

/**
 * Certainly not sent, but refused only by the closed list of J3a: a topic that is not there may be there in a
 * moment, and a refusal stops a task for good.
 */
function notSent(record: RecordToSend, problem: KafkaError | null): SendResult {
  const { topic, partition } = record;
  const code = problem?.code ?? UNKNOWN_TOPIC;
  return isRefusal(code) ? { topic, partition, result: 'refused', code } : unknown(record, problem);
}

function unknown({ topic, partition }: RecordToSend, cause: unknown): SendResult {
  return { topic, partition, result: 'unknown', code: codeOf(cause), cause };
}

function confirmed(answer: { topic: string; partition: number; offset: bigint }): SendResult {
  const { topic, partition, offset } = answer;
  return { topic, partition, result: 'confirmed', baseOffset: Number(offset) };
}

/** One result per topic-partition of the records. */
function resultsFor(
  records: readonly RecordToSend[],
  resultOf: (record: RecordToSend) => SendResult,
): readonly SendResult[] {
  const first = new Map<string, RecordToSend>();
  for (const record of records)
    if (!first.has(partitionKey(record))) first.set(partitionKey(record), record);
  return [...first.values()].map(resultOf);
}

/** What is not known to be confirmed or refused is unknown (J3a). */
function resultsOf(error: unknown, records: readonly RecordToSend[]): readonly SendResult[] {
  const answered = new Map<string, SendResult>();
  for (const each of errorsWithin(error))
    for (const result of [...confirmedOf(each), ...answeredOf(each)])
      answered.set(partitionKey(result), result);
  return resultsFor(
    records,
    (record) => answered.get(partitionKey(record)) ?? unknown(record, error),
  );
}

/** Brokers that answered well while another one failed. */
function confirmedOf(error: Error): readonly SendResult[] {
  const { produced } = error as {
    readonly produced?: {
      readonly offsets?: readonly { topic: string; partition: number; offset: bigint }[];
    };
  };
  return (produced?.offsets ?? []).map(confirmed);
}

/** The answer of a broker that refused at least one partition: it names the result of each. */
function answeredOf(error: Error): readonly SendResult[] {
  const { response } = error as { readonly response?: ProduceResponse };
  return (response?.responses ?? []).flatMap(({ name: topic, partitionResponses }) =>
    (partitionResponses ?? []).map(({ index: partition, errorCode, baseOffset }): SendResult => {
      if (errorCode === 0) return confirmed({ topic, partition, offset: baseOffset });
      const code = nameOf(errorCode);
      if (isRefusal(code)) return { topic, partition, result: 'refused', code };
      return { topic, partition, result: 'unknown', code, cause: error };
    }),
  );
}

function toMessage({ topic, partition, key, value, headers }: RecordToSend) {
  return {
    topic,
    partition,
    headers: headers as Record<string, string>,
    ...(key === null ? {} : { key: toBuffer(key) }),
    ...(value === null ? {} : { value: toBuffer(value) }),
  };
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function partitionKey({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`;
}
