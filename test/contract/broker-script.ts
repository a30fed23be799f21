import type { FetchedRecord, KafkaClient, SendResult } from '../../kafka/client.ts';
import { KafkaError } from '../../kafka/client.ts';
import { Random } from '../../testing/simulation/random.ts';

/*
 * One random script of what clients ask a broker for, and the answers in a form that two brokers can be compared
 * in: real names, ids and times left out.
 */

export type Operation =
  | { readonly do: 'create'; readonly topic: number; readonly partitions: number }
  | { readonly do: 'delete'; readonly topic: number }
  | {
      readonly do: 'produce';
      readonly topic: number;
      readonly partition: number;
      readonly count: number;
      readonly bytes: number;
    }
  | {
      readonly do: 'read';
      readonly topic: number;
      readonly partition: number;
      /** Counted from the start of the log, or (negative) from its end. */
      readonly from: number;
    }
  | { readonly do: 'offsets'; readonly topic: number }
  | { readonly do: 'describe' }
  | {
      readonly do: 'deleteRecords';
      readonly topic: number;
      readonly partition: number;
      readonly before: number;
    }
  | {
      readonly do: 'group';
      readonly topic: number;
      readonly members: number;
      readonly commit: number;
    };

/** Topics 0 and 1 come and go; 2 is there from the first to the last. */
const TOPICS = 3;
const LASTING = 2;
const TOO_LARGE = 1_200_000;

export function scriptOf(seed: number, length: number): readonly Operation[] {
  const random = new Random(seed);
  const first: Operation[] = [
    { do: 'create', topic: LASTING, partitions: 2 },
    { do: 'create', topic: 0, partitions: 1 },
  ];
  return [...first, ...Array.from({ length }, () => operationOf(random))];
}

function operationOf(random: Random): Operation {
  const topic = random.between(0, TOPICS - 1);
  const partition = random.between(0, 1);
  const kind = random.between(1, 100);
  if (kind <= 8) return { do: 'create', topic, partitions: random.between(1, 2) };
  if (kind <= 12) return { do: 'delete', topic: random.between(0, LASTING - 1) };
  if (kind <= 42) {
    const bytes = random.chance(0.1) ? TOO_LARGE : random.between(0, 200);
    return { do: 'produce', topic, partition, count: random.between(1, 5), bytes };
  }
  if (kind <= 70) return { do: 'read', topic, partition, from: random.between(-4, 8) };
  if (kind <= 80) return { do: 'offsets', topic };
  if (kind <= 84) return { do: 'describe' };
  if (kind <= 96) return { do: 'deleteRecords', topic, partition, before: random.between(-1, 12) };
  return {
    do: 'group',
    topic: LASTING,
    members: random.between(1, 2),
    commit: random.between(1, 50),
  };
}

/** Waits until something is so. Virtual or real time: the caller's. */
export type Wait = (what: string, isSo: () => boolean | Promise<boolean>) => Promise<void>;

/** Asks one broker for a script's operations, one after the other. */
export class ScriptRun {
  readonly #client: KafkaClient;
  readonly #prefix: string;
  readonly #wait: Wait;
  readonly #admin;
  readonly #producer;
  readonly #reader;
  #groups = 0;
  #sent = 0;

  constructor(client: KafkaClient, prefix: string, wait: Wait) {
    this.#client = client;
    this.#prefix = prefix;
    this.#wait = wait;
    this.#admin = client.admin();
    this.#producer = client.producer();
    this.#reader = client.reader();
  }

  /** One answer per operation. */
  async answers(script: readonly Operation[]): Promise<readonly string[]> {
    const answers: string[] = [];
    for (const operation of script) {
      const answer = await this.#answer(operation).catch(refusal);
      answers.push(`${JSON.stringify(operation)} → ${JSON.stringify(answer)}`);
    }
    return answers;
  }

  async end(): Promise<void> {
    for (let topic = 0; topic < TOPICS; topic++)
      await this.#admin.deleteTopics([this.#name(topic)]).catch(() => {});
    await Promise.all([this.#admin.close(), this.#producer.close(), this.#reader.close()]);
  }

  async #answer(operation: Operation): Promise<unknown> {
    switch (operation.do) {
      case 'create':
        return this.#create(operation);
      case 'delete':
        return this.#delete(this.#name(operation.topic));
      case 'produce':
        return this.#produce(operation);
      case 'read':
        return this.#read(operation);
      case 'offsets':
        return this.#admin.offsets(this.#name(operation.topic));
      case 'describe':
        return this.#describe();
      case 'deleteRecords':
        return this.#deleteRecords(operation);
      case 'group':
        return this.#group(operation);
    }
  }

  async #create({ topic, partitions }: Extract<Operation, { do: 'create' }>): Promise<unknown> {
    const name = this.#name(topic);
    await this.#admin.createTopic({ name, partitions, replicationFactor: 1, configs: {} });
    // Leaders and what clients have heard of them follow a moment later.
    await this.#wait(`${name} is there`, async () => {
      const bounds = await this.#admin.offsets(name).catch(() => []);
      if (bounds.length !== partitions) return false;
      const errors = await Promise.all(
        bounds.map(async (_, partition) => (await this.#fetch(name, partition, 0))?.error),
      );
      return errors.every((error) => error === null);
    });
    return 'created';
  }

  async #delete(name: string): Promise<unknown> {
    await this.#admin.deleteTopics([name]);
    await this.#wait(`${name} is gone`, async () => {
      if ((await this.#admin.listTopics()).includes(name)) return false;
      return (await this.#fetch(name, 0, 0))?.error === 'UNKNOWN_TOPIC_OR_PARTITION';
    });
    return 'deleted';
  }

  async #produce(operation: Extract<Operation, { do: 'produce' }>): Promise<unknown> {
    const { partition, count, bytes } = operation;
    const topic = this.#name(operation.topic);
    const records = Array.from({ length: count }, () => ({
      topic,
      partition,
      key: Buffer.from(`k${++this.#sent}`),
      value: bytes === 0 ? null : Buffer.alloc(bytes, 'v'),
      headers: { n: String(this.#sent) },
    }));
    return (await this.#producer.send(records)).map(resultOf);
  }

  /** To the end, or to the error: a broker may answer in as many pieces as it likes. */
  async #read(operation: Extract<Operation, { do: 'read' }>): Promise<unknown> {
    const { partition, from } = operation;
    const topic = this.#name(operation.topic);
    const bounds = (await this.#admin.offsets(topic))[partition];
    if (bounds === undefined) return (await this.#fetch(topic, partition, 0))?.error;
    const { start, end } = bounds;
    const records: FetchedRecord[] = [];
    let offset = Math.max(0, from < 0 ? end - from - 2 : start + from - 2);
    for (;;) {
      const fetched = await this.#fetch(topic, partition, offset);
      if (fetched === undefined) return 'no answer';
      if (fetched.error !== null) return fetched.error;
      records.push(...fetched.records);
      offset = fetched.nextOffset;
      if (offset >= end) break;
    }
    return { next: offset, records: records.map(recordOf) };
  }

  async #describe(): Promise<unknown> {
    const names = Array.from({ length: TOPICS }, (_, topic) => this.#name(topic));
    const described = await this.#admin.describeTopics(names);
    const listed = await this.#admin.listTopics();
    return names.map((name) => {
      const found = described.find((topic) => topic.name === name);
      return [listed.includes(name), found?.partitions, found?.replicationFactor];
    });
  }

  async #deleteRecords(operation: Extract<Operation, { do: 'deleteRecords' }>): Promise<unknown> {
    const { partition, before } = operation;
    const topic = this.#name(operation.topic);
    const bounds = await this.#admin.offsets(topic);
    if (bounds[partition] === undefined) return 'no such partition';
    await this.#admin.deleteRecords(topic, partition, before);
    return (await this.#admin.offsets(topic))[partition];
  }

  async #group(operation: Extract<Operation, { do: 'group' }>): Promise<unknown> {
    const topic = this.#name(operation.topic);
    const groupId = `${this.#prefix}group-${++this.#groups}`;
    const owned = new Map<number, readonly number[]>();
    const members = Array.from({ length: operation.members }, (_, member) =>
      this.#client.joinGroup({
        groupId,
        topic,
        instanceId: `${groupId}-${member}`,
        sessionTimeoutMs: 10_000,
        heartbeatIntervalMs: 200,
        onAssigned: async ({ partitions }) => void owned.set(member, partitions),
        onRevoked: async () => void owned.delete(member),
        onFenced: () => {},
      }),
    );
    const all = () => [...owned.values()].flat().sort();
    const isShared = () =>
      owned.size === members.length &&
      all().join() === '0,1' &&
      members.every((each) => each.joined);
    await this.#wait('every partition has one owner', isShared);
    const shares = [...owned.values()].map(({ length }) => length).sort();
    const offset = operation.commit;
    await this.#wait('the commit is taken', async () => {
      const [member] = members;
      return (await member?.commit([{ topic, partition: 0, offset, leaderEpoch: 0 }])) === null;
    });
    const committed = (await this.#admin.groupOffsets(groupId)).map((each) => [
      each.partition,
      each.offset,
    ]);
    for (const member of members) await member.close('leave');
    return { shares, committed };
  }

  async #fetch(topic: string, partition: number, offset: number) {
    const [fetched] = await this.#reader.fetch([{ topic, partition, offset }], { maxWaitMs: 200 });
    return fetched;
  }

  #name(topic: number): string {
    return `${this.#prefix}topic-${topic}`;
  }
}

function resultOf(result: SendResult): string {
  if (result.result === 'confirmed') return `confirmed at ${result.baseOffset}`;
  return `${result.result} ${result.code}`;
}

function recordOf({ offset, key, value, headers }: FetchedRecord): string {
  const bytes = value === null ? 'null' : value.byteLength;
  return `${offset} ${Buffer.from(key ?? []).toString()} ${bytes} ${headers['n']}`;
}

function refusal(error: unknown): string {
  if (error instanceof KafkaError) return error.code;
  throw error;
}
