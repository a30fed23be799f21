import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { headOf, loadAverage, type RunHead } from '../latency/machine.ts';
import { rounded } from '../latency/summary.ts';
import { warmUp } from './load.ts';
import { type LatencyPhase, shapeText } from './report.ts';
import { runPhase } from './run.ts';
import { startStand } from './system.ts';
import { type ChainSystem, SYSTEMS } from './systems.ts';
import { madeOn, markdownTable } from './tables.ts';
import type { Shape } from './work.ts';

export interface ProfilePlan {
  /** Inputs a second. */
  readonly rate: number;
  readonly secondsPerPhase: number;
  readonly warmUp: number;
  readonly shape: Shape;
}

/** What a worker does with its time at one rate. Shares are of the time in which its main thread has work, and add up to 1. */
export interface ProfileReport extends RunHead<ProfilePlan> {
  readonly phase: LatencyPhase;
  /** Share of the phase in which the main thread has work. */
  readonly busy: number;
  readonly shares: Readonly<Record<Activity, number>>;
}

/** A V8 profile, as far as it is used. Source: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  /** µs. */
  readonly endTime: number;
  /** Ids of the nodes that were met, */
  readonly samples: readonly number[];
  /** and µs from each to the one before. */
  readonly timeDeltas: readonly number[];
}

const ACTIVITIES = {
  socket: 'handing bytes to sockets: one call of the system for each request',
  collect: 'looking for garbage',
  handle: 'dedupe, handlers, state, ids, and what becomes of an event in Avro',
  produce: 'making Produce requests of the journal and of outputs, and taking their answers',
  fetch: 'making Fetch requests, and records of their answers',
  store: 'what changed, into LMDB',
  metrics: 'metrics',
  task: 'the loop of a task around all that',
  library: 'the client library: connections, correlation, buffers',
  runtime: 'the runtime: streams, timers, promises',
  rest: 'anything else',
} as const;
export type Activity = keyof typeof ACTIVITIES;

/** By the nearest frame whose file one of them names. */
const BY_FILE: readonly (readonly [RegExp, Activity])[] = [
  [/\/node_modules\/(?:lmdb|msgpackr|ordered-binary)\/|\/kafka\/(?:lmdb-|store-keeper)/, 'store'],
  [/\/node_modules\/prom-client\/|\/apps\/.*(?:metrics|observer)/, 'metrics'],
  [/\/kafka\/platformatic\/(?:reader|fetch|record-decoder|lanes)|\/kafka\/source-/, 'fetch'],
  [/\/kafka\/platformatic\/(?:produc|record-batch)|\/kafka\/(?:publisher|journal-log)/, 'produce'],
  [/\/engine\/|\/avro\/|\/node_modules\/avsc\/|\/bench\/chain\//, 'handle'],
  [/\/kafka\//, 'task'],
  [/\/node_modules\/@platformatic\//, 'library'],
  [/^node:/, 'runtime'],
];

const SAMPLE_US = 500;
const SYSTEM = 'millrace';

/**
 * This system's worker on the chain at one rate, alone on its broker, under V8's sampling profiler.
 *
 * Throws: VoidRunError; PartError.
 */
export async function runProfile(
  plan: ProfilePlan,
  tell: (line: string) => void,
): Promise<ProfileReport> {
  const loadBefore = loadAverage();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-profile-'));
  const stand = await startStand(tell);
  try {
    const system = profiled(SYSTEMS[SYSTEM] as ChainSystem, folder);
    const lane = await stand.lane(`${SYSTEM}.`, plan.shape);
    await stand.launch(system, lane);
    tell(`${plan.warmUp} inputs to warm up`);
    await warmUp(lane, plan.warmUp);
    tell(`${plan.rate}/s for ${plan.secondsPerPhase} s`);
    const startedAt = performance.now();
    const phase = await runPhase(stand, system, lane, { rate: plan.rate, round: 1, plan });
    const phaseMs = performance.now() - startedAt;
    await stand.end(lane);
    const behindMs = performance.now() - startedAt - phaseMs;
    await stand.check(lane);
    await stand.close(lane);
    const window = { behindUs: behindMs * 1000, lengthUs: phaseMs * 1000 };
    return { ...headOf(plan, loadBefore), phase, ...sharesOf(await largest(folder), window) };
  } finally {
    await stand.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function profiled(system: ChainSystem, folder: string): ChainSystem {
  const flags = ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${SAMPLE_US}`];
  return {
    ...system,
    command: (where) => {
      const command = system.command(where);
      return { ...command, args: [...flags, ...command.args] };
    },
  };
}

/** Threads write profiles of their own; the one with the most samples is that of the main thread. */
async function largest(folder: string): Promise<CpuProfile> {
  const files = await readdir(folder);
  const profiles = await Promise.all(
    files.map(async (file) => JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile),
  );
  const [first] = profiles.sort((left, right) => right.samples.length - left.samples.length);
  if (first === undefined) throw new Error(`The worker left no profile in ${folder}.`);
  return first;
}

/** What a thread did in the window of `lengthUs` that ended `behindUs` before its profile. */
export function sharesOf(
  { nodes, endTime, samples, timeDeltas }: CpuProfile,
  { behindUs, lengthUs }: { readonly behindUs: number; readonly lengthUs: number },
): Pick<ProfileReport, 'busy' | 'shares'> {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((of) => [of, id])));
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const spent = new Map<Activity, number>();
  const until = endTime - behindUs;
  let at = endTime;
  for (let index = samples.length - 1; index >= 0; index--) {
    const us = timeDeltas[index] as number;
    const isWithin = at <= until && at > until - lengthUs;
    at -= us;
    const activity = isWithin ? activityOf(samples[index] as number, frames, parents) : null;
    if (activity !== null) spent.set(activity, (spent.get(activity) ?? 0) + us);
  }
  const busyUs = [...spent.values()].reduce((sum, us) => sum + us, 0);
  const shares = Object.fromEntries(
    (Object.keys(ACTIVITIES) as Activity[]).map((name) => [
      name,
      rounded((spent.get(name) ?? 0) / Math.max(1, busyUs)),
    ]),
  );
  return { busy: rounded(busyUs / lengthUs), shares: shares as Record<Activity, number> };
}

/** null: it had nothing to do. */
function activityOf(
  id: number,
  frames: ReadonlyMap<number, CpuProfile['nodes'][number]['callFrame']>,
  parents: ReadonlyMap<number, number>,
): Activity | null {
  const name = frames.get(id)?.functionName ?? '';
  if (name === '(idle)') return null;
  if (name === '(garbage collector)') return 'collect';
  if (/^write(?:Buffer|v|Utf8String|Latin1String)$/.test(name) && frames.get(id)?.url === '')
    return 'socket';
  for (let place: number | undefined = id; place !== undefined; place = parents.get(place)) {
    const url = frames.get(place)?.url ?? '';
    const found = BY_FILE.find(([file]) => file.test(url));
    if (found !== undefined) return found[1];
  }
  return 'rest';
}

/** The table of bench/README.md, as Markdown. */
export function profileTable(report: ProfileReport): string {
  const { plan, phase, busy, shares } = report;
  const names = (Object.keys(ACTIVITIES) as Activity[]).sort(
    (left, right) => shares[right] - shares[left],
  );
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
  return [
    ...markdownTable(
      ['what', 'of its busy time'],
      names.map((name) => [ACTIVITIES[name], percent(shares[name])]),
    ),
    '',
    `${shapeText(plan.shape)}; ${plan.rate}/s for ${plan.secondsPerPhase} s, this system alone. Its main thread had work for ` +
      `${percent(busy)} of the time, the process took ${Math.round(phase.cpuMsPerThousand)} ms of processor time for 1,000 inputs and the broker ` +
      `${Math.round(phase.brokerCpuMsPerThousand)}; p50 ${phase.p50.toFixed(1)} ms, with the profiler on. ${madeOn(report)}`,
  ].join('\n');
}
