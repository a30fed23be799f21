import { AvroCodec, SchemaRegistry, type Schemas, type TopicRecord } from '../avro/index.ts';
import { EventStore } from '../connectors/postgres/index.ts';
import { ReadModelReader, ReadModelWriter } from '../connectors/redis/index.ts';
import type { KafkaAdmin, KafkaClient } from '../kafka/client.ts';
import { loadKafkaClient } from '../kafka/client-library.ts';
import { TopicNames } from '../kafka/topic-names.ts';
import type { Config } from './config.ts';
import type { HealthChecks } from './service-server.ts';

/** Handles of everything outside, open and checked. */
export interface Services {
  readonly kafka: KafkaClient;
  /** The same broker, for callers at the edge who will not wait as long as a task does. */
  readonly edgeKafka: KafkaClient;
  readonly admin: KafkaAdmin;
  readonly names: TopicNames;
  readonly registry: SchemaRegistry;
  readonly codec: AvroCodec;
  /**
   * Opens lazily and comes back by itself: a store that is away holds up only who needs it. Read-only in
   * every process but the coordinator's.
   */
  readonly pg: EventStore;
  readonly redis: ReadModelReader;
  /** Null in every process but the coordinator's, the single writer (B-13). */
  readonly redisWriter: ReadModelWriter | null;
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
    const { kafka: broker, stores } = this.#config;
    const opened: { close(): Promise<void> }[] = [];
    const close = async (): Promise<void> => {
      await Promise.allSettled(opened.map((each) => each.close()));
    };
    const keep = <Handle extends { close(): Promise<void> }>(handle: Handle): Handle => {
      opened.push(handle);
      return handle;
    };
    try {
      const { client, brokers, security } = broker;
      const options = { brokers, security, clientId: this.#clientId };
      const starting = this.#startCodec();
      // It is looked at when the broker has answered.
      starting.catch(() => {});
      const open = await loadKafkaClient(client);
      const kafka = open(options);
      const edgeKafka = open({ ...options, requestTimeoutMs: EDGE_REQUEST_MS });
      const admin = keep(kafka.admin());
      await this.#pingBroker(admin);
      const codec = await starting;
      const { writesStores = false } = this.#options;
      const pg = keep(
        writesStores
          ? new EventStore(stores.coordinatorDatabaseUrl)
          : new EventStore(stores.databaseUrl, 'reads'),
      );
      const redis = keep(await ReadModelReader.open(stores.redisUrl));
      const redisWriter = writesStores
        ? keep(await ReadModelWriter.open(stores.redisUrl, broker.topicPrefix))
        : null;
      const registry = new SchemaRegistry({ url: stores.registryUrl, timeoutMs: PING_MS });
      const names = new TopicNames(broker.topicPrefix);
      return { kafka, edgeKafka, admin, names, registry, codec, pg, redis, redisWriter, close };
    } catch (error) {
      await close();
      throw error;
    }
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

/** The checks of `/health` for the components an app needs. */
export function healthChecks(services: Services, needed: readonly Component[]): HealthChecks {
  const all: Record<Component, () => Promise<void>> = {
    kafka: () => services.admin.ping(PING_MS),
    schema_registry: async () => void (await services.registry.subjects()),
    postgres: () => services.pg.ping(PING_MS),
    redis: () => services.redis.ping(PING_MS),
  };
  return Object.fromEntries(needed.map((name) => [name, all[name]]));
}
