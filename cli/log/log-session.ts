import { loadConfig, type Config } from '../../apps/config.ts';
import { ALL_RECORDS } from '../../apps/records.ts';
import { AvroCodec, journalRecords, type TopicRecord } from '../../avro/index.ts';
import type { Codec } from '../../engine/codec.ts';
import type { Topology } from '../../engine/topology.ts';
import type { KafkaAdmin, KafkaClient, PartitionReader } from '../../kafka/client.ts';
import { loadKafkaClient } from '../../kafka/client-library.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { type Io, UsageError } from '../command.ts';
import { knownTopology } from '../topology/known-topology.ts';
import { replayCodec } from './replay-codec.ts';

/** What a command that looks at the log needs: the port to Kafka, a codec, and today's topologies. */
export interface LogSession {
  readonly client: KafkaClient;
  readonly admin: KafkaAdmin;
  readonly reader: PartitionReader;
  /** Decodes what stands on topics. What it encodes only it can decode: nothing of it may be sent. */
  readonly codec: Codec;
  readonly names: TopicNames;
  readonly topologies: readonly Topology[];
}

export interface SessionOptions {
  readonly io: Io;
  /** Instead of the topologies of this repository. */
  readonly topologyFile: string | undefined;
  /** Handlers are run, so they have to be those of the apps. Default: they are only looked at. */
  readonly decides?: boolean;
}

/** How long the broker has to answer first. */
const PING_MS = 5_000;
/** How long the registry has for one answer. */
const REGISTRY_MS = 5_000;

/**
 * Opens the log, runs `look`, and closes it again. Registers nothing, joins no group.
 *
 * Throws: UsageError NOT_RUNNING when no broker answers; ConfigError; TopologyFileError; what `look` throws.
 */
export async function withLog<Result>(
  options: SessionOptions,
  look: (session: LogSession, config: Config) => Promise<Result>,
): Promise<Result> {
  const config = loadConfig(options.io.env);
  const { client: library, brokers, security, topicPrefix } = config.kafka;
  const known = await knownTopologies(config, options);
  const open = await loadKafkaClient(library);
  const client = open({ brokers, security, clientId: 'millrace-cli' });
  const admin = client.admin();
  const reader = client.reader();
  try {
    await pingBroker(admin, brokers);
    const names = new TopicNames(topicPrefix);
    const { topologies } = known;
    return await look({ client, admin, reader, codec: known.codec, names, topologies }, config);
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'REGISTRY_AWAY') throw error;
    throw new UsageError('NOT_RUNNING', (error as Error).message);
  } finally {
    await Promise.all([admin.close(), reader.close()]);
  }
}

async function knownTopologies(
  config: Config,
  { topologyFile: file, decides = false }: SessionOptions,
): Promise<{ readonly topologies: readonly Topology[]; readonly codec: Codec }> {
  const { registryUrl } = config.stores;
  const { topicPrefix } = config.kafka;
  const make = (known: Pick<Parameters<typeof AvroCodec.reading>[0], 'subjects' | 'schemas'>) =>
    replayCodec(
      AvroCodec.reading({
        registryUrl,
        topicPrefix,
        requestTimeoutMs: REGISTRY_MS,
        ...known,
      }),
      AvroCodec.offline(known),
    );
  const { topologies, schemas } = await knownTopology(config, file, { decides });
  const subjects = file === undefined ? ALL_RECORDS : topologies.flatMap(recordsOf);
  return { topologies, codec: make({ subjects, schemas }) };
}

function recordsOf({ events, readModels, application }: Topology): readonly TopicRecord[] {
  const described = [...events.values(), ...readModels.values()];
  const own = described.map(({ topic, record }) => ({ topic, record }));
  return [...own, ...journalRecords(application)];
}

async function pingBroker(admin: KafkaAdmin, brokers: readonly string[]): Promise<void> {
  try {
    await admin.ping(PING_MS);
  } catch (cause) {
    const error = new UsageError(
      'NOT_RUNNING',
      `No broker answers at ${brokers.join(', ')}. Start it, or set KAFKA_BROKERS to where it is.`,
    );
    error.cause = cause;
    throw error;
  }
}

/** The topology of an application. Throws: UsageError that names those there are. */
export function topologyOf({ topologies }: LogSession, application: string): Topology {
  const found = topologies.find((each) => each.application === application);
  if (found !== undefined) return found;
  const known = topologies.map((each) => each.application).join(', ');
  throw new UsageError(
    'WRONG_USE',
    `No topology here is of application ${application}; known are ${known}. For one in a file of yours ` +
      `say --topology <file>.`,
  );
}
