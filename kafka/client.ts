import type { Headers } from '../engine/event.ts';
import type { MemberDescription } from './assigner.ts';

/*
 * The narrow port behind which a Kafka client stands. Adapters: kafka/platformatic.ts (default), kafka/kafkajs.ts;
 * kafka/clients.ts chooses.
 * All adapters pass test/contract/kafka-client.contract.ts, and so does testing/memory-kafka.ts, but for what needs a
 * network to disturb. What testing/simulation answers is compared with a real broker by
 * test/contract/broker-script.test.ts. Offsets are integers below 2^53.
 */

export interface RecordToSend {
  readonly topic: string;
  readonly partition: number;
  readonly key: Uint8Array | null;
  /** null: tombstone. */
  readonly value: Uint8Array | null;
  readonly headers: Headers;
}

export interface FetchedRecord extends RecordToSend {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly timestampMs: number;
}

/**
 * What became of the records of one partition in one `send` (J3a). `refused`: certainly not in the log, the
 * closed list of codes; everything else that is not an acknowledgement is `unknown`.
 */
export type SendResult = { readonly topic: string; readonly partition: number } & (
  | { readonly result: 'confirmed'; readonly baseOffset: number }
  | { readonly result: 'refused'; readonly code: string }
  | { readonly result: 'unknown'; readonly code: string; readonly cause: unknown }
);

/**
 * A producer that never resends by itself (J3b): no idempotence, acks=all, no retries. One record batch per
 * partition per call; the order of records within a partition is the order given. Calls of one moment may share a request.
 */
export interface PlainProducer {
  /** One result per topic-partition that occurs in `records`. Never throws for what the broker or network did. */
  send(records: readonly RecordToSend[]): Promise<readonly SendResult[]>;
  close(): Promise<void>;
}

export interface FetchPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface FetchedPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** Records at or above the asked offset, control records left out. */
  readonly records: readonly FetchedRecord[];
  /** Where to fetch next: past everything seen, control records and holes included. */
  readonly nextOffset: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  /** OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION, … ; null: fine. Never a silent jump (J4). */
  readonly error: string | null;
}

/** Reads partitions without any group, read_uncommitted, on a connection of its own. */
export interface PartitionReader {
  /**
   * One long poll over all positions (leaders permitting). Resolves with what there is, possibly nothing,
   * after at most `maxWaitMs` (+ network). Throws: KafkaError (canRetry) when the broker cannot be reached.
   */
  fetch(
    positions: readonly FetchPosition[],
    options: { readonly maxWaitMs: number; readonly maxBytes?: number },
  ): Promise<readonly FetchedPartition[]>;
  close(): Promise<void>;
}

export interface GroupAssignment {
  readonly partitions: readonly number[];
  /** Tasks of others whose journals it is to follow; absent: none. */
  readonly standbys?: readonly number[];
  readonly generation: number;
  readonly memberId: string;
}

export interface GroupOptions {
  readonly groupId: string;
  /** The one topic whose partitions are handed out: the journal (J5b). */
  readonly topic: string;
  /** Static membership; a restart under the same id takes its place at once. */
  readonly instanceId: string;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** What the others are told of this member each time it joins; absent: nothing. See `assignTasks`. */
  readonly describe?: () => MemberDescription;
  /** Called in order, one at a time; awaited before the next. */
  onAssigned(assignment: GroupAssignment): Promise<void>;
  /** Called before a rebalance takes partitions away, and when the membership was lost. */
  onRevoked(): Promise<void>;
  /** FENCED_INSTANCE_ID: another process took this instance id. The process must exit (J5a). */
  onFenced(error: Error): void;
}

/** Membership that heals itself: after any loss it joins again with backoff until closed. */
export interface GroupMembership {
  readonly joined: boolean;
  /** Milliseconds since the last successful heartbeat. */
  readonly heartbeatAgeMs: number;
  /** Lazy commit; failures are returned, not thrown. */
  commit(
    offsets: readonly (FetchPosition & { readonly leaderEpoch: number })[],
  ): Promise<Error | null>;
  /** `leave`: scaled in, the others take over at once. `stay`: coming back, keep the place (static member). */
  close(how: 'leave' | 'stay'): Promise<void>;
}

export interface TopicDescription {
  readonly name: string;
  readonly id: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
}

export interface KafkaAdmin {
  describeTopics(names: readonly string[]): Promise<readonly TopicDescription[]>;
  createTopic(topic: {
    readonly name: string;
    readonly partitions: number;
    readonly replicationFactor: number;
    readonly configs: Readonly<Record<string, string>>;
  }): Promise<void>;
  alterTopicConfigs(name: string, configs: Readonly<Record<string, string>>): Promise<void>;
  listTopics(): Promise<readonly string[]>;
  deleteTopics(names: readonly string[]): Promise<void>;
  /** Start (earliest) and end (high watermark) of each partition of a topic, by partition number. */
  offsets(topic: string): Promise<readonly { readonly start: number; readonly end: number }[]>;
  deleteRecords(topic: string, partition: number, beforeOffset: number): Promise<void>;
  listGroups(): Promise<readonly { readonly id: string; readonly state: string }[]>;
  groupOffsets(groupId: string): Promise<readonly FetchPosition[]>;
  /** Resolves when the cluster answers within the time-out, else throws KafkaError. */
  ping(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface KafkaClient {
  /** Whether what is sent over one producer at one moment goes out as one request. Absent: one call after the other. */
  readonly sharesRequests?: boolean;
  producer(): PlainProducer;
  reader(): PartitionReader;
  joinGroup(options: GroupOptions): GroupMembership;
  admin(): KafkaAdmin;
}

/** The mechanism that sends the password itself: only for connections that nobody reads. */
export const SASL_PLAIN = 'PLAIN';
export const SASL_MECHANISMS = [SASL_PLAIN, 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

/** How a client proves who it is. Never logged. */
export interface SaslOptions {
  readonly mechanism: (typeof SASL_MECHANISMS)[number];
  readonly username: string;
  readonly password: string;
}

export interface KafkaSecurity {
  /** null: plain text. `ca`: PEM of who signed the brokers' certificates; null: whom Node trusts. */
  readonly tls: { readonly ca: string | null } | null;
  readonly sasl: SaslOptions | null;
}

export interface KafkaClientOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Default: plain text, nobody in particular. */
  readonly security?: KafkaSecurity;
  /** Default 10,000 (F25). */
  readonly requestTimeoutMs?: number;
}

export class KafkaError extends Error {
  override readonly name = 'KafkaError';
  /** Kafka's own name of the error where there is one, else NETWORK, TIMEOUT, CLOSED. */
  readonly code: string;
  readonly canRetry: boolean;
  constructor(code: string, canRetry: boolean, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.canRetry = canRetry;
  }
}
