import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { AvroCodec, extendSchemas, loadSchemas } from '../../avro/index.ts';
import { freePorts } from '../../cli/stack/ports.ts';
import {
  ADDRESS_VARIABLE,
  addressOf,
  type ServerName,
  serverParts,
  SERVERS,
} from '../../cli/stack/servers.ts';
import {
  type FetchedRecord,
  type KafkaAdmin,
  type KafkaClient,
  KafkaError,
  type PlainProducer,
} from '../../kafka/client.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { TOPIC_CONFIGS } from '../../kafka/topics.ts';
import { allOf, Processes, type ProcessCost } from '../processes.ts';
import { type Checked, checkOutputs, type Expected } from './check.ts';
import { topicReader } from './committed.ts';
import * as countWork from './count-topology.ts';
import type { ChainSystem } from './systems.ts';
import { ChainTail } from './tail.ts';
import * as priorityWork from '../priority/topology.ts';
import * as chainWork from './topology.ts';
import {
  COUNT_HEADER,
  InputMaker,
  INPUT_TOPIC,
  outputsOf,
  type Shape,
  type Work,
  WORKS,
} from './work.ts';

/** What the chain needs; nobody asks a database. */
const NEEDED: readonly ServerName[] = ['kafka', 'registry'];

/** Works whose outputs say a count. */
const COUNTS: ReadonlySet<Work> = new Set(['count', 'keep']);

/** Servers of the benchmark's own, and the systems that run on them. */
export interface ChainStand {
  readonly kafka: KafkaClient;
  readonly brokers: readonly string[];
  readonly codec: AvroCodec;
  /** Topics, a reader and a way in for a system that does not run yet. */
  lane(prefix: string, shape: Shape): Promise<Lane>;
  /** Starts a member of a system; it is at work when outputs come. `member`: also names its folder. */
  launch(system: ChainSystem, lane: Lane, member?: string): Promise<void>;
  /** Asks a member to end, and waits for it. */
  end(lane: Lane, member?: string): Promise<void>;
  /** SIGKILL to a member and all that it started. */
  kill(lane: Lane, member?: string): Promise<void>;
  /** Reads all outputs of a lane whose members have ended. Throws: VoidRunError. */
  check(lane: Lane, duplicates?: Expected['duplicates']): Promise<Checked>;
  /** How many outputs its members wrote, committed or not. Throws: VoidRunError. */
  written(lane: Lane): Promise<number>;
  /** Ends what runs on the lane, and its reader. */
  close(lane: Lane): Promise<void>;
  /** By name: servers, members as `memberName`, and the rest of the machine. */
  costs(): Promise<Readonly<Record<string, ProcessCost>>>;
  /** Where a member keeps its state. */
  folderOf(lane: Lane, member?: string): string;
  stop(): Promise<void>;
}

/** The topics of one system, and what the benchmark does on them. */
export interface Lane {
  readonly prefix: string;
  readonly shape: Shape;
  /** Physical, in order. */
  readonly topics: readonly string[];
  readonly producer: PlainProducer;
  readonly maker: InputMaker;
  readonly tail: ChainTail;
}

export const FIRST_MEMBER = '1';

/** The process of a member, as costs name it. */
export function memberName({ prefix }: Pick<Lane, 'prefix'>, member = FIRST_MEMBER): string {
  return `${prefix}${member}`;
}

/** Throws: PartError; nothing is left then. */
export async function startStand(tell: (line: string) => void): Promise<ChainStand> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const processes = new Processes(folder);
  try {
    const [kafka = 0, registry = 0, postgres = 0, redis = 0] = await freePorts(SERVERS.length);
    const ports = { kafka, registry, postgres, redis };
    tell('starting servers of the benchmark’s own');
    const parts = serverParts(ports, folder);
    await allOf(NEEDED.map((name) => processes.begin(parts[name])));
    const env: Record<string, string> = {};
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
    subjects: [
      { topic: INPUT_TOPIC, record: 'millrace.bench.v1.Submitted' },
      { topic: WORKS.count[1], record: 'millrace.bench.v1.Counted' },
      ...priorityWork.CLASSES.map((name) => ({
        topic: `work.${name}`,
        record: priorityWork.recordOf(name),
      })),
    ],
    schemas: [chainWork, countWork, priorityWork].reduce(
      (all, { schemas }) => extendSchemas(all, schemas),
      loadSchemas(),
    ),
  });
  const open = new Set<Lane>();
  const members = new Map<Lane, Set<string>>();
  const folderOf = ({ prefix }: Lane, member = FIRST_MEMBER): string =>
    join(folder, 'members', `${prefix}${member}`);
  const end = async (lane: Lane, member = FIRST_MEMBER): Promise<void> => {
    members.get(lane)?.delete(member);
    await processes.end(memberName(lane, member));
  };
  const close = async (lane: Lane): Promise<void> => {
    open.delete(lane);
    for (const member of members.get(lane) ?? []) await end(lane, member);
    await lane.tail.close();
    await lane.producer.close();
  };
  return {
    kafka,
    brokers,
    codec,
    lane: async (prefix, shape) => {
      const topics = WORKS[shape.work].map((topic) => prefix + topic);
      for (const name of topics)
        await admin.createTopic({
          name,
          ...{ partitions: shape.partitions, replicationFactor: 1 },
          // Some systems carry the input's time on; the broker's own says when an output was there.
          configs: { ...TOPIC_CONFIGS.event, 'message.timestamp.type': 'LogAppendTime' },
        });
      for (const name of topics) await untilLed(admin, name);
      const tail = await ChainTail.open(brokers, topics.at(-1) ?? '');
      const maker = new InputMaker(codec, shape, prefix);
      const lane = { prefix, shape, topics, producer: kafka.producer(), maker, tail };
      open.add(lane);
      members.set(lane, new Set());
      return lane;
    },
    launch: async (system, lane, member = FIRST_MEMBER) => {
      members.get(lane)?.add(member);
      const own = { PARTITIONS: String(lane.shape.partitions) };
      const where = {
        ...{ prefix: lane.prefix, member, work: lane.shape.work },
        folder: folderOf(lane, member),
        env: { ...env, ...own },
      };
      await processes.begin({
        name: memberName(lane, member),
        ...{ port: 0, portVariable: '', stopSignal: 'SIGTERM' },
        prepare: async () => system.command(where),
        // It is ready when outputs come: the first load waits for them.
        probe: async () => true,
      });
    },
    end,
    kill: async (lane, member = FIRST_MEMBER) => {
      members.get(lane)?.delete(member);
      await processes.kill(memberName(lane, member));
    },
    check: async ({ prefix, maker, shape }, duplicates = 'none') => {
      const topics = outputsOf(shape.work).map((topic) => prefix + topic);
      const countOf = COUNTS.has(shape.work) ? countIn(codec) : undefined;
      return checkOutputs(
        { topics, made: maker.made, duplicates, ...(countOf && { countOf }) },
        topicReader(kafka, brokers),
      );
    },
    written: async ({ prefix, shape }) => {
      const read = topicReader(kafka, brokers, 'read_uncommitted');
      let written = 0;
      for (const topic of outputsOf(shape.work)) await read(prefix + topic, () => void written++);
      return written;
    },
    close,
    costs: () => processes.costs(),
    folderOf,
    stop: async () => {
      for (const lane of open) await close(lane);
      await admin.close();
      await processes.stop();
    },
  };
}

const LED_LIMIT_MS = 30_000;

/**
 * A broker tells of a topic a moment before it takes records for it, and a record of the load is sent once.
 *
 * Throws: KafkaError.
 */
async function untilLed(admin: KafkaAdmin, topic: string): Promise<void> {
  const deadline = performance.now() + LED_LIMIT_MS;
  for (;;) {
    try {
      await admin.offsets(topic);
      return;
    } catch (error) {
      const canWait = error instanceof KafkaError && error.canRetry;
      if (!canWait || performance.now() > deadline) throw error;
      await pause(20);
    }
  }
}

/** First byte of what is encoded with a schema. */
const WIRE_FORMAT = 0;

/** Said in a header by those who pass on bytes, as the value by who can set none, in the value by this system. */
function countIn(codec: AvroCodec): (record: FetchedRecord) => number {
  return ({ headers, value }) => {
    const said = headers[COUNT_HEADER];
    if (said !== undefined) return Number(said);
    if (value?.[0] !== WIRE_FORMAT) return Number(Buffer.from(value ?? []).toString());
    const event = codec.decode(value).value as {
      readonly payload: { readonly count?: number | bigint };
    };
    return Number(event.payload.count);
  };
}
