import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { ALL_RECORDS } from '../../apps/records.ts';
import { AvroCodec } from '../../avro/index.ts';
import { ROOT } from '../../cli/stack/programs.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { hopMeans, type HopMeans, readHistograms } from './hops.ts';
import { directPhase, httpPhase, type Load, type PhaseResult } from './phases.ts';
import { startBenchSystem, type ProcessCost } from './system.ts';
import { TopicTail } from './topic-tail.ts';

/** Shape of bench/results/latency.json. Units: ms, MiB. */
export interface LatencyReport {
  readonly at: string;
  readonly commit: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly kernel: string;
    readonly loadBefore: number;
    readonly loadAfter: number;
  };
  readonly versions: Readonly<Record<string, string>>;
  readonly load: Load;
  readonly http: PhaseResult;
  /** Two rounds each, interleaved. */
  readonly direct: readonly PhaseResult[];
  readonly twin: readonly PhaseResult[];
  readonly hops: HopMeans;
  /** Over the HTTP phase, warm-up included. */
  readonly costs: Readonly<Record<string, ProcessCost>>;
  readonly leavesOut: readonly string[];
}

const CHAIN = ['intent.submitted', 'risk.approved', 'intent.accepted', 'plan.created'];
const TOPICS = ['intents', 'risk', 'plans'];
const PARTITIONS = 4;

/**
 * The latency of the pre-chain path, beside a raw client that does the same hops.
 *
 * Throws: VoidRunError when an event that was timed does not stand on its topic once and in order.
 */
export async function runLatency(load: Load, tell: (line: string) => void): Promise<LatencyReport> {
  const loadBefore = loadavg()[0] ?? 0;
  const system = await startBenchSystem(tell);
  try {
    const { config, ports } = system;
    const { brokers } = config.kafka;
    const kafka = platformaticClient({ brokers, clientId: 'bench' });
    const names = new TopicNames('');
    const twinNames = new TopicNames('twin.');
    const admin = kafka.admin();
    for (const topic of TOPICS)
      await admin.createTopic({
        name: twinNames.physical(topic),
        partitions: PARTITIONS,
        replicationFactor: 1,
        configs: {},
      });
    await admin.close();
    await system.launch('raw-twin', 'bench/peers/raw-twin.ts', { TWIN_PREFIX: twinNames.prefix });
    const codec = await AvroCodec.start({
      registryUrl: config.stores.registryUrl,
      subjects: ALL_RECORDS,
    });
    const tail = await TopicTail.open(kafka, TOPICS);
    const twinTail = await TopicTail.open(
      kafka,
      TOPICS.map((topic) => twinNames.physical(topic)),
    );
    const direct = { kafka, codec, names, partitions: PARTITIONS };
    const histograms = () => readHistograms({ gateway: ports.gateway, trading: ports.trading });
    tell(
      `POST → plan.created: ${load.warmUp} to warm up, ${load.count} measured, ${load.rate} a second`,
    );
    const [costsBefore, hopsBefore] = [await system.costs(), await histograms()];
    const http = await httpPhase(`http://127.0.0.1:${ports.gateway}`, load, tail);
    const [costsAfter, hopsAfter] = [await system.costs(), await histograms()];
    const rounds: { direct: PhaseResult; twin: PhaseResult }[] = [];
    for (const round of [1, 2]) {
      tell(`without HTTP, and the raw twin: round ${round}`);
      rounds.push({
        direct: await directPhase(direct, load, tail, CHAIN),
        twin: await directPhase({ ...direct, names: twinNames }, load, twinTail, CHAIN),
      });
    }
    await tail.close();
    await twinTail.close();
    return {
      at: new Date().toISOString(),
      commit: git('rev-parse', '--short', 'HEAD'),
      machine: machine(loadBefore),
      versions: { node: process.version, kafka: '4.1.1', client: '@platformatic/kafka 2.12.1' },
      load,
      http,
      direct: rounds.map((round) => round.direct),
      twin: rounds.map((round) => round.twin),
      hops: hopMeans(hopsBefore, hopsAfter),
      costs: differenceOf(costsBefore, costsAfter),
      leavesOut: [
        'several brokers, replication and disks that are waited for: one broker, acks=all of one',
        'the network: everything runs on one machine, which also runs the load',
        'stores: the coordinator does not run',
      ],
    };
  } finally {
    await system.stop();
  }
}

function machine(loadBefore: number): LatencyReport['machine'] {
  const [first, ...rest] = cpus();
  return {
    cpu: first?.model ?? 'unknown',
    cores: rest.length + 1,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    loadBefore: Math.round(loadBefore * 100) / 100,
    loadAfter: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

function differenceOf(
  before: Readonly<Record<string, ProcessCost>>,
  after: Readonly<Record<string, ProcessCost>>,
): Readonly<Record<string, ProcessCost>> {
  const entries = Object.entries(after).map(([name, { cpuMs, rssMiB }]) => [
    name,
    { cpuMs: cpuMs - (before[name]?.cpuMs ?? 0), rssMiB },
  ]);
  return Object.fromEntries(entries) as Record<string, ProcessCost>;
}
