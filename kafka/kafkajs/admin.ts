import {
  type FetchPosition,
  type KafkaAdmin,
  type KafkaClientOptions,
  KafkaError,
  type TopicDescription,
} from '../client.ts';
import { requestTimeoutOf } from '../limits.ts';
import { boundsOf, topicOf } from './bounds.ts';
import { Cluster, UNKNOWN_TOPIC } from './cluster.ts';
import { coordinatorOf } from './coordinator.ts';
import { failOn, toKafkaError } from './errors.ts';
import { setConfigs } from './messages.ts';

const TOPIC_RESOURCE = 2;

interface TopicErrors {
  readonly topicErrors: readonly { readonly topic: string; readonly errorCode: number }[];
}

export class KafkajsAdmin implements KafkaAdmin {
  readonly #cluster: Cluster;
  readonly #timeoutMs: number;

  constructor(options: KafkaClientOptions) {
    this.#cluster = new Cluster(options);
    this.#timeoutMs = requestTimeoutOf(options);
  }

  async describeTopics(names: readonly string[]): Promise<readonly TopicDescription[]> {
    if (names.length === 0) return [];
    return this.#run(`describing ${names.join(', ')}`, async () => {
      const found = await this.#cluster.find(names, { afresh: true });
      const known = [...found.values()].flatMap((topic) => {
        if (!(topic instanceof KafkaError)) return [topic];
        if (topic.code === UNKNOWN_TOPIC) return [];
        throw topic;
      });
      const configs = await this.#configs(known.map(({ name }) => name));
      return known.map(({ name, id, partitions }) => ({
        name,
        id,
        partitions: partitions.length,
        replicationFactor: partitions[0]?.replicas ?? 0,
        configs: configs.get(name) ?? {},
      }));
    });
  }

  async createTopic(topic: Parameters<KafkaAdmin['createTopic']>[0]): Promise<void> {
    const doing = `creating topic ${topic.name}`;
    await this.#run(doing, async () => {
      const link = await this.#cluster.controller();
      const answer = await link.ask<TopicErrors>('CreateTopics', {
        topics: [
          {
            topic: topic.name,
            numPartitions: topic.partitions,
            replicationFactor: topic.replicationFactor,
            configEntries: Object.entries(topic.configs).map(([name, value]) => ({ name, value })),
          },
        ],
        validateOnly: false,
        timeout: this.#timeoutMs,
      });
      for (const { errorCode } of answer.topicErrors) failOn(errorCode, doing);
    });
  }

  async alterTopicConfigs(name: string, configs: Readonly<Record<string, string>>): Promise<void> {
    const doing = `setting configs of topic ${name}`;
    await this.#run(doing, async () => {
      const link = await this.#cluster.controller();
      const { errorCode } = await link.send(setConfigs(name, configs));
      failOn(errorCode, doing);
    });
  }

  listTopics(): Promise<readonly string[]> {
    return this.#run('listing topics', async () =>
      (await this.#cluster.all()).map(({ name }) => name),
    );
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const doing = `deleting ${names.join(', ')}`;
    await this.#run(doing, async () => {
      const link = await this.#cluster.controller();
      const values = { topics: [...names], timeout: this.#timeoutMs };
      const answer = await link.ask<TopicErrors>('DeleteTopics', values);
      this.#cluster.forget();
      for (const { errorCode } of answer.topicErrors) failOn(errorCode, doing);
    });
  }

  offsets(topic: string): Promise<readonly { start: number; end: number }[]> {
    return this.#run(`asking for the offsets of ${topic}`, () => boundsOf(this.#cluster, topic));
  }

  async deleteRecords(topic: string, partition: number, beforeOffset: number): Promise<void> {
    if (beforeOffset < 0)
      throw new KafkaError('INVALID_REQUEST', false, `Records of ${topic} go below an offset ≥ 0.`);
    const doing = `deleting records of ${topic}/${partition} below ${beforeOffset}`;
    await this.#run(doing, async () => {
      const { partitions } = await topicOf(this.#cluster, topic);
      const link = await this.#cluster.to(partitions[partition]?.leader ?? -1);
      const answer = await link.ask<{
        readonly topics: readonly {
          readonly partitions: readonly { readonly errorCode: number }[];
        }[];
      }>('DeleteRecords', {
        topics: [{ topic, partitions: [{ partition, offset: beforeOffset }] }],
        timeout: this.#timeoutMs,
      });
      for (const { errorCode } of answer.topics.flatMap((each) => each.partitions))
        failOn(errorCode, doing);
    });
  }

  /** Each broker knows the groups that it coordinates. */
  listGroups(): Promise<readonly { id: string; state: string }[]> {
    return this.#run('listing groups', async () => {
      await this.#cluster.ping();
      const each = this.#cluster.brokers.map(async (broker) => {
        const link = await this.#cluster.to(broker);
        const listed = await link.ask<{
          readonly errorCode: number;
          readonly groups: readonly { readonly groupId: string }[];
        }>('ListGroups', {});
        failOn(listed.errorCode, 'listing groups');
        if (listed.groups.length === 0) return [];
        const groupIds = listed.groups.map(({ groupId }) => groupId);
        const described = await link.ask<{
          readonly groups: readonly { readonly groupId: string; readonly state: string }[];
        }>('DescribeGroups', { groupIds });
        return described.groups.map(({ groupId, state }) => ({ id: groupId, state }));
      });
      return (await Promise.all(each)).flat();
    });
  }

  groupOffsets(groupId: string): Promise<readonly FetchPosition[]> {
    const doing = `reading the offsets of group ${groupId}`;
    return this.#run(doing, async () => {
      const link = await coordinatorOf(this.#cluster, groupId);
      const answer = await link.ask<{
        readonly errorCode: number;
        readonly responses: readonly {
          readonly topic: string;
          readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
        }[];
      }>('OffsetFetch', { groupId, topics: [] });
      failOn(answer.errorCode, doing);
      return answer.responses.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) })),
      );
    });
  }

  async ping(timeoutMs: number): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(
        new KafkaError('TIMEOUT', true, `The broker did not answer within ${timeoutMs} ms.`),
      );
    }, timeoutMs);
    const answer = this.#run('asking the broker whether it is there', () => this.#cluster.ping());
    try {
      await Promise.race([answer, late.promise]);
    } finally {
      clearTimeout(timer);
      answer.catch(() => {});
    }
  }

  close(): Promise<void> {
    return this.#cluster.close();
  }

  async #configs(names: readonly string[]): Promise<Map<string, Record<string, string>>> {
    if (names.length === 0) return new Map();
    const link = await this.#cluster.controller();
    const answer = await link.ask<{
      readonly resources: readonly {
        readonly errorCode: number;
        readonly resourceName: string;
        readonly configEntries: readonly {
          readonly configName: string;
          readonly configValue: string | null;
        }[];
      }[];
    }>('DescribeConfigs', {
      resources: names.map((name) => ({ type: TOPIC_RESOURCE, name, configNames: [] })),
      includeSynonyms: false,
    });
    return new Map(
      answer.resources.map(({ errorCode, resourceName, configEntries }) => {
        failOn(errorCode, `describing ${resourceName}`);
        const values = configEntries.map((each) => [each.configName, each.configValue ?? '']);
        return [resourceName, Object.fromEntries(values) as Record<string, string>];
      }),
    );
  }

  async #run<Result>(doing: string, call: () => Promise<Result>): Promise<Result> {
    try {
      return await call();
    } catch (error) {
      this.#cluster.forget();
      throw toKafkaError(error, doing);
    }
  }
}
