import { Admin, type Broker } from '@platformatic/kafka';
import type { KafkaClientOptions, PlainProducer, RecordToSend, SendResult } from '../client.ts';
import { CLIENT_LIMITS, requestTimeoutOf } from '../limits.ts';
import { areKnown, connectionOptions, findTopics, watchConnections } from './cluster.ts';
import { produce } from './produce-request.ts';
import {
  answeredOf,
  notSent,
  partitionKey,
  problemOf,
  resultsFor,
  resultsOf,
  unknownResult,
} from './produce-results.ts';

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
      return {
        records: [],
        results: resultsFor(records, (record) => unknownResult(record, error)),
      };
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
