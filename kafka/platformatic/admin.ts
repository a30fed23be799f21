import { Admin, ConfigResourceTypes } from '@platformatic/kafka';
import {
  type FetchPosition,
  type KafkaAdmin,
  type KafkaClientOptions,
  KafkaError,
  type TopicDescription,
} from '../client.ts';
import { boundsOf, connectionOptions, findTopics, watchConnections } from './cluster.ts';
import { lookUpError, toKafkaError, UNKNOWN_TOPIC } from './errors.ts';

export class PlatformaticAdmin implements KafkaAdmin {
  readonly #admin: Admin;
  readonly #closeLost: () => Promise<void>;

  constructor(options: KafkaClientOptions) {
    this.#admin = new Admin({ ...connectionOptions(options), retries: 1, retryDelay: 100 });
    this.#closeLost = watchConnections(this.#admin.connections);
  }

  async describeTopics(names: readonly string[]): Promise<readonly TopicDescription[]> {
    if (names.length === 0) return [];
    return this.#run(`describing ${names.join(', ')}`, async () => {
      const found = await findTopics(this.#admin, names, { afresh: true });
      const known = [...found].flatMap(([name, topic]) => {
        if (!(topic instanceof KafkaError)) return [{ name, ...topic }];
        if (topic.code === UNKNOWN_TOPIC) return [];
        throw topic;
      });
      const configs = await this.#configs(known.map(({ name }) => name));
      return known.map(({ name, id, partitions }) => ({
        name,
        id,
        partitions: partitions.length,
        replicationFactor: partitions[0]?.replicas.length ?? 0,
        configs: configs.get(name) ?? {},
      }));
    });
  }

  async createTopic(topic: Parameters<KafkaAdmin['createTopic']>[0]): Promise<void> {
    const configs = Object.entries(topic.configs).map(([name, value]) => ({ name, value }));
    await this.#run(`creating topic ${topic.name}`, () =>
      this.#admin.createTopics({
        topics: [topic.name],
        partitions: topic.partitions,
        replicas: topic.replicationFactor,
        configs,
      }),
    );
  }

  async alterTopicConfigs(name: string, configs: Readonly<Record<string, string>>): Promise<void> {
    const changes = Object.entries(configs).map(([key, value]) => ({
      name: key,
      configOperation: 0 as const,
      value,
    }));
    await this.#run(`setting configs of topic ${name}`, () =>
      this.#admin.incrementalAlterConfigs({
        resources: [
          { resourceType: ConfigResourceTypes.TOPIC, resourceName: name, configs: changes },
        ],
      }),
    );
  }

  listTopics(): Promise<readonly string[]> {
    return this.#run('listing topics', () => this.#admin.listTopics());
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const doing = `deleting ${names.join(', ')}`;
    await this.#run(doing, () => this.#admin.deleteTopics({ topics: [...names] }));
  }

  async offsets(topic: string): Promise<readonly { start: number; end: number }[]> {
    return this.#runOn(topic, `asking for the offsets of ${topic}`, async () => {
      const found = (await findTopics(this.#admin, [topic])).get(topic);
      if (!found || found instanceof KafkaError)
        throw found ?? new KafkaError(UNKNOWN_TOPIC, true, topic);
      const bounds = await boundsOf(this.#admin, topic, [...found.partitions.keys()]);
      return found.partitions.map((_, partition) => bounds.get(partition) ?? { start: 0, end: 0 });
    });
  }

  async deleteRecords(topic: string, partition: number, beforeOffset: number): Promise<void> {
    if (beforeOffset < 0)
      throw new KafkaError('INVALID_REQUEST', false, `Records of ${topic} go below an offset ≥ 0.`);
    const partitions = [{ partition, offset: BigInt(beforeOffset) }];
    const doing = `deleting records of ${topic}/${partition} below ${beforeOffset}`;
    await this.#runOn(topic, doing, () =>
      this.#admin.deleteRecords({ topics: [{ name: topic, partitions }] }),
    );
  }

  async listGroups(): Promise<readonly { id: string; state: string }[]> {
    const groups = await this.#run('listing groups', () => this.#admin.listGroups());
    return [...groups.values()].map(({ id, state }) => ({ id, state: String(state) }));
  }

  async groupOffsets(groupId: string): Promise<readonly FetchPosition[]> {
    const groups = await this.#run(`reading the offsets of group ${groupId}`, () =>
      this.#admin.listConsumerGroupOffsets({ groups: [groupId] }),
    );
    return groups.flatMap(({ topics }) =>
      topics.flatMap(({ name: topic, partitions }) =>
        partitions.map(({ partitionIndex: partition, committedOffset }) => ({
          topic,
          partition,
          offset: Number(committedOffset),
        })),
      ),
    );
  }

  async ping(timeoutMs: number): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(
        new KafkaError('TIMEOUT', true, `The broker did not answer within ${timeoutMs} ms.`),
      );
    }, timeoutMs);
    const answer = this.#run('asking the broker whether it is there', () =>
      this.#admin.metadata({ topics: [], forceUpdate: true }),
    );
    try {
      await Promise.race([answer, late.promise]);
    } finally {
      clearTimeout(timer);
      answer.catch(() => {});
    }
  }

  async close(): Promise<void> {
    await this.#admin.close();
    await this.#closeLost();
  }

  async #configs(names: readonly string[]): Promise<Map<string, Record<string, string>>> {
    if (names.length === 0) return new Map();
    const described = await this.#admin.describeConfigs({
      resources: names.map((resourceName) => ({
        resourceType: ConfigResourceTypes.TOPIC,
        resourceName,
        configurationKeys: null,
      })),
    });
    return new Map(
      described.map(({ resourceName, configs }) => [
        resourceName,
        Object.fromEntries(configs.map(({ name, value }) => [name, value ?? ''])),
      ]),
    );
  }

  /** What the library remembers of a topic may be of one that is gone; it then calls the question wrong. */
  async #runOn<Result>(topic: string, doing: string, call: () => Promise<Result>): Promise<Result> {
    return this.#run(doing, () =>
      call().catch((cause: unknown) => {
        throw lookUpError(cause, [topic]) ?? cause;
      }),
    );
  }

  async #run<Result>(doing: string, call: () => Promise<Result>): Promise<Result> {
    try {
      return await call();
    } catch (error) {
      this.#admin.clearMetadata();
      throw toKafkaError(error, doing);
    }
  }
}
