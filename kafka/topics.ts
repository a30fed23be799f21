import { type KafkaAdmin, KafkaError, type TopicDescription } from './client.ts';
import { SHELL_LIMITS } from './limits.ts';
import type { TopicNames } from './topic-names.ts';
import { Backoff, pause } from './wait.ts';

/** What a topic is for; its settings follow from that. */
export type TopicKind = 'event' | 'journal' | 'read-model' | 'reference' | 'dead-letter';

export interface DesiredTopic {
  /** Logical, without TOPIC_PREFIX. */
  readonly name: string;
  readonly kind: TopicKind;
  /** Further settings, given when it is created; a topic that is there keeps what it has. */
  readonly created?: Readonly<Record<string, string>>;
}

/**
 * Of topics that others write: a broker refuses records whose time is more than an hour ahead of its own, unless it stamps them
 * itself. A producer's clock is no reason to refuse what it says.
 */
export const STAMPED_BY_BROKER = { 'message.timestamp.type': 'LogAppendTime' };

export interface TopicSettings {
  /** Fixed for the life of an application: a key's partition follows from it. */
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly names: TopicNames;
}

export interface TopicDifference {
  /** Physical name. */
  readonly topic: string;
  /** `partitions`, or a setting's name. */
  readonly what: string;
  readonly have: string;
  readonly want: string;
}

export interface TopicPlan {
  readonly create: readonly DesiredTopic[];
  readonly same: readonly DesiredTopic[];
  readonly differs: readonly TopicDifference[];
}

export class TopicsDifferError extends Error {
  override readonly name = 'TopicsDifferError';
  readonly code = 'TOPICS_DIFFER';
  readonly reaction = 'stop';
  readonly differences: readonly TopicDifference[];
  constructor(differences: readonly TopicDifference[]) {
    const list = differences.map(
      ({ topic, what, have, want }) => `- ${topic}: ${what} is ${have}, wanted ${want}`,
    );
    super(
      `Topics differ from what this version needs; nothing was changed:\n${list.join('\n')}\n` +
        `Set them by hand where that is safe. The number of partitions is fixed for the life of an ` +
        `application: set PARTITIONS to what the topics have.`,
    );
    this.differences = differences;
  }
}

const FOR_EVER = { 'retention.ms': '-1', 'retention.bytes': '-1' };

/** Settings by kind; what is not listed is left to the broker. Source: J9, J10; K-08; B-111. */
export const TOPIC_CONFIGS: Readonly<Record<TopicKind, Readonly<Record<string, string>>>> = {
  event: { 'cleanup.policy': 'delete', ...FOR_EVER },
  // A dead letter is the record as it came, of up to 1 MiB, and the headers that say why it is there.
  'dead-letter': {
    'cleanup.policy': 'delete',
    ...FOR_EVER,
    'max.message.bytes': String(2 * 1024 * 1024),
  },
  journal: {
    'cleanup.policy': 'delete',
    ...FOR_EVER,
    'segment.bytes': String(64 * 1024 * 1024),
    'max.message.bytes': String(16 * 1024 * 1024),
  },
  // What comes late must not have the newest removed before its owner has looked (J9b).
  'read-model': { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': String(3_600_000) },
  reference: { 'cleanup.policy': 'delete', 'retention.ms': String(3_600_000) },
};

/** What would have to be done for the topics to be as desired. Throws: KafkaError. */
export async function planTopics(
  admin: KafkaAdmin,
  desired: readonly DesiredTopic[],
  settings: TopicSettings,
): Promise<TopicPlan> {
  const existing = new Set(await admin.listTopics());
  const physical = (topic: DesiredTopic): string => settings.names.physical(topic.name);
  const present = desired.filter((topic) => existing.has(physical(topic)));
  const described = new Map(
    (await admin.describeTopics(present.map(physical))).map((topic) => [topic.name, topic]),
  );
  const compared = present.map((topic) => ({
    topic,
    differences: differencesOf(topic, described.get(physical(topic)), settings.partitions),
  }));
  return {
    create: desired.filter((topic) => !existing.has(physical(topic))),
    same: compared.filter(({ differences }) => differences.length === 0).map(({ topic }) => topic),
    differs: compared.flatMap(({ differences }) => differences),
  };
}

/**
 * Creates what is missing, and waits until brokers tell of it; with three replicas or more, two must have a record (J10). Changes nothing that exists; two processes may do so at once.
 *
 * Throws: TopicsDifferError (stop) before anything is created; KafkaError.
 */
export async function applyTopics(
  admin: KafkaAdmin,
  desired: readonly DesiredTopic[],
  settings: TopicSettings,
): Promise<TopicPlan> {
  const plan = await planTopics(admin, desired, settings);
  if (plan.differs.length > 0) throw new TopicsDifferError(plan.differs);
  const { partitions, replicationFactor, names } = settings;
  const replicated: Record<string, string> =
    replicationFactor >= 3 ? { 'min.insync.replicas': '2' } : {};
  await Promise.all(
    plan.create.map(async ({ name, kind, created }) => {
      const configs = { ...TOPIC_CONFIGS[kind], ...created, ...replicated };
      try {
        await admin.createTopic({
          name: names.physical(name),
          partitions,
          replicationFactor,
          configs,
        });
      } catch (error) {
        if (!(error instanceof KafkaError) || error.code !== 'TOPIC_ALREADY_EXISTS') throw error;
      }
    }),
  );
  await untilListed(
    admin,
    plan.create.map(({ name }) => names.physical(name)),
  );
  return plan;
}

/** The controller has a topic before every broker knows of it, and who starts then must not find none. */
async function untilListed(admin: KafkaAdmin, topics: readonly string[]): Promise<void> {
  const backoff = new Backoff(10, 500);
  const tooLate = AbortSignal.timeout(SHELL_LIMITS.topicListedMs);
  for (;;) {
    const listed = new Set(topics.length === 0 ? [] : await admin.listTopics());
    const missing = topics.filter((topic) => !listed.has(topic));
    if (missing.length === 0) return;
    if (tooLate.aborted) throw notListed(missing);
    await pause(backoff.next(), tooLate);
  }
}

function notListed(missing: readonly string[]): KafkaError {
  const which = `${missing.length} topics were created and are not listed ${SHELL_LIMITS.topicListedMs / 1000} s later`;
  const message = `${which}, first ${missing[0]}. See whether the brokers hear of the controller.`;
  return new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', true, message);
}

function differencesOf(
  desired: DesiredTopic,
  found: TopicDescription | undefined,
  partitions: number,
): TopicDifference[] {
  if (found === undefined) return [];
  const differences: TopicDifference[] = [];
  const compare = (what: string, have: string, want: string): void => {
    if (have !== want) differences.push({ topic: found.name, what, have, want });
  };
  compare('partitions', String(found.partitions), String(partitions));
  for (const [name, want] of Object.entries(TOPIC_CONFIGS[desired.kind]))
    compare(name, found.configs[name] ?? '(unknown)', want);
  return differences;
}
