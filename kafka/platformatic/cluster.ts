import { isIP } from 'node:net';
import type {
  Admin,
  ClusterMetadata,
  ClusterTopicMetadata,
  Connection,
  ConnectionPool,
  MetadataOptions,
} from '@platformatic/kafka';
import { KafkaError, type KafkaClientOptions } from '../client.ts';
import { CLIENT_LIMITS, requestTimeoutOf } from '../limits.ts';
import { lookUpError, toKafkaError, UNKNOWN_TOPIC } from './errors.ts';

/** Only an error makes the adapter ask anew: the library's 5 s would put a look-up before a send at any time. */
const METADATA_MAX_AGE_MS = 365 * 24 * 3_600_000;

/** What every client of the library is given. */
export function connectionOptions(options: KafkaClientOptions) {
  return {
    clientId: options.clientId,
    bootstrapBrokers: [...options.brokers],
    requestTimeout: requestTimeoutOf(options),
    connectTimeout: CLIENT_LIMITS.connectMs,
    metadataMaxAge: METADATA_MAX_AGE_MS,
    autocreateTopics: false,
    retries: 0,
    ...securityOptions(options),
  };
}

/** What every connection is given: certificates are always checked, against the host that was asked for. */
export function securityOptions({ brokers, security }: KafkaClientOptions) {
  const { tls = null, sasl = null } = security ?? {};
  // Hosted brokers stand behind one address and are told apart by name (SNI), which may not be an address.
  const tlsServerName = brokers.every((broker) => isIP(broker.replace(/^\[|\]?:\d+$/g, '')) === 0);
  return {
    ...(tls === null ? {} : { tls: tls.ca === null ? {} : { ca: tls.ca }, tlsServerName }),
    ...(sasl === null ? {} : { sasl: { ...sasl } }),
  };
}

/**
 * Watches a pool of the library, which loses sight of a connection when one to the same broker has failed just
 * before it. Call the result when the pool is closed: it closes those too, which else would keep the process.
 */
export function watchConnections(pool: ConnectionPool): () => Promise<void> {
  const open = new Set<Connection>();
  pool.on('connect', ({ connection }) => {
    open.add(connection);
    connection.once('close', () => open.delete(connection));
  });
  return async () => {
    await Promise.all([...open].map((connection) => connection.close()));
  };
}

/** The part of the library's clients that knows the cluster. */
export interface MetadataSource {
  readonly currentMetadata: ClusterMetadata | undefined;
  metadata(options: MetadataOptions): Promise<ClusterMetadata>;
  clearMetadata(): void;
}

export type FoundTopic = ClusterTopicMetadata | KafkaError;

/**
 * What the cluster says of each topic, from memory where it was asked before. One unknown or forbidden topic
 * fails the library's whole call, so after such an answer each is asked for alone.
 *
 * Throws: KafkaError when the cluster cannot be asked.
 */
export async function findTopics(
  client: MetadataSource,
  topics: readonly string[],
  how: { readonly afresh?: boolean } = {},
): Promise<ReadonlyMap<string, FoundTopic>> {
  try {
    const options = { topics: [...topics], ...(how.afresh === true ? { forceUpdate: true } : {}) };
    const found = (await client.metadata(options)).topics;
    return new Map(topics.map((topic) => [topic, found.get(topic) ?? unknownTopic(topic)]));
  } catch (cause) {
    const error = lookUpError(cause, topics);
    if (error === null) throw toKafkaError(cause, `looking up ${topics.join(', ')}`);
    if (topics.length === 1) return new Map([[topics[0] as string, error]]);
    const each = await Promise.all(topics.map((topic) => findTopics(client, [topic], how)));
    return new Map(each.flatMap((found) => [...found]));
  }
}

/** True when every topic can be looked up without asking. */
export function areKnown(client: MetadataSource, topics: readonly string[]): boolean {
  return topics.every((topic) => client.currentMetadata?.topics.has(topic) === true);
}

function unknownTopic(topic: string): KafkaError {
  return new KafkaError(UNKNOWN_TOPIC, true, `There is no topic ${topic} that could be used.`);
}

const EARLIEST = -2n;
const LATEST = -1n;

/** Start and end (high watermark) of partitions of a topic. Throws: the library's errors. */
export async function boundsOf(
  admin: Admin,
  topic: string,
  partitions: readonly number[],
): Promise<ReadonlyMap<number, { readonly start: number; readonly end: number }>> {
  const [starts, ends] = await Promise.all(
    [EARLIEST, LATEST].map((timestamp) => offsetsAt(admin, topic, partitions, timestamp)),
  );
  return new Map(
    partitions.map((partition) => {
      const [start, end] = [starts?.get(partition) ?? 0, ends?.get(partition) ?? 0];
      return [partition, { start, end }];
    }),
  );
}

async function offsetsAt(
  admin: Admin,
  topic: string,
  partitions: readonly number[],
  timestamp: bigint,
): Promise<ReadonlyMap<number, number>> {
  const asked = partitions.map((partitionIndex) => ({ partitionIndex, timestamp }));
  const listed = await admin.listOffsets({
    topics: [{ name: topic, partitions: asked }],
    isolationLevel: 0,
  });
  const answers = listed.flatMap((each) => each.partitions);
  return new Map(answers.map(({ partitionIndex, offset }) => [partitionIndex, Number(offset)]));
}
