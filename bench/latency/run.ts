import { ALL_RECORDS } from '../../apps/records.ts';
import { AvroCodec } from '../../avro/index.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { TOPIC_CONFIGS } from '../../kafka/topics.ts';
import { decodeWith } from './audit.ts';
import { type Histograms, hopsOf, readHistograms } from './hops.ts';
import { directIntake, httpIntake, type Intake } from './intake.ts';
import { headOf, loadAverage } from './machine.ts';
import { type Load, type Phase, type PhaseOptions, runPhase } from './phase.ts';
import { runProjection } from './projection.ts';
import { untilPlanned } from './ready.ts';
import type { LatencyReport, Round } from './report.ts';
import { Latencies, rounded } from './summary.ts';
import type { ProcessCost } from '../processes.ts';
import { type BenchSystem, startBenchSystem } from './system.ts';
import { TopicTail } from './topic-tail.ts';

type Costs = Readonly<Record<string, ProcessCost>>;

interface Reading {
  readonly costs: Costs;
  readonly histograms: Histograms;
}

/** A phase before its load is known. */
type Track = Omit<PhaseOptions<Reading>, 'load'>;

const TOPICS = ['intents', 'risk', 'plans'];
const TWIN_PREFIX = 'twin.';
const ROUNDS = 2;
const SETTINGS = { rounds: ROUNDS, sockets: 'keep-alive', brokers: 1, acks: 'all' };
/** Of the warm-up, in each later phase: what the first one warmed up stays so. */
const LATER_WARM_UP = 0.2;
/** From here on the machine has other work than this. */
const BUSY_LOAD = 1.5;

const LEAVES_OUT = [
  'more than one broker, replication, and a disk that is waited for: acks=all of one broker that does not flush',
  'the network: load, apps and servers share one machine',
  'the coordinator, Postgres and Redis: they stand behind plan.created, not before it',
  'a real venue: the orchestrator runs, and fills every plan from the mock while the next are timed',
];

/**
 * The latency from POST to plan.created, the same without HTTP, and a raw client beside it, on a system of its own.
 *
 * Throws: VoidRunError when what was timed does not stand on the log once and in order; PartError.
 */
export async function runLatency(
  load: Load,
  tell: (line: string) => void,
  /** With the coordinator, and so with the way from plan.created to a read model; it takes its share of the machine. */
  { withReadModels = false }: { readonly withReadModels?: boolean } = {},
): Promise<LatencyReport> {
  const loadBefore = loadAverage();
  if (loadBefore > BUSY_LOAD) tell(`the machine is not quiet: load average ${loadBefore}`);
  const system = await startBenchSystem(tell, {
    moreApps: withReadModels ? ['coordinator'] : [],
  });
  const open: { close(): Promise<void> }[] = [];
  try {
    const tracks = await makeTracks(system, open);
    for (const name of ['direct', 'twin'] as const) {
      const { intake, tail } = tracks[name];
      await untilPlanned(name, intake, tail, system.config.kafka.partitions);
    }
    const report = await measure(tracks, { load, loadBefore, tell });
    if (!withReadModels) return report;
    tell('plan.created → GET');
    const { intake, tail } = tracks.http;
    const url = `http://127.0.0.1:${system.ports.gateway}`;
    return { ...report, project: await runProjection(url, intake, tail) };
  } finally {
    for (const each of open.reverse()) await each.close();
    await system.stop();
  }
}

async function makeTracks(
  system: BenchSystem,
  open: { close(): Promise<void> }[],
): Promise<Readonly<Record<'http' | 'direct' | 'twin', Track>>> {
  const { config, ports } = system;
  const { brokers, partitions } = config.kafka;
  const kafka = platformaticClient({ brokers, clientId: 'bench' });
  const twinTopics = TOPICS.map((topic) => TWIN_PREFIX + topic);
  await createTopics(kafka.admin(), twinTopics, partitions);
  await system.launch('raw-twin', 'bench/peers/raw-twin.ts', { TWIN_PREFIX });
  const { registryUrl } = config.stores;
  const codec = await AvroCodec.start({ registryUrl, subjects: ALL_RECORDS });
  const tail = await TopicTail.open(kafka, 'plans');
  const twinTail = await TopicTail.open(kafka, `${TWIN_PREFIX}plans`);
  const into = (topic: string): Intake => directIntake({ kafka, codec, topic, partitions });
  const observe = async (): Promise<Reading> => ({
    costs: await system.costs(),
    histograms: await readHistograms(ports),
  });
  const main = { kafka, tail, topics: TOPICS, decode: decodeWith(codec), observe };
  const http = httpIntake(`http://127.0.0.1:${ports.gateway}`);
  const [direct, twin] = [into('intents'), into(`${TWIN_PREFIX}intents`)];
  open.push(tail, twinTail, http, direct, twin);
  return {
    http: { ...main, intake: http },
    direct: { ...main, intake: direct },
    twin: { ...main, tail: twinTail, topics: twinTopics, decode: null, intake: twin },
  };
}

async function createTopics(
  admin: ReturnType<ReturnType<typeof platformaticClient>['admin']>,
  names: readonly string[],
  partitions: number,
): Promise<void> {
  const settings = { partitions, replicationFactor: 1, configs: TOPIC_CONFIGS.event };
  for (const name of names) await admin.createTopic({ name, ...settings });
  await admin.close();
}

async function measure(
  tracks: Readonly<Record<'http' | 'direct' | 'twin', Track>>,
  about: {
    readonly load: Load;
    readonly loadBefore: number;
    readonly tell: (line: string) => void;
  },
): Promise<LatencyReport> {
  const { load, loadBefore, tell } = about;
  const { rate, count, warmUp } = load;
  tell(`POST → plan.created: ${warmUp} to warm up, then ${count}, ${rate} a second`);
  const http = await runPhase({ ...tracks.http, load });
  const rounds: Record<'direct' | 'twin', Phase<Reading>[]> = { direct: [], twin: [] };
  for (let round = 1; round <= ROUNDS; round++)
    for (const name of ['direct', 'twin'] as const) {
      tell(`${name === 'direct' ? 'without HTTP' : 'raw twin'}, round ${round} of ${ROUNDS}`);
      const later = { count: Math.ceil(count / ROUNDS), warmUp: Math.ceil(warmUp * LATER_WARM_UP) };
      rounds[name].push(await runPhase({ ...tracks[name], load: { rate, ...later } }));
    }
  const toAnswer = http.samples.map(({ answeredAt, dueAt }) => answeredAt - dueAt);
  const lateness = http.samples.map(({ startedAt, dueAt }) => startedAt - dueAt);
  return {
    ...headOf({ ...load, ...SETTINGS }, loadBefore),
    postToPlan: toPlan([http]),
    postToAnswer: Latencies.of(toAnswer),
    intakeToPlan: toPlan(rounds.direct),
    twin: toPlan(rounds.twin),
    rounds: [
      ...rounds.direct.map((phase) => roundOf('intakeToPlan', phase)),
      ...rounds.twin.map((phase) => roundOf('twin', phase)),
    ],
    hops: hopsOf(http.samples, http.before.histograms, http.after.histograms),
    lateness: Latencies.of(lateness),
    costs: costsOf(http),
    leavesOut: LEAVES_OUT,
  };
}

function toPlan(phases: readonly Phase<Reading>[]) {
  const samples = phases.flatMap((phase) => phase.samples);
  return Latencies.of(samples.map(({ readAt, dueAt }) => readAt - dueAt));
}

function roundOf(what: Round['what'], phase: Phase<Reading>): Round {
  return { what, ...toPlan([phase]), costs: costsOf(phase) };
}

/** What each process took between the two readings of a phase. */
function costsOf({ before, after }: Phase<Reading>): Costs {
  const entries = Object.entries(after.costs).map(([name, cost]) => [
    name,
    { ...cost, cpuMs: rounded(cost.cpuMs - (before.costs[name]?.cpuMs ?? 0)) },
  ]);
  return Object.fromEntries(entries) as Costs;
}
