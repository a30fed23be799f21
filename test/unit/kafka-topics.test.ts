import { describe, expect, it } from 'vitest';
import { actor } from '../../engine/actor.ts';
import type { EventDefinition } from '../../engine/event.ts';
import { buildTopology, type Topology } from '../../engine/topology.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import {
  applyTopics,
  type DesiredTopic,
  planTopics,
  STAMPED_BY_BROKER,
  TOPIC_CONFIGS,
  TopicsDifferError,
} from '../../kafka/topics.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { topicsOf } from '../../topologies/topics.ts';

const DESIRED: readonly DesiredTopic[] = [
  { name: 'intents', kind: 'event' },
  { name: 'market', kind: 'reference' },
  { name: 'rm.intent', kind: 'read-model' },
  { name: 'a.journal', kind: 'journal' },
];
const settings = { partitions: 4, replicationFactor: 1, names: new TopicNames('pre.') };

describe('topics', () => {
  it('E-15 creates what is missing under the prefix, with the settings of its kind', async () => {
    const admin = new MemoryKafka().admin();
    const plan = await applyTopics(admin, DESIRED, settings);
    expect(plan.create).toEqual(DESIRED);
    const physical = DESIRED.map(({ name }) => `pre.${name}`);
    const described = await admin.describeTopics(physical);
    expect(described.map(({ name, partitions }) => [name, partitions])).toEqual(
      physical.map((name) => [name, 4]),
    );
    for (const [index, { kind }] of DESIRED.entries())
      expect(described[index]?.configs).toMatchObject(TOPIC_CONFIGS[kind]);
  });

  it('J10 asks for two of three replicas where there are three', async () => {
    const admin = new MemoryKafka().admin();
    await applyTopics(admin, DESIRED, { ...settings, replicationFactor: 3 });
    const [journal] = await admin.describeTopics(['pre.a.journal']);
    expect(journal?.configs).toMatchObject({ 'min.insync.replicas': '2' });
  });

  it('finds nothing to do the second time', async () => {
    const admin = new MemoryKafka().admin();
    await applyTopics(admin, DESIRED, settings);
    expect(await applyTopics(admin, DESIRED, settings)).toEqual({
      create: [],
      same: DESIRED,
      differs: [],
    });
  });

  it('refuses what differs, names all of it, and creates nothing', async () => {
    const admin = new MemoryKafka().admin();
    const configs = { ...TOPIC_CONFIGS.journal, 'retention.ms': '1000' };
    await admin.createTopic({
      name: 'pre.a.journal',
      partitions: 3,
      replicationFactor: 1,
      configs,
    });
    const applied = applyTopics(admin, DESIRED, settings);
    await expect(applied).rejects.toBeInstanceOf(TopicsDifferError);
    await expect(applied).rejects.toMatchObject({
      code: 'TOPICS_DIFFER',
      differences: [
        { topic: 'pre.a.journal', what: 'partitions', have: '3', want: '4' },
        { topic: 'pre.a.journal', what: 'retention.ms', have: '1000', want: '-1' },
      ],
    });
    expect(await admin.listTopics()).toEqual(['pre.a.journal']);
  });

  it('S-39 gives further settings to what it creates, and leaves them as they are where a topic is there', async () => {
    const admin = new MemoryKafka().admin();
    const orders: DesiredTopic = { name: 'orders', kind: 'event', created: STAMPED_BY_BROKER };
    await applyTopics(admin, [orders], settings);
    const [created] = await admin.describeTopics(['pre.orders']);
    expect(created?.configs).toMatchObject({
      'message.timestamp.type': 'LogAppendTime',
      'retention.ms': '-1',
    });
    const older = { name: 'pre.old', partitions: 4, replicationFactor: 1 };
    await admin.createTopic({ ...older, configs: TOPIC_CONFIGS.event });
    const old = { ...orders, name: 'old' };
    expect(await planTopics(admin, [old], settings)).toMatchObject({ same: [old], differs: [] });
  });

  it('does not mind settings that it does not set', async () => {
    const admin = new MemoryKafka().admin();
    const configs = { ...TOPIC_CONFIGS.event, 'compression.type': 'zstd' };
    await admin.createTopic({ name: 'pre.intents', partitions: 4, replicationFactor: 1, configs });
    const plan = await planTopics(admin, DESIRED.slice(0, 1), settings);
    expect(plan.differs).toEqual([]);
  });

  it('lets two processes apply at once, and waits until the broker tells of what both created', async () => {
    const admin = new MemoryKafka().admin();
    let looks = 0;
    // The first look is before the other process, the next two before the broker has heard of it.
    const late = {
      ...admin,
      listTopics: async () => ((looks += 1) > 3 ? admin.listTopics() : []),
    };
    await applyTopics(admin, DESIRED, settings);
    expect(await applyTopics(late, DESIRED, settings)).toMatchObject({ create: DESIRED });
    expect(looks).toBe(4);
  });

  it('J9 K-08 keeps journals for ever and compacts read models only', () => {
    expect(TOPIC_CONFIGS.journal).toMatchObject({
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
      'retention.bytes': '-1',
      'segment.bytes': '67108864',
    });
    const compacted = Object.entries(TOPIC_CONFIGS).filter(
      ([, configs]) => configs['cleanup.policy'] !== 'delete',
    );
    expect(compacted.map(([kind]) => kind)).toEqual(['read-model']);
  });
});

describe('the topics of topologies', () => {
  const topology = topologyOf('app', 'asked', ['priced']);

  it('are what they read and write, their journals and their dead letters, by name', () => {
    expect(topicsOf([topology])).toEqual([
      { name: 'answers', kind: 'event' },
      { name: 'app.control', kind: 'event' },
      { name: 'app.journal', kind: 'journal' },
      { name: 'app.redrive', kind: 'event' },
      { name: 'dlq.app.control', kind: 'dead-letter' },
      { name: 'dlq.app.redrive', kind: 'dead-letter' },
      { name: 'dlq.asked', kind: 'dead-letter' },
      { name: 'dlq.priced', kind: 'dead-letter' },
      { name: 'dlq.prices', kind: 'dead-letter' },
      { name: 'dlq.questions', kind: 'dead-letter' },
      { name: 'prices', kind: 'reference' },
      { name: 'questions', kind: 'event' },
      { name: 'rm.one', kind: 'read-model' },
    ]);
  });

  it('are references only if nobody handles what stands on them', () => {
    const handler = topologyOf('handler', 'priced', []);
    for (const both of [
      [topology, handler],
      [handler, topology],
    ])
      expect(topicsOf(both)).toContainEqual({ name: 'prices', kind: 'event' });
  });

  it('are there once, whoever shares them', () => {
    const names = topicsOf([topology, topology]).map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
    expect(topicsOf([])).toEqual([]);
  });
});

/** Handles one event type, reads others as references, and emits to `answers` and `rm.one`. */
function topologyOf(application: string, handled: string, references: readonly string[]): Topology {
  return buildTopology({
    application,
    actors: [
      actor<null>({
        name: 'one',
        state: { version: 1, initial: () => null },
        emits: ['done', 'rm.one'],
        handles: { [handled]: () => ({}) },
      }),
    ],
    events: [
      event('asked', 'questions'),
      event('done', 'answers'),
      event('priced', 'prices'),
      event('unused', 'elsewhere'),
    ],
    readModels: [{ topic: 'rm.one', record: 'test.One' }],
    references: references.map((type) => ({ name: type, type })),
  });
}

function event(type: string, topic: string): EventDefinition {
  return { type, topic, record: `test.${type}`, family: 'TRADING', version: 1 };
}
