import { AvroCodec, SchemaRegistry, type Schemas, type TopicRecord } from '../avro/index.ts';
import type { EventStore } from '../connectors/postgres/index.ts';
import type { ReadModelReader, ReadModelWriter } from '../connectors/redis/index.ts';
import type { KafkaAdmin, KafkaClient } from '../kafka/client.ts';
import { loadKafkaClient } from '../kafka/client-library.ts';
import { TopicNames } from '../kafka/topic-names.ts';
import type { Config } from './config.ts';
import type { HealthChecks } from './service-server.ts';

/** Handles of the log and what its records are written in, open and checked. */
export interface LogServices {
  readonly kafka: KafkaClient;
  /** The same broker, for callers at the edge who will not wait as long as a task does. */
  readonly edgeKafka: KafkaClient;
  readonly admin: KafkaAdmin;
  readonly names: TopicNames;
  readonly registry: SchemaRegistry;
  readonly codec: AvroCodec;
  close(): Promise<void>;
}

/** Handles of everything outside. */
export interface Services extends LogServices {
  /**
   * Opens lazily and comes back by itself: a store that is away holds up only who needs it. Read-only in
   * every process but the coordinator's.
   */
  readonly pg: EventStore;
  readonly redis: ReadModelReader;
  /** Null in every process but the coordinator's, the single writer (B-13). */
  readonly redisWriter: ReadModelWriter | null;
}

interface Closable {
  close(): Promise<void>;
}

export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: 'BROKER_AWAY' | 'REGISTRY_AWAY';
  readonly reaction = 'stop';
  constructor(code: ServiceError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface ConnectorOptions {
  /** Default: those of avro/schemas/. */
  readonly schemas?: Schemas;
  /** True for the coordinator only. Default: false. */
  readonly writesStores?: boolean;
}

const CONNECT_MS = 10_000;
/** Below the 5 s in which a caller of the gateway has an answer. */
const EDGE_REQUEST_MS = 4_000;
const PING_MS = 1_500;

/**
 * Connects a process to its outside world, all or nothing.
 *
 * Throws: ServiceError (stop) when broker or registry are away: without them nothing may start (K-07). What was
 * opened before is closed again.
 * Source: B-15.
 */
export class ServiceConnector {
  readonly #config: Config;
  readonly #clientId: string;
  readonly #records: readonly TopicRecord[];
  readonly #options: ConnectorOptions;

  /** `records`: what the process puts on topics; registered before anything runs. */
  constructor(
    config: Config,
    clientId: string,
    records: readonly TopicRecord[],
    options: ConnectorOptions = {},
  ) {
    this.#config = config;
    this.#clientId = clientId;
    this.#records = records;
    this.#options = options;
  }

  async connectAll(): Promise<Services> {
    const log = await this.connectLog();
    const opened: Closable[] = [log];
    const close = async (): Promise<void> => {
      await Promise.allSettled(opened.map((each) => each.close()));
    };
    const keep = <Handle extends Closable>(handle: Handle): Handle => {
      opened.push(handle);
      return handle;
    };
    try {
      return { ...log, ...(await this.#openStores(keep)), close };
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** Without the stores, whose clients are not even loaded. */
  async connectLog(): Promise<LogServices> {
    const { kafka: broker, stores } = this.#config;
    const { client, brokers, security } = broker;
    const options = { brokers, security, clientId: this.#clientId };
    const starting = this.#startCodec();
    // It is looked at when the broker has answered.
    starting.catch(() => {});
    const open = await loadKafkaClient(client);
    const kafka = open(options);
    const edgeKafka = open({ ...options, requestTimeoutMs: EDGE_REQUEST_MS });
    const admin = kafka.admin();
    try {
      await this.#pingBroker(admin);
      const codec = await starting;
      const registry = new SchemaRegistry({ url: stores.registryUrl, timeoutMs: PING_MS });
      const names = new TopicNames(broker.topicPrefix);
      return { kafka, edgeKafka, admin, names, registry, codec, close: () => admin.close() };
    } catch (error) {
      await Promise.allSettled([admin.close()]);
      throw error;
    }
  }

  async #openStores(
    keep: <Handle extends Closable>(handle: Handle) => Handle,
  ): Promise<Pick<Services, 'pg' | 'redis' | 'redisWriter'>> {
    const { coordinatorDatabaseUrl, databaseUrl, redisUrl } = this.#config.stores;
    const { writesStores = false } = this.#options;
    const { EventStore } = await import('../connectors/postgres/index.ts');
    const { ReadModelReader, ReadModelWriter } = await import('../connectors/redis/index.ts');
    const pg = keep(
      writesStores ? new EventStore(coordinatorDatabaseUrl) : new EventStore(databaseUrl, 'reads'),
    );
    const redis = keep(await ReadModelReader.open(redisUrl));
    const { topicPrefix } = this.#config.kafka;
    const redisWriter = writesStores
      ? keep(await ReadModelWriter.open(redisUrl, topicPrefix))
      : null;
    return { pg, redis, redisWriter };
  }

  async #pingBroker(admin: KafkaAdmin): Promise<void> {
    const { brokers } = this.#config.kafka;
    try {
      await admin.ping(CONNECT_MS);
    } catch (cause) {
      const message =
        `No broker answered at ${brokers.join(', ')} within ${CONNECT_MS / 1000} s. Start it, or set ` +
        `KAFKA_BROKERS to where it is.`;
      throw new ServiceError('BROKER_AWAY', message, { cause });
    }
  }

  async #startCodec(): Promise<AvroCodec> {
    const { registryUrl } = this.#config.stores;
    const { topicPrefix } = this.#config.kafka;
    try {
      const schemas = this.#options.schemas === undefined ? {} : { schemas: this.#options.schemas };
      return await AvroCodec.start({
        registryUrl,
        topicPrefix,
        subjects: this.#records,
        ...schemas,
      });
    } catch (cause) {
      if ((cause as { code?: string }).code !== 'REGISTRY_AWAY') throw cause;
      const message =
        `The schema registry at ${registryUrl} does not answer. Start it, or set SCHEMA_REGISTRY_URL to ` +
        `where it is.`;
      throw new ServiceError('REGISTRY_AWAY', message, { cause });
    }
  }
}

type Component = 'kafka' | 'schema_registry' | 'postgres' | 'redis';

/** The checks of `/health` for what every process of the engine needs. */
export function logChecks({ admin, registry }: LogServices) {
  return {
    kafka: () => admin.ping(PING_MS),
    schema_registry: async () => void (await registry.subjects()),
  };
}

/** The checks of `/health` for the components an app needs. */
export function healthChecks(services: Services, needed: readonly Component[]): HealthChecks {
  const all: Record<Component, () => Promise<void>> = {
    ...logChecks(services),
    postgres: () => services.pg.ping(PING_MS),
    redis: () => services.redis.ping(PING_MS),
  };
  return Object.fromEntries(needed.map((name) => [name, all[name]]));
}
