import {
  type FetchedPartition,
  type FetchPosition,
  type GroupMembership,
  type GroupOptions,
  type KafkaAdmin,
  type KafkaClient,
  KafkaError,
  type PartitionReader,
  type PlainProducer,
  type RecordToSend,
  type SendResult,
} from '../../kafka/client.ts';
import type { SimulatedBroker } from './broker.ts';
import type { CallFault, CallKind, FaultSchedule } from './fault.ts';
import { SimulatedMembership } from './membership.ts';
import type { SimulatedProcess } from './process.ts';
import type { World } from './world.ts';

export interface SimulatedClientOptions {
  readonly world: World;
  readonly broker: SimulatedBroker;
  readonly process: SimulatedProcess;
  readonly faults: FaultSchedule;
  /** Where the process stands in the schedule of faults. */
  readonly slot: number;
  readonly requestTimeoutMs: number;
  /** The process dies here. */
  onCrash(): void;
}

/** One way through the network, in ms. */
const HOP_MS = { least: 0.2, most: 3 };

/** The Kafka client of one process, over a network that delays, loses, doubles and reorders. */
export class SimulatedClient implements KafkaClient {
  readonly #options: SimulatedClientOptions;
  /** Members of the group do not hear of it until then. */
  silentUntilMs = 0;

  constructor(options: SimulatedClientOptions) {
    this.#options = options;
  }

  producer(): PlainProducer {
    return {
      send: (records) => this.#send(records),
      close: () => Promise.resolve(),
    };
  }

  reader(): PartitionReader {
    return {
      fetch: (positions, options) => this.#fetch(positions, options.maxWaitMs),
      close: () => Promise.resolve(),
    };
  }

  joinGroup(options: GroupOptions): GroupMembership {
    const { world, broker, process } = this.#options;
    const group = broker.group(options.groupId, options.topic);
    return new SimulatedMembership({
      options,
      ask: (act) => {
        if (world.nowMs < this.silentUntilMs) return this.#timeOut();
        return this.#ask(null, act);
      },
      group,
      now: () => world.nowMs,
      note: (what) => world.note(process.name, what),
      onCommitted: (offsets) => broker.committed(options.groupId, offsets),
    });
  }

  admin(): KafkaAdmin {
    const { broker } = this.#options;
    const { admin } = broker;
    const through = <Values extends unknown[], Result>(
      call: (...values: Values) => Promise<Result>,
    ) => {
      return (...values: Values): Promise<Result> => this.#ask('admin', () => call(...values));
    };
    return {
      describeTopics: through(admin.describeTopics),
      createTopic: through(admin.createTopic),
      alterTopicConfigs: through(admin.alterTopicConfigs),
      listTopics: through(admin.listTopics),
      deleteTopics: through(admin.deleteTopics),
      offsets: through(admin.offsets),
      deleteRecords: through(admin.deleteRecords),
      listGroups: through(async () => broker.groups),
      groupOffsets: through(async (groupId) => broker.groupOffsets(groupId)),
      ping: through(admin.ping),
      close: () => Promise.resolve(),
    };
  }

  /** Each partition's part of a request has a fate of its own. */
  #send(records: readonly RecordToSend[]): Promise<readonly SendResult[]> {
    const parts = Map.groupBy(records, ({ topic, partition }) => `${topic}/${partition}`);
    return Promise.all([...parts.values()].map((part) => this.#append(part)));
  }

  #append(records: readonly RecordToSend[]): Promise<SendResult> {
    const { broker, world, requestTimeoutMs } = this.#options;
    const { topic, partition } = records[0] as RecordToSend;
    const fault = this.#next(topic.endsWith('.journal') ? 'journal' : 'publish');
    if (fault === 'dead') return never();
    const unknown = (code: string): SendResult => {
      return { topic, partition, result: 'unknown', code, cause: null };
    };
    const land = (afterMs: number): Promise<SendResult> =>
      this.#travel(afterMs, () =>
        broker.isAway ? Promise.resolve(unknown('NETWORK')) : broker.append(records),
      );
    const hop = this.#hop();
    switch (fault?.fate) {
      case 'slow':
        return this.#answer(land(hop + fault.ms));
      case 'lost':
        return this.#answerIn(requestTimeoutMs, unknown('TIMEOUT'));
      case 'unacknowledged':
        void land(hop);
        return this.#answerIn(Math.min(fault.ms, requestTimeoutMs), unknown('REQUEST_TIMED_OUT'));
      case 'late':
        void land(hop + fault.ms);
        return this.#answerIn(world.random.between(1, 50), unknown('NETWORK'));
      case 'twice':
        void land(hop + fault.ms);
        return this.#answer(land(hop));
      case 'refused':
        return this.#answerIn(hop, {
          topic,
          partition,
          result: 'refused',
          code: 'POLICY_VIOLATION',
        });
      case 'crash-after':
        void land(hop);
        return never();
      default:
        return this.#answer(land(hop));
    }
  }

  async #fetch(
    positions: readonly FetchPosition[],
    maxWaitMs: number,
  ): Promise<readonly FetchedPartition[]> {
    const { reader } = this.#options.broker;
    // A copy: what the caller changes meanwhile is not on its way any more.
    const asked = positions.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
    let isShort = false;
    const fetched = await this.#ask(
      'fetch',
      () => reader.fetch(asked, { maxWaitMs }),
      () => (isShort = true),
    );
    return isShort ? fetched.map(cutShort) : fetched;
  }

  /** A call that either answers, or fails and may be tried again. */
  #ask<Result>(
    kind: CallKind | null,
    act: () => Promise<Result>,
    onShort?: () => void,
  ): Promise<Result> {
    const { broker } = this.#options;
    const fault = kind === null ? null : this.#next(kind);
    if (fault === 'dead') return never();
    if (fault?.fate === 'short') onShort?.();
    if (fault?.fate === 'failed' || broker.isAway) return this.#timeOut(fault?.ms);
    const slow = fault?.fate === 'slow' ? fault.ms : 0;
    const answer = this.#travel(this.#hop() + slow, act);
    if (fault?.fate !== 'crash-after') return this.#answer(answer);
    void answer.catch(() => {});
    return never();
  }

  #timeOut(ms?: number): Promise<never> {
    const { requestTimeoutMs, world, process } = this.#options;
    const error = new KafkaError('NETWORK', true, 'The broker did not answer.');
    return new Promise((_, reject) =>
      world.after(Math.min(ms ?? requestTimeoutMs, requestTimeoutMs), process, () => reject(error)),
    );
  }

  #next(kind: CallKind): CallFault | null | 'dead' {
    const { process, faults, slot, onCrash } = this.#options;
    if (!process.isAlive) return 'dead';
    const fault = faults.next(kind, slot);
    if (fault === null) return null;
    this.#options.world.note(process.name, `fault ${fault.of}/${fault.fate}`);
    if (fault.fate === 'crash-before' || fault.fate === 'crash-after') onCrash();
    return fault.fate === 'crash-before' ? 'dead' : fault;
  }

  /** To the broker: happens there even when the sender is dead by then. */
  #travel<Result>(afterMs: number, act: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) =>
      this.#options.world.after(afterMs, null, () => void act().then(resolve, reject)),
    );
  }

  /** And back: only who still lives hears it. */
  #answer<Result>(answer: Promise<Result>): Promise<Result> {
    const { world, process } = this.#options;
    return new Promise((resolve, reject) => {
      const back = (act: () => void): void => void world.after(this.#hop(), process, act);
      answer.then(
        (result) => back(() => resolve(result)),
        (error: unknown) => back(() => reject(error as Error)),
      );
    });
  }

  #answerIn<Result>(ms: number, result: Result): Promise<Result> {
    const { world, process } = this.#options;
    return new Promise((resolve) => world.after(ms, process, () => resolve(result)));
  }

  #hop(): number {
    return HOP_MS.least + this.#options.world.random.next() * (HOP_MS.most - HOP_MS.least);
  }
}

/** A promise of its own each time: a shared one would keep all that ever waited for it. */
function never(): Promise<never> {
  return new Promise(() => {});
}

function cutShort(fetched: FetchedPartition): FetchedPartition {
  const [first] = fetched.records;
  if (first === undefined) return fetched;
  return { ...fetched, records: [first], nextOffset: first.offset + 1 };
}
