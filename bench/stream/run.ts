import { VoidRunError } from '../latency/audit.ts';
import { headOf, loadAverage, type RunHead } from '../latency/machine.ts';
import { Latencies, type Percentiles } from '../latency/summary.ts';
import type { ProcessCost } from '../processes.ts';
import type { Reading } from './clients.ts';
import { Crowd } from './crowd.ts';
import { type LoadTarget, publishEvents, type Wanted } from './load.ts';

export interface StreamPlan {
  /** Clients of each side that are subscribed to what never comes. */
  readonly idle: number;
  /** Clients of each side that get frames, */
  readonly listening: number;
  /** so many in all. */
  readonly framesPerSecond: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

export type Side = 'gateway' | 'twin';

/** What is measured: a gateway and the raw server beside it, each on a topic of its own. */
export interface StreamSystem {
  readonly sides: Readonly<Record<Side, Omit<LoadTarget, 'listening'> & { readonly url: string }>>;
  costs(): Promise<Readonly<Record<string, ProcessCost>>>;
}

export interface StreamReport extends RunHead<StreamPlan> {
  /** Units: ms from when an event was due on its topic to its frame in the hands of a client. */
  readonly latency: Readonly<Record<Wanted, Readonly<Record<Side, Percentiles>>>>;
  /** Of the load's requests behind their time, which is counted above. Units: ms. */
  readonly lateness: Readonly<Record<Wanted, Readonly<Record<Side, Percentiles>>>>;
  /** Processor time of the server for a second of load; null where it is no process of its own. Units: ms. */
  readonly cpuMs: Readonly<Record<Wanted, Readonly<Record<Side, number | null>>>>;
  /** The most that was seen, with all clients connected; null as above. Units: MB. */
  readonly memoryMb: Readonly<Record<Side, number | null>>;
  readonly leavesOut: string;
}

const SIDES: readonly Side[] = ['gateway', 'twin'];
const WANTED: readonly Wanted[] = ['own', 'common'];
/** Of the last frame, after all were acknowledged. */
const ARRIVE_MS = 30_000;
const MB_PER_MIB = 1.048576;

const LEAVES_OUT =
  'Load, clients, broker and servers share one machine, so no network; clients come once and stay, and all of them read. No keys, no ' +
  'resuming. The twin decodes nothing, holds no position, and waits for nobody who reads slowly.';

/**
 * The stream under many clients, beside a consumer that hands records to bare sockets: frames for one client each, and frames for
 * all of those that listen.
 *
 * Throws: VoidRunError when a frame is missing, came twice, or went to somebody else.
 */
export async function runStream(
  plan: StreamPlan,
  system: StreamSystem,
  tell: (line: string) => void,
  /** How long the last frame may take. */
  arriveMs = ARRIVE_MS,
): Promise<StreamReport> {
  const loadBefore = loadAverage();
  const { idle, listening } = plan;
  const crowds: Partial<Record<Side, Crowd>> = {};
  const runs: Run[] = [];
  try {
    for (const side of SIDES) {
      tell(`${side}: ${idle} clients that wait, ${listening} that listen`);
      crowds[side] = await Crowd.gather({ url: system.sides[side].url, idle, listening });
    }
    for (const wanted of WANTED)
      for (const side of SIDES) {
        tell(
          `${side}: ${plan.framesPerSecond} frames/s, ${wanted === 'own' ? 'each for one' : 'each event for all'}`,
        );
        const on = { plan, system, crowd: crowds[side] as Crowd, wanted, side, arriveMs };
        await measure(plan.warmUpSeconds, on);
        runs.push(await measure(plan.seconds, on));
      }
  } finally {
    for (const crowd of Object.values(crowds)) await crowd.leave();
  }
  return {
    ...headOf(plan, loadBefore),
    latency: byWanted(runs, ({ latency }) => latency),
    lateness: byWanted(runs, ({ lateness }) => lateness),
    cpuMs: byWanted(runs, ({ cpuMs }) => cpuMs),
    memoryMb: {
      gateway: most(runs, 'gateway'),
      twin: most(runs, 'twin'),
    },
    leavesOut: LEAVES_OUT,
  };
}

interface Run {
  readonly side: Side;
  readonly wanted: Wanted;
  readonly latency: Percentiles;
  readonly lateness: Percentiles;
  readonly cpuMs: number | null;
  readonly memoryMb: number | null;
}

async function measure(
  seconds: number,
  on: {
    readonly plan: StreamPlan;
    readonly system: StreamSystem;
    readonly crowd: Crowd;
    readonly wanted: Wanted;
    readonly side: Side;
    readonly arriveMs: number;
  },
): Promise<Run> {
  const { plan, system, crowd, wanted, side, arriveMs } = on;
  const { framesPerSecond, listening } = plan;
  const before = (await system.costs())[side];
  const target = { ...system.sides[side], listening };
  const { events, latenessMs } = await publishEvents(target, { wanted, framesPerSecond, seconds });
  const readings = await crowd.take(wanted === 'own' ? events : events * listening, arriveMs);
  const after = (await system.costs())[side];
  refuseOthers(readings, { wanted, events, listening });
  return {
    side,
    wanted,
    latency: Latencies.of(readings.map(([, , tookMs]) => tookMs)),
    lateness: Latencies.of(latenessMs),
    cpuMs: before && after ? Math.round((after.cpuMs - before.cpuMs) / seconds) : null,
    memoryMb: after ? Math.round(after.rssMiB * MB_PER_MIB) : null,
  };
}

/** Each event came to whom it was for, once. */
function refuseOthers(
  readings: readonly Reading[],
  { wanted, events, listening }: { wanted: Wanted; events: number; listening: number },
): void {
  const wrong = readings.find(
    ([client, mark]) =>
      mark >= events || client >= listening || (wanted === 'own' && mark % listening !== client),
  );
  if (wrong !== undefined)
    throw new VoidRunError(`client ${wrong[0]} got event ${wrong[1]}, which is not its own.`);
  const different = new Set(readings.map(([client, mark]) => mark * listening + client));
  const due = wanted === 'own' ? events : events * listening;
  if (different.size !== due || readings.length !== due)
    throw new VoidRunError(
      `${readings.length} frames came, ${different.size} of them different; ${due} were due: the run is void.`,
    );
}

function byWanted<Value>(
  runs: readonly Run[],
  of: (run: Run) => Value,
): Readonly<Record<Wanted, Readonly<Record<Side, Value>>>> {
  const at = (wanted: Wanted, side: Side): Value =>
    of(runs.find((run) => run.wanted === wanted && run.side === side) as Run);
  const both = (wanted: Wanted) => ({ gateway: at(wanted, 'gateway'), twin: at(wanted, 'twin') });
  return { own: both('own'), common: both('common') };
}

function most(runs: readonly Run[], side: Side): number | null {
  const seen = runs.flatMap((run) => (run.side === side ? (run.memoryMb ?? []) : []));
  return seen.length === 0 ? null : Math.max(...seen);
}
