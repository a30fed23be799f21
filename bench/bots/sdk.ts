import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from '../../cli/stack/ports.ts';
import { ROOT } from '../../cli/stack/programs.ts';
import { addressOf, serverParts } from '../../cli/stack/servers.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { pythonOf } from '../../scripts/python-packages.mjs';
import { VoidRunError } from '../latency/audit.ts';
import { headOf, loadAverage, type RunHead } from '../latency/machine.ts';
import { Latencies, type Percentiles, rounded } from '../latency/summary.ts';
import { allOf, Processes } from '../processes.ts';
import { holdChild } from '../signals.ts';
import type { Load, LoadResult } from './load.ts';

export interface SdkPlan {
  /** Events of each run, a fifth of which warm up. */
  readonly count: number;
  readonly rounds: number;
  /** The servers that KAFKA_BROKERS and SCHEMA_REGISTRY_URL name, rather than own ones. */
  readonly given: boolean;
}

/** One language: medians of the rounds, and the SDK's share of the bare client's rate. */
export interface SdkFigures {
  readonly language: Language;
  readonly client: string;
  readonly sdkPerSecond: number;
  readonly rawPerSecond: number;
  readonly ratio: number;
  readonly goal: number;
  /** Processor time of the whole process for one event, and for one record. Units: microseconds. */
  readonly sdkCpuMicros: number;
  readonly rawCpuMicros: number;
  /** Milliseconds of one `emit.nowait`, the spool included. */
  readonly nowait: Percentiles;
  readonly rounds: readonly { readonly sdk: number; readonly raw: number }[];
}

export interface SdkReport extends RunHead<SdkPlan> {
  readonly figures: readonly SdkFigures[];
  readonly leavesOut: readonly string[];
}

type Language = 'TypeScript' | 'Python';

const PARTITIONS = 4;
const LOAD_MS = 600_000;
const LEAVES_OUT = [
  'more than one broker, replication, and a disk that is waited for',
  'the network: load and broker share one machine, and take each other’s time',
  'latency of emit, which is the broker’s acknowledgement: rates are those of emit.nowait, flushed at the end',
];

const SIDES: readonly {
  readonly language: Language;
  readonly client: string;
  readonly goal: number;
  readonly command: () => readonly [string, string];
}[] = [
  {
    language: 'TypeScript',
    client: '@platformatic/kafka',
    goal: 0.5,
    command: () => [process.execPath, join('bench', 'bots', 'typescript-load.ts')],
  },
  {
    language: 'Python',
    client: 'confluent-kafka',
    goal: 0.3,
    command: () => [pythonOf(), join('bench', 'bots', 'python_load.py')],
  },
];

/**
 * Measures each SDK beside the client it stands on, in rounds that alternate, each in a process of its own. What was sent is
 * counted on the topic before a figure counts.
 *
 * Throws: VoidRunError; PartError.
 */
export async function runSdk(plan: SdkPlan, tell: (line: string) => void): Promise<SdkReport> {
  const loadBefore = loadAverage();
  const { broker, registry, stop } = await serversOf(plan, tell);
  try {
    const figures: SdkFigures[] = [];
    for (const side of SIDES) {
      const [program, file] = side.command();
      const run = async (what: Load['what'], round: number): Promise<LoadResult> => {
        tell(`${side.language} ${what === 'sdk' ? 'SDK' : side.client}: round ${round}`);
        const prefix = `bench-${crypto.randomUUID()}.`;
        const { count } = plan;
        const load: Load = { what, broker, registry, prefix, partitions: PARTITIONS, count };
        return runLoad(program, file, load);
      };
      const rounds: { readonly sdk: number; readonly raw: number }[] = [];
      const micros: number[] = [];
      const cpu = { sdk: [] as number[], raw: [] as number[] };
      for (let round = 1; round <= plan.rounds; round++) {
        const raw = await run('raw', round);
        const sdk = await run('sdk', round);
        rounds.push({ sdk: Math.round(sdk.perSecond), raw: Math.round(raw.perSecond) });
        micros.push(...sdk.micros);
        cpu.sdk.push(sdk.cpuMicrosEach);
        cpu.raw.push(raw.cpuMicrosEach);
      }
      const { language, client, goal } = side;
      const sdkPerSecond = medianOf(rounds.map(({ sdk }) => sdk));
      const rawPerSecond = medianOf(rounds.map(({ raw }) => raw));
      // Three decimals: 0.299 is not 0.3.
      const ratio = Number(medianOf(rounds.map(({ sdk, raw }) => sdk / raw)).toFixed(3));
      const nowait = Latencies.of(micros.map((each) => each / 1000));
      const sdkCpuMicros = rounded(medianOf(cpu.sdk));
      const rates = { sdkPerSecond, rawPerSecond, ratio, sdkCpuMicros };
      const rawCpuMicros = rounded(medianOf(cpu.raw));
      figures.push({ language, client, ...rates, rawCpuMicros, goal, nowait, rounds });
    }
    return {
      ...headOf(plan, loadBefore),
      figures,
      leavesOut: LEAVES_OUT,
    };
  } finally {
    await stop();
  }
}

/** The report in lines. */
export function sdkLines({ figures }: SdkReport): readonly string[] {
  return figures.map(
    ({ language, client, sdkPerSecond, rawPerSecond, ratio, goal, nowait }) =>
      `${language.padEnd(10)} ${sdkPerSecond} events/s, ${client} ${rawPerSecond} records/s of the same bytes: ` +
      `${ratio} of it (goal ${goal}); emit.nowait p50 ${Math.round(nowait.p50 * 1000)} µs, p99 ${Math.round(nowait.p99 * 1000)} µs`,
  );
}

async function runLoad(program: string, file: string, load: Load): Promise<LoadResult> {
  const client = platformaticClient({ brokers: [load.broker], clientId: 'bench' });
  const admin = client.admin();
  const topics = [`${load.prefix}orders`, `${load.prefix}orders.sent`];
  try {
    for (const name of topics)
      await admin.createTopic({
        name,
        partitions: PARTITIONS,
        replicationFactor: 1,
        configs: {},
      });
    const env = { ...process.env, PYTHONPATH: join(ROOT, 'sdk', 'python', 'src') };
    const options = { cwd: ROOT, env, timeout: LOAD_MS, maxBuffer: 1e8 };
    const running = promisify(execFile)(program, [file, JSON.stringify(load)], options);
    holdChild(running.child);
    const { stdout } = await running;
    const result = JSON.parse(stdout) as LoadResult;
    const offsets = await admin.offsets(topics[0] ?? '');
    const there = offsets.reduce((sum, { start, end }) => sum + end - start, 0);
    if (there === result.sent) return result;
    throw new VoidRunError(`${file} sent ${result.sent} records, and ${there} are on the topic.`);
  } finally {
    await admin.deleteTopics(topics);
    await admin.close();
  }
}

async function serversOf(plan: SdkPlan, tell: (line: string) => void) {
  const { KAFKA_BROKERS = '', SCHEMA_REGISTRY_URL = '' } = process.env;
  if (plan.given)
    return { broker: KAFKA_BROKERS, registry: SCHEMA_REGISTRY_URL, stop: async () => undefined };
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const processes = new Processes(folder);
  const stop = (): Promise<void> => processes.stop();
  try {
    const [kafka = 0, registry = 0] = await freePorts(2);
    tell('starting servers of the benchmark’s own');
    const parts = serverParts({ kafka, registry, postgres: 0, redis: 0 }, folder);
    await allOf([parts.kafka, parts.registry].map((part) => processes.begin(part)));
    const broker = addressOf('kafka', kafka);
    return { broker, registry: addressOf('registry', registry), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const [low = 0, high = 0] = [Math.floor, Math.ceil].map(
    (round) => sorted[round((sorted.length - 1) / 2)],
  );
  return (low + high) / 2;
}
