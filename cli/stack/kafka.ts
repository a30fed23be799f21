import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { exchange } from './exchange.ts';
import { answers, PartError, type Command, type Part } from './part.ts';
import { freePort } from './ports.ts';
import { archiveOption, KAFKA_ARCHIVE, KAFKA_JARS, needFile, needProgram } from './programs.ts';

/** One node needs no random name, and a fixed one survives a half-done format. */
const CLUSTER_ID = 'bWlsbHJhY2UtbG9jYWwtMQ';

const JVM = [
  '-Xms256m',
  '-Xmx512m',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:+ExitOnOutOfMemoryError',
  '-Djava.awt.headless=true',
  '-Djava.net.preferIPv4Stack=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS',
] as const;

/** A second listener, with TLS, that lets one user in by SASL: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. */
export interface SecureListener {
  readonly port: number;
  /** PKCS12: the broker's key and certificate. */
  readonly keystoreFile: string;
  readonly keystorePassword: string;
  readonly username: string;
  readonly password: string;
}

/** A real Kafka: one node in KRaft mode, reachable on 127.0.0.1 only. */
export function kafkaPart(options: {
  readonly port: number;
  readonly folder: string;
  readonly secure?: SecureListener;
}): Part {
  const { port, folder, secure } = options;
  return {
    name: 'kafka',
    port,
    portVariable: 'KAFKA_PORT',
    stopSignal: 'SIGTERM',
    prepare: () => prepare(port, folder, secure),
    probe: () =>
      answers((signal) => exchange({ port, request: METADATA_REQUEST, enough: hasBroker, signal })),
  };
}

async function prepare(
  port: number,
  folder: string,
  secure: SecureListener | undefined,
): Promise<Command> {
  const java = needProgram('java', 'kafka', 'openjdk-17-jre-headless');
  needFile(KAFKA_JARS, 'kafka');
  const logs = join(folder, 'logs');
  const properties = join(folder, 'server.properties');
  await mkdir(folder, { recursive: true });
  const controllerPort = await freePort();
  await writeFile(properties, serverProperties({ port, controllerPort, logs, secure }));
  const run = (main: string, ...args: string[]): string[] => [
    ...JVM,
    '-cp',
    join(KAFKA_JARS, '*'),
    main,
    ...args,
  ];
  if (!existsSync(join(logs, 'meta.properties'))) {
    await rm(logs, { recursive: true, force: true });
    await format(
      java,
      run(
        'kafka.tools.StorageTool',
        ...['format', '-t', CLUSTER_ID, '-c', properties],
        ...scramUsers(secure),
      ),
    );
  }
  return { file: java, args: [...archiveOption(KAFKA_ARCHIVE), ...run('kafka.Kafka', properties)] };
}

async function format(java: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(java, ['-XX:TieredStopAtLevel=1', '-Xshare:auto', ...args]);
  } catch (cause) {
    throw new PartError(
      'NOT_PREPARED',
      'kafka',
      `Kafka's storage could not be formatted: ${String(cause)}. Is the folder writable and is Java 17 or newer?`,
      { cause },
    );
  }
}

/** The settings of the one node; what differs from Kafka's defaults has its reason beside it. */
export function serverProperties(options: {
  readonly port: number;
  readonly controllerPort: number;
  readonly logs: string;
  readonly secure?: SecureListener | undefined;
}): string {
  const { port, controllerPort, logs, secure } = options;
  const secured = secure === undefined ? '' : `,SASL_SSL://127.0.0.1:${secure.port}`;
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}${secured}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}${secured}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
inter.broker.listener.name=PLAINTEXT
log.dirs=${logs}
# One node: nothing can be replicated.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# A misspelt topic is an error, not a new topic.
auto.create.topics.enable=false
# An empty group would wait 3 s for its first assignment, and a crash could not be seen within 6 s.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# After kill -9 the node may register again as soon as its old session has ended.
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
# Two cores and half a gigabyte.
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
log.cleaner.dedupe.buffer.size=16777216
log.retention.hours=168
${secureProperties(secure)}`;
}

function secureProperties(secure: SecureListener | undefined): string {
  if (secure === undefined) return '';
  const { keystoreFile, keystorePassword, username, password } = secure;
  const listener = 'listener.name.sasl_ssl';
  const modules = 'org.apache.kafka.common.security';
  return `sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
${listener}.ssl.keystore.type=PKCS12
${listener}.ssl.keystore.location=${keystoreFile}
${listener}.ssl.keystore.password=${keystorePassword}
${listener}.plain.sasl.jaas.config=${modules}.plain.PlainLoginModule required user_${username}="${password}";
${listener}.scram-sha-256.sasl.jaas.config=${modules}.scram.ScramLoginModule required;
${listener}.scram-sha-512.sasl.jaas.config=${modules}.scram.ScramLoginModule required;
`;
}

function scramUsers(secure: SecureListener | undefined): readonly string[] {
  if (secure === undefined) return [];
  const user = `[name=${secure.username},password=${secure.password}]`;
  return ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((name) => ['--add-scram', `${name}=${user}`]);
}

/** Metadata v4 for no topic: a broker is listed in the answer as soon as the controller lets it serve. */
const METADATA_REQUEST = Buffer.from(
  '0000001c' + // size
    '0003' + // Metadata
    '0004' + // version
    '00000001' + // correlation id
    '000d' + // length of the client's name
    Buffer.from('millrace-prob').toString('hex') +
    '00000000' + // topics: none
    '00', // allow_auto_topic_creation: false
  'hex',
);

function hasBroker(answer: Buffer): boolean | null {
  // size, correlation id, throttle time, then the number of brokers
  return answer.length < 16 ? null : answer.readInt32BE(12) > 0;
}
