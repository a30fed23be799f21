import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AvroCodec, extendSchemas, loadSchemas } from '../../avro/index.ts';
import { freePorts } from '../../cli/stack/ports.ts';
import { ADDRESS_VARIABLE, addressOf, serverParts, SERVERS } from '../../cli/stack/servers.ts';
import type { KafkaClient, PlainProducer } from '../../kafka/client.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { TOPIC_CONFIGS } from '../../kafka/topics.ts';
import { allOf, Processes, type ProcessCost } from '../processes.ts';
import type { ChainSystem } from './systems.ts';
import { ChainTail } from './tail.ts';
import { schemas } from './topology.ts';
import { CHAIN_TOPICS, InputMaker, INPUT_TOPIC, PARTITIONS, type Shape } from './work.ts';

/** Servers of the benchmark's own, and the systems that run on them. */
export interface ChainStand {
  readonly kafka: KafkaClient;
  /** Topics, a reader and a way in for a system that does not run yet. */
  lane(prefix: string, shape: Shape): Promise<Lane>;
  launch(system: ChainSystem, lane: Lane): Promise<void>;
  end(lane: Lane): Promise<void>;
  costs(): Promise<Readonly<Record<string, ProcessCost>>>;
  stop(): Promise<void>;
}

/** The topics of one system, and what the benchmark does on them. */
export interface Lane {
  readonly prefix: string;
  readonly producer: PlainProducer;
  readonly maker: InputMaker;
  readonly tail: ChainTail;
}

/** Throws: PartError; nothing is left then. */
export async function startStand(tell: (line: string) => void): Promise<ChainStand> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const processes = new Processes(folder);
  try {
    const [kafka = 0, registry = 0, postgres = 0, redis = 0] = await freePorts(SERVERS.length);
    const ports = { kafka, registry, postgres, redis };
    tell('starting servers of the benchmark’s own');
    await allOf(Object.values(serverParts(ports, folder)).map((part) => processes.begin(part)));
    const env: Record<string, string> = { PARTITIONS: String(PARTITIONS), MILLRACE_DATA: folder };
    for (const name of SERVERS) env[ADDRESS_VARIABLE[name]] = addressOf(name, ports[name]);
    return await standOn(processes, folder, env);
  } catch (error) {
    await processes.stop();
    throw error;
  }
}

async function standOn(
  processes: Processes,
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<ChainStand> {
  const brokers = [env[ADDRESS_VARIABLE.kafka] ?? ''];
  const kafka = platformaticClient({ brokers, clientId: 'bench' });
  const admin = kafka.admin();
  const codec = await AvroCodec.start({
    registryUrl: env[ADDRESS_VARIABLE.registry] ?? '',
    subjects: [{ topic: INPUT_TOPIC, record: 'millrace.bench.v1.Submitted' }],
    schemas: extendSchemas(loadSchemas(), schemas),
  });
  const open = new Set<Lane>();
  const close = async (lane: Lane): Promise<void> => {
    open.delete(lane);
    await lane.tail.close();
    await lane.producer.close();
  };
  return {
    kafka,
    lane: async (prefix, shape) => {
      const settings = { partitions: PARTITIONS, replicationFactor: 1 };
      for (const topic of CHAIN_TOPICS)
        await admin.createTopic({
          name: prefix + topic,
          ...settings,
          // Some systems carry the input's time on; the broker's own says when an output was there.
          configs: { ...TOPIC_CONFIGS.event, 'message.timestamp.type': 'LogAppendTime' },
        });
      const tail = await ChainTail.open(brokers, prefix);
      const maker = new InputMaker(codec, shape, prefix);
      const lane = { prefix, producer: kafka.producer(), maker, tail };
      open.add(lane);
      return lane;
    },
    launch: async (system, { prefix }) =>
      processes.begin({
        name: prefix,
        port: 0,
        portVariable: '',
        stopSignal: 'SIGTERM',
        prepare: async () => system.command({ prefix, folder, env }),
        // It is ready when outputs come: the first load waits for them.
        probe: async () => true,
      }),
    end: async (lane) => {
      await processes.end(lane.prefix);
      await close(lane);
    },
    costs: () => processes.costs(),
    stop: async () => {
      for (const lane of open) await close(lane);
      await admin.close();
      await processes.stop();
    },
  };
}
