import { setTimeout as pause } from 'node:timers/promises';
import { sendAtRate, sendFlatOut } from '../chain/load.ts';
import { medianOf } from '../chain/report.ts';
import { madeOn, markdownTable } from '../chain/tables.ts';
import { type ChainStand, memberName, startStand } from '../chain/system.ts';
import { type ChainSystem, SYSTEMS } from '../chain/systems.ts';
import type { Shape } from '../chain/work.ts';
import type { Figures } from '../goals.ts';
import { headOf, loadAverage, type RunHead } from '../latency/machine.ts';

export interface MemoryPlan {
  readonly keys: number;
  /** Of a record; its note, which the state of its key keeps, is some 150 bytes shorter. */
  readonly valueBytes: number;
  /** Inputs a second, while memory is looked at. */
  readonly rate: number;
  readonly seconds: number;
}

/** Units: MiB; seconds from when the load began. */
export interface MemorySample {
  readonly second: number;
  readonly anonMiB: number;
  readonly rssMiB: number;
}

/** Shape of the result files of memory. */
export interface MemoryReport extends RunHead<MemoryPlan> {
  readonly samples: readonly MemorySample[];
}

const AHEAD = 10_000;
const LOOK_EVERY_S = 2;

/**
 * A worker with a state for each of many keys, under load: what its memory is, and whether it grows.
 *
 * Throws: VoidRunError when an output is lost, doubled or out of order; PartError.
 */
export async function runMemory(
  plan: MemoryPlan,
  tell: (line: string) => void,
): Promise<MemoryReport> {
  const loadBefore = loadAverage();
  const stand = await startStand(tell);
  const { keys, valueBytes, rate, seconds } = plan;
  const shape: Shape = { valueBytes, keys, hot: false, partitions: 4, work: 'keep' };
  try {
    const lane = await stand.lane('memory.', shape);
    await stand.launch(SYSTEMS['millrace'] as ChainSystem, lane);
    tell(`${keys} keys get their state`);
    await sendFlatOut(lane, { count: keys, ahead: AHEAD });
    tell(`${rate} inputs a second for ${seconds} s`);
    const name = memberName(lane);
    const looks = look(stand, name, seconds);
    await sendAtRate(lane, { rate, count: rate * seconds });
    const samples = await looks;
    await stand.end(lane);
    await stand.check(lane);
    return {
      ...headOf(plan, loadBefore),
      samples,
    };
  } finally {
    await stand.stop();
  }
}

async function look(
  stand: ChainStand,
  name: string,
  seconds: number,
): Promise<readonly MemorySample[]> {
  const samples: MemorySample[] = [];
  for (let second = 0; second < seconds; second += LOOK_EVERY_S) {
    await pause(LOOK_EVERY_S * 1_000);
    const cost = (await stand.costs())[name];
    if (cost === undefined) continue;
    samples.push({ second, anonMiB: cost.anonMiB, rssMiB: cost.rssMiB });
  }
  return samples;
}

/** A tenth of the run at each of its ends: garbage that is not collected yet goes up and down between. */
export function memoryFigures({ samples }: Pick<MemoryReport, 'samples'>): Figures {
  const anon = samples.map(({ anonMiB }) => anonMiB);
  const tenth = Math.max(1, Math.floor(anon.length / 10));
  const [first, last] = [medianOf(anon.slice(0, tenth)), medianOf(anon.slice(-tenth))];
  return { anonMiB: Math.max(...anon), growth: last / Math.max(1, first), first, last };
}

/** The README's table of a run, as Markdown. */
export function memoryTable(report: MemoryReport): string {
  const { keys, valueBytes, rate, seconds } = report.plan;
  const figures = memoryFigures(report);
  const cell = (name: string): string => String(figures[name]);
  return [
    ...markdownTable(
      ['private memory, MiB', 'first tenth', 'last tenth', 'most'],
      [[`${keys} keys`, cell('first'), cell('last'), cell('anonMiB')]],
    ),
    '',
    `${valueBytes}-byte records, ${rate} inputs/s for ${seconds} s. ${madeOn(report)}`,
  ].join('\n');
}
