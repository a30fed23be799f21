import { AvroCodec } from '../avro/index.ts';
import { migrate } from '../connectors/postgres/index.ts';
import { checkLog, type LogWeakness } from '../kafka/check-log.ts';
import type { KafkaAdmin } from '../kafka/client.ts';
import { loadKafkaClient } from '../kafka/client-library.ts';
import {
  applyTopics,
  type DesiredTopic,
  planTopics,
  type TopicPlan,
  type TopicSettings,
} from '../kafka/topics.ts';
import { TopicNames } from '../kafka/topic-names.ts';
import { topicsOf } from '../topologies/topics.ts';
import { BOT_SINK_TOPICS } from './bot-sink.ts';
import { type Config, loadConfig } from './config.ts';
import { ALL_RECORDS, APPLICATIONS } from './records.ts';
import { allTopologies } from './topologies.ts';

/** What had to be done so that the apps can start. */
export interface ApplyReport {
  readonly topicsCreated: readonly string[];
  readonly migrationsApplied: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Makes topics, schemas and tables what this version needs: applies what is missing, refuses what differs.
 *
 * Throws: TopicsDifferError, RegistryError INCOMPATIBLE, MigrationError (all stop); KafkaError.
 */
export async function applyAll(config: Config): Promise<ApplyReport> {
  const { registryUrl, ownerDatabaseUrl } = config.stores;
  const { topicPrefix } = config.kafka;
  const [plan, migrations] = await Promise.all([
    applyTopicsOf(config),
    migrate(ownerDatabaseUrl),
    AvroCodec.start({ registryUrl, topicPrefix, subjects: ALL_RECORDS }),
  ]);
  return {
    topicsCreated: plan.create.map(({ name }) => topicPrefix + name),
    migrationsApplied: migrations.applied,
    warnings: migrations.warnings,
  };
}

/** The difference between the broker and what this version needs. Throws: KafkaError. */
export function planAll(config: Config): Promise<TopicPlan> {
  return withAdmin(config, (admin) => planTopics(admin, topicsNeeded(config), settingsOf(config)));
}

/** Creates the topics that are missing. Throws: TopicsDifferError (stop); KafkaError. */
export function applyTopicsOf(config: Config): Promise<TopicPlan> {
  return withAdmin(config, (admin) => applyTopicsBy(admin, config));
}

/** The same by an admin that is open; several processes may do so at once. */
export function applyTopicsBy(admin: KafkaAdmin, config: Config): Promise<TopicPlan> {
  return applyTopics(admin, topicsNeeded(config), settingsOf(config));
}

/**
 * What of the broker's settings lets it forget what it acknowledged to the journals that exist (J10).
 *
 * Throws: KafkaError.
 */
export function weaknessesOf(config: Config): Promise<readonly LogWeakness[]> {
  return withAdmin(config, async (admin) => {
    const existing = new Set(await admin.listTopics());
    const journals = APPLICATIONS.map((name) => `${config.kafka.topicPrefix}${name}.journal`);
    const found = journals.filter((journal) => existing.has(journal));
    return checkLog(admin, found, { singleNode: true });
  });
}

function topicsNeeded(config: Config): readonly DesiredTopic[] {
  return [...topicsOf(allTopologies(config)), ...BOT_SINK_TOPICS];
}

function settingsOf({ kafka }: Config): TopicSettings {
  const { topicPrefix, partitions, replicationFactor } = kafka;
  return { partitions, replicationFactor, names: new TopicNames(topicPrefix) };
}

async function withAdmin<Result>(
  { kafka: { client, brokers, security } }: Config,
  run: (admin: KafkaAdmin) => Promise<Result>,
): Promise<Result> {
  const open = await loadKafkaClient(client);
  const admin = open({ brokers, security, clientId: 'millrace-apply' }).admin();
  try {
    return await run(admin);
  } finally {
    await admin.close();
  }
}

if (import.meta.main) {
  try {
    const report = await applyAll(loadConfig(process.env));
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
