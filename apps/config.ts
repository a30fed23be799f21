import type { Deployment } from '../engine/deployment.ts';
import {
  type KafkaSecurity,
  SASL_MECHANISMS,
  SASL_PLAIN,
  type SaslOptions,
} from '../kafka/client.ts';
import { KAFKA_CLIENTS, type KafkaClientName } from '../kafka/client-library.ts';
import { type ChainConfig, chainConfig } from './chain-config.ts';
import { ConfigReader } from './config-reader.ts';
import { type GatewayConfig, gatewayConfig } from './gateway-config.ts';
import { type TracingConfig, tracingConfig } from './tracing-config.ts';

export { ConfigError } from './config-reader.ts';
export type { ConfigProblem } from './config-reader.ts';

/** The apps of this system that serve HTTP, each on a port of its own. */
export type AppName = 'gateway' | 'trading' | 'orchestrator' | 'coordinator';

const MIB = 1024 * 1024;
/** Which variable moves an app to another port. */
export const PORT_VARIABLE: Readonly<Record<AppName, string>> = {
  gateway: 'PORT',
  trading: 'TRADING_PORT',
  orchestrator: 'ORCHESTRATOR_PORT',
  coordinator: 'COORDINATOR_PORT',
};

/** The order in which they are listed. */
export const APP_NAMES: readonly AppName[] = Object.keys(PORT_VARIABLE) as AppName[];

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/**
 * Everything an app takes from its environment, checked, frozen, and grouped by what it concerns.
 *
 * Units: as the names say; `maxNotionalUsd` and `maxSlippage` are decimal strings.
 * Source: B-14, docs/reference/configuration.md.
 */
export interface Config {
  readonly service: {
    /** The address that the HTTP servers listen on. */
    readonly host: string;
    /** 0: any free port. */
    readonly ports: Readonly<Record<AppName, number>>;
    /** Tells processes of one app apart; the group member's static id is made of it. */
    readonly instanceId: string;
    readonly logLevel: LogLevel;
  };
  readonly kafka: {
    readonly client: KafkaClientName;
    /** `host:port` each. */
    readonly brokers: readonly string[];
    readonly security: KafkaSecurity;
    /** Stands before every physical topic and group name. */
    readonly topicPrefix: string;
    readonly partitions: number;
    /** Of topics that are created. */
    readonly replicationFactor: number;
    /** Whether a log that one disk holds is accepted (J10). */
    readonly singleNode: boolean;
    readonly sessionTimeoutMs: number;
    /** Fused: a chain of actors is one application; split: one each. Fixed for the life of an application (J6). */
    readonly deployment: Deployment;
    /** When journals are cleaned (J9). */
    readonly cleaning: { readonly minBytes: number; readonly historyMs: number };
  };
  readonly stores: {
    readonly registryUrl: string;
    /** For reading. */
    readonly databaseUrl: string;
    /** For the sinks, the only writers (B-13). */
    readonly coordinatorDatabaseUrl: string;
    /** For who migrates. */
    readonly ownerDatabaseUrl: string;
    readonly redisUrl: string;
  };
  readonly local: {
    readonly dataFolder: string;
    /** Where task states stand besides the journal: a folder below `dataFolder`, or memory alone. */
    readonly stateStore: 'lmdb' | 'memory';
    /** Members that follow each task besides its owner. */
    readonly standbys: number;
  };
  readonly risk: {
    readonly maxNotionalUsd: string;
    readonly maxSlippage: string;
  };
  readonly planning: {
    readonly poolSnapshotMaxAgeMs: number;
    readonly rustEngineEnabled: boolean;
    readonly mlEnabled: boolean;
  };
  readonly execution: {
    readonly maxAttempts: number;
    /** Effects open in a task before it takes no more plans. */
    readonly maxInFlight: number;
    /** Pause before the second, third and fourth call. */
    readonly retryDelaysMs: readonly number[];
  };
  readonly chain: ChainConfig;
  readonly tracing: TracingConfig;
  readonly coordinator: {
    readonly reorderWaitMs: number;
    /** Older days are taken out of bot_events; 0: none. */
    readonly botRetentionDays: number;
  };
  readonly gateway: GatewayConfig;
}

const PORT = { min: 1, max: 65_535 };
const APP_PORT = { min: 0, max: 65_535 };
const DAY_MS = 86_400_000;
/** One broker on this machine is the local stack: it has no second node. */
const LOOPBACK = /^(127\.[0-9.]+|localhost|\[::1\]):/;

/**
 * Reads and checks the whole environment of an app.
 *
 * Throws: ConfigError (stop) that lists every bad variable with its value and the remedy.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const reader = new ConfigReader(env);
  const config: Config = {
    service: service(reader),
    kafka: kafka(reader),
    stores: stores(reader),
    local: local(reader),
    risk: risk(reader),
    planning: planning(reader),
    execution: execution(reader),
    chain: chainConfig(reader),
    tracing: tracingConfig(reader),
    coordinator: {
      reorderWaitMs: reader.integer('REORDER_WAIT_MS', 30_000, { min: 1, max: DAY_MS }),
      botRetentionDays: reader.integer('BOT_RETENTION_DAYS', 400, { min: 0, max: 36_500 }),
    },
    gateway: gatewayConfig(reader),
  };
  reader.finish();
  return frozen(config);
}

function service(reader: ConfigReader): Config['service'] {
  const ports = {
    gateway: reader.integer(PORT_VARIABLE.gateway, 3000, APP_PORT),
    trading: reader.integer(PORT_VARIABLE.trading, 3001, APP_PORT),
    orchestrator: reader.integer(PORT_VARIABLE.orchestrator, 3002, APP_PORT),
    coordinator: reader.integer(PORT_VARIABLE.coordinator, 3003, APP_PORT),
  };
  rejectSharedPorts(reader, ports);
  return {
    host: reader.text('HOST', '127.0.0.1', {
      pattern: /^[A-Za-z0-9.:-]+$/,
      problem: 'not an address',
      remedy: 'Set HOST to an address of this machine, such as 127.0.0.1 or 0.0.0.0',
    }),
    ports,
    instanceId: reader.text('INSTANCE_ID', '1', {
      pattern: /^[A-Za-z0-9._-]{1,100}$/,
      problem: 'not a name of at most 100 letters, digits, dots, dashes and underscores',
      remedy: 'Set INSTANCE_ID to a short name that no other process of the same app has',
    }),
    logLevel: reader.choice<LogLevel>('LOG_LEVEL', 'info', [
      'trace',
      'debug',
      'info',
      'warn',
      'error',
      'fatal',
      'silent',
    ]),
  };
}

function rejectSharedPorts(reader: ConfigReader, ports: Readonly<Record<AppName, number>>): void {
  const taken = new Map<number, AppName>();
  for (const app of APP_NAMES) {
    const holder = taken.get(ports[app]);
    if (holder !== undefined && ports[app] !== 0) {
      reader.reject(
        PORT_VARIABLE[app],
        `port ${ports[app]} of ${app} is also that of ${holder}`,
        `Give ${PORT_VARIABLE[app]} and ${PORT_VARIABLE[holder]} different ports`,
      );
    }
    taken.set(ports[app], app);
  }
}

function kafka(reader: ConfigReader): Config['kafka'] {
  const port = reader.integer('KAFKA_PORT', 19_092, PORT);
  const brokers = reader.list('KAFKA_BROKERS', [`127.0.0.1:${port}`], {
    pattern: /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/,
    problem: 'not a list of brokers',
    remedy: 'Set KAFKA_BROKERS to host:port, several separated by commas',
  });
  const singleNode = reader.flag(
    'SINGLE_NODE',
    brokers.length === 1 && LOOPBACK.test(brokers[0] ?? ''),
  );
  return {
    client: reader.choice('KAFKA_CLIENT', 'platformatic', KAFKA_CLIENTS),
    brokers,
    singleNode,
    replicationFactor: reader.integer('REPLICATION_FACTOR', singleNode ? 1 : 3, {
      min: 1,
      max: 100,
    }),
    security: security(reader),
    topicPrefix: reader.text('TOPIC_PREFIX', '', {
      pattern: /^[A-Za-z0-9._-]{0,100}$/,
      problem: 'not usable in a topic name',
      remedy: 'Use at most 100 letters, digits, dots, dashes and underscores, such as cypher.dev.',
    }),
    partitions: reader.integer('PARTITIONS', 4, { min: 1, max: 1000 }),
    sessionTimeoutMs: reader.integer('SESSION_TIMEOUT_MS', 6_000, { min: 1_000, max: 1_800_000 }),
    deployment: reader.choice<Deployment>('DEPLOYMENT', 'fused', ['fused', 'split']),
    cleaning: {
      minBytes: MIB * reader.integer('JOURNAL_CLEAN_MIB', 64, { min: 1, max: 100_000 }),
      historyMs: 1000 * reader.integer('JOURNAL_HISTORY_S', 3_600, { min: 0, max: 31_536_000 }),
    },
  };
}

function security(reader: ConfigReader): KafkaSecurity {
  const ssl = reader.flag('KAFKA_SSL', false);
  const ca = reader.file('KAFKA_SSL_CA_FILE');
  if (!ssl && reader.raw('KAFKA_SSL_CA_FILE') !== null) {
    reader.reject('KAFKA_SSL_CA_FILE', 'of no use without TLS', 'Set KAFKA_SSL=true too');
  }
  return { tls: ssl ? { ca } : null, sasl: sasl(reader, ssl) };
}

function sasl(reader: ConfigReader, ssl: boolean): SaslOptions | null {
  const chosen = reader.raw('KAFKA_SASL_MECHANISM') !== null;
  const mechanism = reader.choice('KAFKA_SASL_MECHANISM', 'SCRAM-SHA-512', SASL_MECHANISMS);
  const username = reader.raw('KAFKA_SASL_USERNAME');
  const password = reader.secret('KAFKA_SASL_PASSWORD', 'KAFKA_SASL_PASSWORD_FILE');
  if (!chosen) {
    if (username !== null || password !== null)
      reader.reject(
        'KAFKA_SASL_MECHANISM',
        'needed with a user name or a password',
        'Set KAFKA_SASL_MECHANISM to that of the brokers',
      );
    return null;
  }
  if (mechanism === SASL_PLAIN && !ssl) {
    reader.reject(
      'KAFKA_SASL_MECHANISM',
      'would send the password in plain text',
      'Set KAFKA_SSL=true, or KAFKA_SASL_MECHANISM=SCRAM-SHA-512',
    );
  }
  if (username === null) {
    reader.reject('KAFKA_SASL_USERNAME', 'needed with SASL', 'Set it to a user of the brokers');
  }
  if (password === null) {
    reader.reject(
      'KAFKA_SASL_PASSWORD',
      'needed with SASL',
      'Set it, or KAFKA_SASL_PASSWORD_FILE to a file that holds it',
    );
  }
  return { mechanism, username: username ?? '', password: password ?? '' };
}

function stores(reader: ConfigReader): Config['stores'] {
  const registryPort = reader.integer('SCHEMA_REGISTRY_PORT', 18_081, PORT);
  const postgresPort = reader.integer('POSTGRES_PORT', 15_432, PORT);
  const redisPort = reader.integer('REDIS_PORT', 16_379, PORT);
  return {
    registryUrl: reader.url(
      'SCHEMA_REGISTRY_URL',
      `http://127.0.0.1:${registryPort}/apis/ccompat/v7`,
      ['http:', 'https:'],
    ),
    ...databaseUrls(reader, postgresPort),
    redisUrl: reader.url('REDIS_URL', `redis://127.0.0.1:${redisPort}`, ['redis:', 'rediss:']),
  };
}

type DatabaseUrls = Pick<
  Config['stores'],
  'databaseUrl' | 'coordinatorDatabaseUrl' | 'ownerDatabaseUrl'
>;

/** What is given is for all; of the local Postgres each asks as whom it is. */
function databaseUrls(reader: ConfigReader, port: number): DatabaseUrls {
  const schemes = ['postgres:', 'postgresql:'];
  const local = (login: string): string =>
    `postgres://millrace_${login}:millrace_${login}@127.0.0.1:${port}/millrace`;
  const given = reader.url('DATABASE_URL', null, schemes);
  return {
    databaseUrl: given ?? local('reader'),
    coordinatorDatabaseUrl: given ?? local('coordinator'),
    ownerDatabaseUrl: reader.url('DATABASE_OWNER_URL', given ?? local('owner'), schemes),
  };
}

function local(reader: ConfigReader): Config['local'] {
  const stateStore = reader.choice<'lmdb' | 'memory'>('STATE_STORE', 'lmdb', ['lmdb', 'memory']);
  const standbys = reader.integer('STANDBYS', 0, { min: 0, max: 10 });
  if (standbys > 0 && stateStore === 'memory')
    reader.reject(
      'STANDBYS',
      'of no use while task states stand in memory',
      'Set STATE_STORE=lmdb too, or STANDBYS=0',
    );
  // Read by the set-up, which runs before; a value that it would not understand is refused here too.
  reader.flag('MILLRACE_NO_INSTALL', false);
  return { dataFolder: reader.raw('MILLRACE_DATA') ?? '.data', stateStore, standbys };
}

function risk(reader: ConfigReader): Config['risk'] {
  return {
    maxNotionalUsd: reader.text('MAX_NOTIONAL_USD', '10000', {
      pattern: /^(?=.*[1-9])(0|[1-9]\d{0,29})(\.\d{1,18})?$/,
      problem: 'not a decimal above 0',
      remedy: 'Set MAX_NOTIONAL_USD to an amount in dollars, such as 10000 or 2500.50',
    }),
    maxSlippage: reader.text('MAX_SLIPPAGE', '0.05', {
      pattern: /^0(\.\d{1,18})?$/,
      problem: 'not a decimal from 0 to below 1',
      remedy: 'Set MAX_SLIPPAGE to a fraction, such as 0.05 for five per cent',
    }),
  };
}

function planning(reader: ConfigReader): Config['planning'] {
  return {
    poolSnapshotMaxAgeMs: reader.integer('POOL_SNAPSHOT_MAX_AGE_MS', 120_000, {
      min: 1,
      max: DAY_MS,
    }),
    rustEngineEnabled: reader.flag('RUST_ENGINE_ENABLED', false),
    mlEnabled: reader.flag('PLATFORM_ENABLE_ML', false),
  };
}

function execution(reader: ConfigReader): Config['execution'] {
  return {
    maxAttempts: reader.integer('MAX_EXEC_ATTEMPTS', 3, { min: 1, max: 100 }),
    maxInFlight: reader.integer('MAX_IN_FLIGHT', 1_000, { min: 1, max: 100_000 }),
    retryDelaysMs: reader.integers('RETRY_DELAYS_MS', [10_000, 60_000, 300_000], {
      min: 0,
      max: DAY_MS,
    }),
  };
}

function frozen<Value extends object>(value: Value): Value {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null) frozen(part);
  }
  return Object.freeze(value);
}
