import { randomUUID } from 'node:crypto';
import type {
  FetchedRecord,
  GroupAssignment,
  GroupMembership,
  GroupOptions,
  KafkaAdmin,
  KafkaClient,
  KafkaClientOptions,
  PartitionReader,
  PlainProducer,
  RecordToSend,
} from '../../../kafka/client.ts';
import { type FaultProxy, startFaultProxy } from '../../../testing/fault-proxy.ts';
import { eventually } from '../../support/eventually.ts';

export type MakeClient = (options: KafkaClientOptions) => KafkaClient;

export interface Through {
  readonly proxy?: FaultProxy;
  readonly requestTimeoutMs?: number;
}

/** What a contract is given: a rig of its own for each test, and whether there is a network that can be disturbed. */
export interface Setup {
  readonly withRig: (body: (rig: Rig) => Promise<void>) => () => Promise<void>;
  /** False for a client without a broker: what it could not show is not asked of it. */
  readonly hasNetwork: boolean;
}

/** A broker and everything that one test opens on it; closed when the test is over, newest first. */
export class Rig {
  readonly broker: string;
  readonly #makeClient: MakeClient;
  readonly #ends: (() => Promise<unknown>)[] = [];
  readonly #topics = new Set<string>();

  constructor(makeClient: MakeClient, broker: string) {
    this.#makeClient = makeClient;
    this.broker = broker;
  }

  client({ proxy, requestTimeoutMs }: Through = {}): KafkaClient {
    const brokers = [proxy?.address ?? this.broker];
    return this.#makeClient({
      brokers,
      clientId: 'contract',
      ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
    });
  }

  producer(through?: Through): PlainProducer {
    return this.#closing(this.client(through).producer());
  }

  reader(through?: Through): PartitionReader {
    return this.#closing(this.client(through).reader());
  }

  admin(through?: Through): KafkaAdmin {
    return this.#closing(this.client(through).admin());
  }

  member(
    options: Partial<GroupOptions> & { readonly groupId: string; readonly topic: string },
    through?: Through,
  ): Member {
    const member = new Member(this.client(through), options);
    this.#ends.push(() => member.membership.close('leave'));
    return member;
  }

  async proxy(): Promise<FaultProxy> {
    return this.#closing(await startFaultProxy({ broker: this.broker }));
  }

  /** A new topic that can be written and read. */
  async topic(partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<string> {
    const name = `contract-${randomUUID()}`;
    await this.create(name, partitions, configs);
    return name;
  }

  async create(name: string, partitions = 1, configs = {}): Promise<void> {
    const admin = this.admin();
    await admin.createTopic({ name, partitions, replicationFactor: 1, configs });
    this.#topics.add(name);
    await eventually(`topic ${name} has its leaders`, async () => {
      const offsets = await admin.offsets(name).catch(() => []);
      return offsets.length === partitions;
    });
  }

  /** All records of a partition. */
  async records(topic: string, partition = 0): Promise<readonly FetchedRecord[]> {
    const { start, end } = (await this.admin().offsets(topic))[partition] ?? { start: 0, end: 0 };
    const reader = this.reader();
    const records: FetchedRecord[] = [];
    for (let offset = start; offset < end;) {
      const [fetched] = await reader.fetch([{ topic, partition, offset }], { maxWaitMs: 500 });
      if (fetched === undefined || fetched.error !== null)
        throw new Error(`${topic}/${partition} cannot be read: ${fetched?.error}`);
      records.push(...fetched.records);
      offset = fetched.nextOffset;
    }
    return records;
  }

  /** The values of a partition as text. */
  async values(topic: string, partition = 0): Promise<string[]> {
    const records = await this.records(topic, partition);
    return records.map(({ value }) => textOf(value));
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
    const admin = this.client().admin();
    // A test may have deleted its topic, or stopped its broker.
    for (const topic of this.#topics) await admin.deleteTopics([topic]).catch(() => {});
    await admin.close();
  }

  #closing<Closed extends { close(): Promise<void> }>(opened: Closed): Closed {
    this.#ends.push(() => opened.close());
    return opened;
  }
}

/** A member of a group that notes what it is told. */
export class Member {
  readonly membership: GroupMembership;
  readonly assignments: GroupAssignment[] = [];
  readonly fences: Error[] = [];
  /** `assigned` and `revoked`, in the order told. */
  readonly told: string[] = [];

  constructor(
    client: KafkaClient,
    options: Partial<GroupOptions> & { readonly groupId: string; readonly topic: string },
  ) {
    this.membership = client.joinGroup({
      instanceId: randomUUID(),
      sessionTimeoutMs: 10_000,
      heartbeatIntervalMs: 200,
      ...options,
      onAssigned: async (assignment) => {
        this.told.push('assigned');
        this.assignments.push(assignment);
        await options.onAssigned?.(assignment);
      },
      onRevoked: async () => {
        this.told.push('revoked');
        await options.onRevoked?.();
      },
      onFenced: (error) => {
        this.fences.push(error);
        options.onFenced?.(error);
      },
    });
  }

  get partitions(): readonly number[] {
    return this.assignments.at(-1)?.partitions ?? [];
  }

  /** Throws: Error when it is not assigned exactly these in time. */
  async has(partitions: readonly number[], deadlineMs?: number): Promise<void> {
    await eventually(
      `partitions ${partitions.join()} are assigned, not only ${this.partitions.join()}`,
      () => this.membership.joined && this.partitions.join() === partitions.join(),
      deadlineMs,
    );
  }
}

export function record(
  topic: string,
  value: string | Uint8Array | null,
  more: Partial<RecordToSend> = {},
): RecordToSend {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return { topic, partition: 0, key: Buffer.from('k'), value: bytes, headers: {}, ...more };
}

export function textOf(bytes: Uint8Array | null): string {
  return Buffer.from(bytes ?? []).toString('utf8');
}

/** Milliseconds that something takes. */
export async function timed(action: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await action();
  return performance.now() - startedAt;
}
