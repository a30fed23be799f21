import { Admin, type Broker } from '@platformatic/kafka';
import {
  KafkaError,
  type KafkaClientOptions,
  type PlainProducer,
  type RecordToSend,
  type SendResult,
} from '../client.ts';
import { CLIENT_LIMITS, requestTimeoutOf } from '../limits.ts';
import { areKnown, connectionOptions, findTopics, watchConnections } from './cluster.ts';
import { isRefusal, nameOf } from '../error-table.ts';
import { codeOf, errorsWithin, UNKNOWN_TOPIC } from './errors.ts';
import { produce, type ProduceResponse } from './produce-request.ts';

/*
 * The library's own Producer sends again when told of a producer id, and takes four times as long to write a batch. So
 * requests are made here, on connections of the library's pool, and nothing but its metadata is asked for.
 *
 * Invariants (J3b):
 * 1. A record goes to the broker at most once: no idempotence, no retries, no repeat on stale metadata.
 * 2. acks=all stands in each request.
 * 3. Calls reach a partition in the order in which they were made: each is handed over in its turn, and only
 *    when no look-up can come between it and its connection.
 */

/** What is sent of one call, and what is known without sending it. */
interface Plan {
  readonly records: readonly RecordToSend[];
  readonly results: readonly SendResult[];
}

/** A call that waits for the end of this turn of the event loop, or for the request under way. */
interface Call {
  readonly records: readonly RecordToSend[];
  readonly partitions: ReadonlySet<string>;
  readonly resolve: (results: readonly SendResult[]) => void;
}

/**
 * Tasks that act on one answer of the broker send at the same moment, to partitions of their own: what small calls are made in one
 * turn of the event loop, or while the one before it is under way, goes out as one request.
 */
export class PlatformaticProducer implements PlainProducer {
  readonly #cluster: Admin;
  readonly #timeoutMs: number;
  readonly #closeLost: () => Promise<void>;
  #handedOver: Promise<unknown> = Promise.resolve();
  #calls: Call[] = [];
  #bytes = 0;
  /** Shared requests without an answer. */
  #underWay = 0;
  #gathered: NodeJS.Timeout | undefined;

  constructor(options: KafkaClientOptions) {
    this.#timeoutMs = requestTimeoutOf(options);
    this.#cluster = new Admin({
      ...connectionOptions(options),
      maxInflights: CLIENT_LIMITS.requestsInFlight,
    });
    this.#closeLost = watchConnections(this.#cluster.connections);
  }

  async send(records: readonly RecordToSend[]): Promise<readonly SendResult[]> {
    if (records.length === 0) return [];
    const bytes = bytesOf(records);
    if (records.length > CLIENT_LIMITS.sharedRecords || bytes > CLIENT_LIMITS.sharedBytes) {
      this.#sendCalls();
      return this.#request(records);
    }
    const partitions = new Set(records.map(partitionKey));
    // One request has one batch of a partition, and a batch is of one call.
    const isNamed = this.#calls.some((call) => haveCommon(call.partitions, partitions));
    if (isNamed || this.#bytes + bytes > CLIENT_LIMITS.sharedBytes) this.#sendCalls();
    if (this.#calls.length === 0) this.#sendSoon();
    this.#bytes += bytes;
    return new Promise((resolve) => this.#calls.push({ records, partitions, resolve }));
  }

  #sendSoon(): void {
    if (this.#underWay > 0)
      this.#gathered = setTimeout(() => this.#sendCalls(), CLIENT_LIMITS.shareWaitMs);
    // When all that this turn has woken has run.
    else process.nextTick(() => this.#sendCalls());
  }

  #sendCalls(): void {
    clearTimeout(this.#gathered);
    const calls = this.#calls;
    if (calls.length === 0) return;
    this.#calls = [];
    this.#bytes = 0;
    this.#underWay += 1;
    void this.#request(calls.flatMap(({ records }) => records)).then((results) => {
      this.#underWay -= 1;
      if (this.#underWay === 0) process.nextTick(() => this.#sendCalls());
      for (const { partitions, resolve } of calls)
        resolve(results.filter((result) => partitions.has(partitionKey(result))));
    });
  }

  async #request(records: readonly RecordToSend[]): Promise<readonly SendResult[]> {
    const handedOver = this.#inTurn(this.#handedOver, records);
    this.#handedOver = handedOver;
    return (await handedOver).results;
  }

  async close(): Promise<void> {
    await this.#cluster.close();
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
    if (plan.records.length > 0 && !areKnown(this.#cluster, topics))
      plan = await this.#plan(topics, records);
    return { results: plan.records.length === 0 ? plan.results : this.#handOver(plan) };
  }

  async #plan(topics: readonly string[], records: readonly RecordToSend[]): Promise<Plan> {
    try {
      let found = await findTopics(this.#cluster, topics);
      let bad = records.filter((record) => problemOf(found, record) !== null);
      if (bad.length > 0) {
        found = await findTopics(this.#cluster, topics, { afresh: true });
        bad = records.filter((record) => problemOf(found, record) !== null);
      }
      if (bad.length === 0) return { records, results: [] };
      const results = resultsFor(bad, (record) => notSent(record, problemOf(found, record)));
      return { records: records.filter((record) => problemOf(found, record) === null), results };
    } catch (error) {
      return { records: [], results: resultsFor(records, (record) => unknown(record, error)) };
    }
  }

  /** Order: the requests are on their connections, or wait for them in order, before this returns. */
  async #handOver({ records, results }: Plan): Promise<readonly SendResult[]> {
    const { topics, brokers } = this.#cluster.currentMetadata ?? NOTHING_KNOWN;
    const leaderOf = ({ topic, partition }: RecordToSend): number =>
      topics.get(topic)?.partitions[partition]?.leader ?? -1;
    const byLeader = Map.groupBy(records, leaderOf);
    const sent = [...byLeader].map(([leader, own]) => this.#sendTo(brokers.get(leader), own));
    return [...results, ...(await Promise.all(sent)).flat()];
  }

  async #sendTo(
    leader: Broker | undefined,
    records: readonly RecordToSend[],
  ): Promise<readonly SendResult[]> {
    try {
      const request = { leader, records, timeoutMs: this.#timeoutMs };
      return answeredOf(await produce(this.#cluster, request), undefined);
    } catch (error) {
      // Leaders may have moved, or the broker is another one now: ask again before the next call.
      this.#cluster.clearMetadata();
      return resultsOf(error, records);
    }
  }
}

const NOTHING_KNOWN = { topics: new Map(), brokers: new Map<number, Broker>() } as const;

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
  for (const each of errorsWithin(error)) {
    const { response } = each as { readonly response?: ProduceResponse };
    if (response === undefined) continue;
    for (const result of answeredOf(response, each)) answered.set(partitionKey(result), result);
  }
  return resultsFor(
    records,
    (record) => answered.get(partitionKey(record)) ?? unknown(record, error),
  );
}

/** The answer of a broker: it names the result of each partition. */
function answeredOf({ responses }: ProduceResponse, cause: unknown): readonly SendResult[] {
  return (responses ?? []).flatMap(({ name: topic, partitionResponses }) =>
    (partitionResponses ?? []).map(({ index: partition, errorCode, baseOffset }): SendResult => {
      if (errorCode === 0)
        return { topic, partition, result: 'confirmed', baseOffset: Number(baseOffset) };
      const code = nameOf(errorCode);
      if (isRefusal(code)) return { topic, partition, result: 'refused', code };
      return { topic, partition, result: 'unknown', code, cause };
    }),
  );
}

function haveCommon(left: ReadonlySet<string>, right: ReadonlySet<string>): boolean {
  for (const each of left) if (right.has(each)) return true;
  return false;
}

/** Of keys and values; headers are few. */
function bytesOf(records: readonly RecordToSend[]): number {
  let bytes = 0;
  for (const { key, value } of records) bytes += (key?.byteLength ?? 0) + (value?.byteLength ?? 0);
  return bytes;
}

function partitionKey({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`;
}
