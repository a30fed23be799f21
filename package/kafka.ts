/* "millrace/kafka": the broker, for programs that put records on topics, read them, or run an application themselves. */
export { ApplicationRunner } from '../kafka/application-runner.ts';
export type { ApplicationOptions, ApplicationStatus } from '../kafka/application-runner.ts';
export { KafkaError, SASL_MECHANISMS } from '../kafka/client.ts';
export type {
  FetchedPartition,
  FetchedRecord,
  FetchPosition,
  GroupAssignment,
  GroupMembership,
  GroupOptions,
  KafkaAdmin,
  KafkaClient,
  KafkaClientOptions,
  KafkaSecurity,
  PartitionReader,
  PlainProducer,
  RecordToSend,
  SaslOptions,
  SendResult,
  TopicDescription,
} from '../kafka/client.ts';
export { KAFKA_CLIENTS, kafkaClient } from '../kafka/clients.ts';
export type { KafkaClientName } from '../kafka/clients.ts';
export type { EffectPerformer } from '../kafka/effect-runner.ts';
export { SHELL_LIMITS } from '../kafka/limits.ts';
export { LmdbStore } from '../kafka/lmdb-store.ts';
export type { Log } from '../kafka/log.ts';
export { partitionOf } from '../kafka/partitioner.ts';
export { Sink } from '../kafka/sink.ts';
export type { SinkMove, SinkOptions, SinkTarget, SinkWaiting } from '../kafka/sink.ts';
export { TopicNames } from '../kafka/topic-names.ts';
export { applyTopics, planTopics, TopicsDifferError } from '../kafka/topics.ts';
export type {
  DesiredTopic,
  TopicDifference,
  TopicKind,
  TopicPlan,
  TopicSettings,
} from '../kafka/topics.ts';
