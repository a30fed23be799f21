import { commit, loadAverage, machineWith, versions } from '../latency/machine.ts';
import { Latencies, rounded } from '../latency/summary.ts';
import { ALL_OTHERS } from '../processes.ts';
import { checkChain } from './check.ts';
import { sendAtRate, sendBacklog, untilRead } from './load.ts';
import type { ChainReport, FlatOut, LatencyPhase } from './report.ts';
import { type ChainStand, type Lane, startStand } from './system.ts';
import { type ChainSystem, SYSTEMS, whyNot } from './systems.ts';
import type { Shape } from './work.ts';

export interface ChainPlan {
  /** Names of SYSTEMS. */
  readonly systems: readonly string[];
  /** Inputs a second of each latency phase. */
  readonly rates: readonly number[];
  readonly secondsPerPhase: number;
  readonly rounds: number;
  /** Inputs before anything is timed. */
  readonly warmUp: number;
  /** Inputs that lie on the log when a system starts and handles them flat out; 0: no such part. */
  readonly backlog: number;
  readonly shape: Shape;
}

const WARM_UP_RATE = 400;
/** What of the backlog is not counted: a system starts, joins its group, and is compiled meanwhile. */
const BACKLOG_WARM_UP = 0.25;
const BUSY_LOAD = 1.5;

const LEAVES_OUT = [
  'more than one broker, replication, and a disk that is waited for: acks=all of one broker that does not flush',
  'the network: load, systems and servers share one machine',
  'schemas for the others: they pass on the same bytes, and do not decode them',
];

/**
 * Measures systems on the same work in one run, and checks the outputs of each before its figures count.
 *
 * Throws: VoidRunError; PartError.
 */
export async function runChain(
  plan: ChainPlan,
  tell: (line: string) => void,
): Promise<ChainReport> {
  const loadBefore = loadAverage();
  if (loadBefore > BUSY_LOAD) tell(`the machine is not quiet: load average ${loadBefore}`);
  const { running, leftOut } = systemsOf(plan);
  for (const reason of leftOut) tell(reason);
  const stand = await startStand(tell);
  try {
    const flatOut: FlatOut[] = [];
    if (plan.backlog > 0)
      for (let round = 1; round <= plan.rounds; round++)
        for (const system of running) {
          tell(`${system.name}: ${plan.backlog} inputs flat out, round ${round}`);
          flatOut.push(await runFlatOut(stand, system, plan, round));
        }
    const latency = plan.rates.length === 0 ? [] : await runLatencies(stand, running, plan, tell);
    return {
      at: new Date().toISOString(),
      commit: commit(),
      machine: machineWith(loadBefore),
      versions: versions(),
      plan,
      systems: running.map(({ name, what }) => ({ name, what })),
      latency,
      flatOut,
      leavesOut: [...LEAVES_OUT, ...leftOut],
    };
  } finally {
    await stand.stop();
  }
}

function systemsOf(plan: ChainPlan): {
  readonly running: readonly ChainSystem[];
  readonly leftOut: readonly string[];
} {
  const asked = plan.systems.map((name) => SYSTEMS[name] as ChainSystem);
  return {
    running: asked.filter((system) => whyNot(system) === null),
    leftOut: asked.flatMap((system) => {
      const reason = whyNot(system);
      return reason === null ? [] : [`${system.name} did not run: ${reason}`];
    }),
  };
}

/** A backlog lies there when the system starts; timed from when a quarter of it has come out. */
async function runFlatOut(
  stand: ChainStand,
  system: ChainSystem,
  plan: ChainPlan,
  round: number,
): Promise<FlatOut> {
  const lane = await stand.lane(`flat${round}-${system.name}.`, plan.shape);
  try {
    await sendBacklog(lane.producer, lane.maker, plan.backlog);
    const startedAt = performance.now();
    await stand.launch(system, lane);
    const skipped = Math.ceil(plan.backlog * BACKLOG_WARM_UP);
    await untilRead(lane.tail, skipped);
    const [before, from] = [await stand.costs(), lane.tail.count];
    await untilRead(lane.tail, plan.backlog);
    const after = await stand.costs();
    await checkChain(stand.kafka, lane.prefix, lane.maker.made);
    const seconds = (lane.tail.reachedAt(plan.backlog) - lane.tail.reachedAt(skipped)) / 1000;
    return {
      system: system.name,
      round,
      inputsPerSecond: Math.round((plan.backlog - skipped) / seconds),
      startMs: Math.round(lane.tail.reachedAt(1) - startedAt),
      ...costOf(before, after, lane.prefix, plan.backlog - from),
    };
  } finally {
    await stand.end(lane);
  }
}

async function runLatencies(
  stand: ChainStand,
  systems: readonly ChainSystem[],
  plan: ChainPlan,
  tell: (line: string) => void,
): Promise<readonly LatencyPhase[]> {
  const lanes: { readonly system: ChainSystem; readonly lane: Lane }[] = [];
  for (const system of systems) {
    const lane = await stand.lane(`${system.name}.`, plan.shape);
    lanes.push({ system, lane });
    await stand.launch(system, lane);
    tell(`${system.name}: ${plan.warmUp} inputs to warm up`);
    await sendAtRate(lane, { rate: WARM_UP_RATE, count: plan.warmUp });
  }
  const phases: LatencyPhase[] = [];
  for (let round = 1; round <= plan.rounds; round++)
    for (const rate of plan.rates)
      for (const { system, lane } of lanes) {
        tell(`${system.name}: ${rate}/s for ${plan.secondsPerPhase} s, round ${round}`);
        phases.push(await runPhase(stand, system, lane, { rate, round, plan }));
      }
  for (const { lane } of lanes) await checkChain(stand.kafka, lane.prefix, lane.maker.made);
  return phases;
}

async function runPhase(
  stand: ChainStand,
  system: ChainSystem,
  lane: Lane,
  about: { readonly rate: number; readonly round: number; readonly plan: ChainPlan },
): Promise<LatencyPhase> {
  const { rate, round, plan } = about;
  const count = Math.ceil(rate * plan.secondsPerPhase);
  const before = await stand.costs();
  const timed = await sendAtRate(lane, { rate, count });
  const after = await stand.costs();
  return {
    system: system.name,
    rate,
    round,
    ...Latencies.of(timed.map(({ dueAt, readAt }) => readAt - dueAt)),
    ...costOf(before, after, lane.prefix, count),
  };
}

type Costs = Awaited<ReturnType<ChainStand['costs']>>;

function costOf(before: Costs, after: Costs, process: string, inputs: number) {
  const spent = (name: string): number => (after[name]?.cpuMs ?? 0) - (before[name]?.cpuMs ?? 0);
  const perThousand = (cpuMs: number): number => rounded((cpuMs * 1000) / Math.max(1, inputs));
  return {
    cpuMsPerThousand: perThousand(spent(process)),
    brokerCpuMsPerThousand: perThousand(spent('kafka')),
    otherCpuMs: Math.round(spent(ALL_OTHERS)),
    rssMiB: after[process]?.rssMiB ?? 0,
  };
}
