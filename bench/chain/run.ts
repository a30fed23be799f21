import { headOf, loadAverage } from '../latency/machine.ts';
import { Latencies, rounded } from '../latency/summary.ts';
import { ALL_OTHERS, type ProcessCost } from '../processes.ts';
import { sendAtRate, sendFlatOut, warmUp } from './load.ts';
import type { ChainCost, ChainReport, FlatOut, LatencyPhase, SystemAbout } from './report.ts';
import { type ChainStand, type Lane, memberName, startStand } from './system.ts';
import { type ChainSystem, SYSTEMS, VARIED, whyNot } from './systems.ts';
import { type Variant, variantOf } from './variants.ts';
import type { Shape, Work } from './work.ts';

export interface ChainPlan {
  /** Names of SYSTEMS. */
  readonly systems: readonly string[];
  /** Further systems, in turn with those. Default: none. */
  readonly variants?: readonly Variant[];
  /** Inputs a second of each latency phase. */
  readonly rates: readonly number[];
  readonly secondsPerPhase: number;
  readonly rounds: number;
  /** Inputs before anything is timed. */
  readonly warmUp: number;
  /** Every key has its state before anything is timed. Default: false. */
  readonly fill?: boolean;
  /** Inputs of the part in which a system has always more to do; 0: no such part. */
  readonly flatOut: number;
  readonly shape: Shape;
}

/** What of it is not counted: a system starts, joins its group, and is compiled meanwhile. */
const FLAT_OUT_WARM_UP = 0.25;
/** Inputs in front of a system that runs flat out. */
const AHEAD = 10_000;
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
  const { running, leftOut } = systemsOf(plan.systems, plan.shape.work, plan.variants);
  for (const reason of leftOut) tell(reason);
  const stand = await startStand(tell);
  try {
    const flatOut: FlatOut[] = [];
    if (plan.flatOut > 0)
      for (let round = 1; round <= plan.rounds; round++)
        for (const system of running) {
          tell(`${system.name}: ${plan.flatOut} inputs flat out, round ${round}`);
          flatOut.push(await runFlatOut(stand, system, plan, round));
        }
    const latency = plan.rates.length === 0 ? [] : await runLatencies(stand, running, plan, tell);
    return {
      ...headOf(plan, loadBefore),
      systems: running.map(aboutOf),
      leftOut: leftOut.length,
      latency,
      flatOut,
      leavesOut: [...LEAVES_OUT, ...leftOut],
    };
  } finally {
    await stand.stop();
  }
}

/** What a result says of a system. */
export function aboutOf({ name, what, versions: own, settings }: ChainSystem): SystemAbout {
  return { name, what, versions: own, settings };
}

/** Those of the names, and variants, that can do the work here, and why the others cannot. */
export function systemsOf(
  names: readonly string[],
  work: Work,
  variants: readonly Variant[] = [],
): { readonly running: readonly ChainSystem[]; readonly leftOut: readonly string[] } {
  const named = names.map((name) => SYSTEMS[name] as ChainSystem);
  const asked = [...named, ...variants.map((variant) => variantOf(VARIED, variant))];
  return {
    running: asked.filter((system) => whyNot(system, work) === null),
    leftOut: asked.flatMap((system) => {
      const reason = whyNot(system, work);
      return reason === null ? [] : [`${system.name} did not run: ${reason}`];
    }),
  };
}

/**
 * As many inputs as it takes. The rate is that of the last three quarters by the broker's clock, since whoever reads may lag
 * behind; the cost is that of the whole run, the start included.
 */
async function runFlatOut(
  stand: ChainStand,
  system: ChainSystem,
  plan: ChainPlan,
  round: number,
): Promise<FlatOut> {
  const lane = await stand.lane(`flat${round}-${system.name}.`, plan.shape);
  try {
    const before = await stand.costs();
    const startedAt = performance.now();
    await stand.launch(system, lane);
    const filled = await fill(lane, plan);
    const filledCosts = filled === 0 ? before : await stand.costs();
    await sendFlatOut(lane, { count: plan.flatOut, ahead: AHEAD });
    const after = await stand.costs();
    await stand.end(lane);
    const appendedAt = (await stand.check(lane)).appendedAt.slice(filled);
    const skipped = Math.ceil(plan.flatOut * FLAT_OUT_WARM_UP);
    const seconds = ((appendedAt.at(-1) ?? 0) - (appendedAt[skipped] ?? 0)) / 1000;
    return {
      system: system.name,
      round,
      inputsPerSecond: Math.round((plan.flatOut - skipped) / Math.max(seconds, 0.001)),
      startMs: Math.round(lane.tail.reachedAt(1) - startedAt),
      ...costOf(filledCosts, after, memberName(lane), plan.flatOut),
    };
  } finally {
    await stand.close(lane);
  }
}

/** Gives every key its state, where that is asked for. Resolves with how many inputs that took. */
async function fill(lane: Lane, { fill: isWanted = false, shape }: ChainPlan): Promise<number> {
  if (!isWanted) return 0;
  await sendFlatOut(lane, { count: shape.keys, ahead: AHEAD });
  return shape.keys;
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
    await fill(lane, plan);
    tell(`${system.name}: ${plan.warmUp} inputs to warm up`);
    await warmUp(lane, plan.warmUp);
  }
  const phases: LatencyPhase[] = [];
  for (let round = 1; round <= plan.rounds; round++)
    for (const rate of plan.rates)
      for (const { system, lane } of lanes) {
        tell(`${system.name}: ${rate}/s for ${plan.secondsPerPhase} s, round ${round}`);
        phases.push(await runPhase(stand, system, lane, { rate, round, plan }));
      }
  for (const { lane } of lanes) {
    await stand.end(lane);
    await stand.check(lane);
    await stand.close(lane);
  }
  return phases;
}

/** One system, warmed up, at one rate. Throws: VoidRunError. */
export async function runPhase(
  stand: ChainStand,
  system: ChainSystem,
  lane: Lane,
  about: {
    readonly rate: number;
    readonly round: number;
    readonly plan: Pick<ChainPlan, 'secondsPerPhase'>;
  },
): Promise<LatencyPhase> {
  const { rate, round, plan } = about;
  const count = Math.ceil(rate * plan.secondsPerPhase);
  const before = await stand.costs();
  const timed = await sendAtRate(lane, { rate, count });
  const after = await stand.costs();
  const latencies = Latencies.from(timed.map(({ dueAt, readAt }) => readAt - dueAt));
  return {
    system: system.name,
    rate,
    round,
    ...latencies.percentiles,
    curve: latencies.curve,
    lateMsP99: Latencies.of(timed.map(({ dueAt, sentAt }) => sentAt - dueAt)).p99,
    ...costOf(before, after, memberName(lane), count),
  };
}

type Costs = Awaited<ReturnType<ChainStand['costs']>>;

function costOf(before: Costs, after: Costs, process: string, inputs: number): ChainCost {
  const spent = (name: string): number => (after[name]?.cpuMs ?? 0) - (before[name]?.cpuMs ?? 0);
  const perThousand = (cpuMs: number): number => rounded((cpuMs * 1000) / Math.max(1, inputs));
  const names = Object.keys(after).filter((name) => spent(name) !== 0);
  return {
    cpuMsPerThousand: perThousand(spent(process)),
    brokerCpuMsPerThousand: perThousand(spent('kafka')),
    otherCpuMs: Math.round(spent(ALL_OTHERS)),
    rssMiB: after[process]?.rssMiB ?? 0,
    processes: Object.fromEntries(
      names.map((name) => [
        name,
        { ...(after[name] as ProcessCost), cpuMs: Math.round(spent(name)) },
      ]),
    ),
  };
}
