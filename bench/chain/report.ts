import type { Machine } from '../latency/machine.ts';
import { type Percentiles, rounded } from '../latency/summary.ts';
import type { ProcessCost } from '../processes.ts';
import type { ChainPlan } from './run.ts';
import type { Shape, Work } from './work.ts';

/** What a system took for its work. `other`: everything on the machine that is not of this run. */
export interface ChainCost {
  readonly cpuMsPerThousand: number;
  readonly brokerCpuMsPerThousand: number;
  readonly otherCpuMs: number;
  readonly rssMiB: number;
  /** CPU time and memory of every process that did something meanwhile, by name. */
  readonly processes: Readonly<Record<string, ProcessCost>>;
}

/** How a system was run. */
export interface SystemAbout {
  readonly name: string;
  readonly what: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string>>;
}

/** One system at one rate, in one round. Units: ms from when an input was due to its last output in hand. */
export interface LatencyPhase extends Percentiles, ChainCost {
  readonly system: string;
  readonly rate: number;
  readonly round: number;
  /** Shape: [percent, ms]. */
  readonly curve: readonly (readonly [number, number])[];
  /** How late the load itself was. */
  readonly lateMsP99: number;
}

/** As many inputs as a system takes. */
export interface FlatOut extends ChainCost {
  readonly system: string;
  readonly round: number;
  readonly inputsPerSecond: number;
  /** From the start of the process to the first last output in hand. */
  readonly startMs: number;
}

/** Shape of the result files of the chain. */
export interface ChainReport {
  readonly at: string;
  readonly commit: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly plan: ChainPlan;
  readonly systems: readonly SystemAbout[];
  /** Systems that were asked for and could not run; why is in `leavesOut`. */
  readonly leftOut: number;
  readonly latency: readonly LatencyPhase[];
  readonly flatOut: readonly FlatOut[];
  readonly leavesOut: readonly string[];
}

/** The system that ratios are taken to. */
export const FLOOR = 'twin';
const NAME = 34;
const NUMBER = 10;

/** Medians over the rounds, so that one disturbed round does not decide. */
export interface ChainRow extends Omit<ChainCost, 'processes'> {
  readonly system: string;
  readonly rate: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export function latencyRows({ latency }: Pick<ChainReport, 'latency'>): readonly ChainRow[] {
  const groups = Map.groupBy(latency, ({ system, rate }) => `${system}|${rate}`);
  return [...groups.values()].map((phases) => {
    const [first] = phases as [LatencyPhase];
    const median = (of: (phase: LatencyPhase) => number): number => medianOf(phases.map(of));
    return {
      system: first.system,
      rate: first.rate,
      p50: median(({ p50 }) => p50),
      p95: median(({ p95 }) => p95),
      p99: median(({ p99 }) => p99),
      max: median(({ max }) => max),
      cpuMsPerThousand: median(({ cpuMsPerThousand }) => cpuMsPerThousand),
      brokerCpuMsPerThousand: median(({ brokerCpuMsPerThousand }) => brokerCpuMsPerThousand),
      otherCpuMs: median(({ otherCpuMs }) => otherCpuMs),
      rssMiB: median(({ rssMiB }) => rssMiB),
    };
  });
}

export function flatOutRows({ flatOut }: Pick<ChainReport, 'flatOut'>) {
  const groups = Map.groupBy(flatOut, ({ system }) => system);
  return [...groups].map(([system, runs]) => ({
    system,
    inputsPerSecond: medianOf(runs.map((run) => run.inputsPerSecond)),
    cpuMsPerThousand: medianOf(runs.map((run) => run.cpuMsPerThousand)),
    brokerCpuMsPerThousand: medianOf(runs.map((run) => run.brokerCpuMsPerThousand)),
    rssMiB: medianOf(runs.map((run) => run.rssMiB)),
    startMs: medianOf(runs.map((run) => run.startMs)),
  }));
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = (sorted.length - 1) / 2;
  const [low = 0, high = 0] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  return rounded((low + high) / 2);
}

/** What is printed at the end of a run. */
export function chainLines(report: ChainReport): string[] {
  const { plan, systems, leavesOut } = report;
  return [
    `${shapeText(plan.shape)}; medians of ${plan.rounds} rounds.`,
    '',
    ...latencyLines(report),
    ...flatOutLines(report),
    'Systems:',
    ...systems.map(({ name, what }) => `- ${name}: ${what}`),
    '',
    'Left out:',
    ...leavesOut.map((each) => `- ${each}`),
  ];
}

/** The costs of a row, as both tables end. */
const COST = ['CPU/1000', 'broker', 'RSS MiB'] as const;

function costCells(row: Omit<ChainCost, 'processes' | 'otherCpuMs'>): readonly number[] {
  return [row.cpuMsPerThousand, row.brokerCpuMsPerThousand, row.rssMiB];
}

/** Empty: no rate was measured. */
function latencyLines(report: ChainReport): readonly string[] {
  const rows = latencyRows(report);
  if (rows.length === 0) return [];
  const floorAt = (rate: number) => rows.find((row) => row.system === FLOOR && row.rate === rate);
  return [
    line('latency, ms', ['p50', 'p95', 'p99', 'max', '÷ floor p50', ...COST]),
    ...rows
      .toSorted((left, right) => left.rate - right.rate)
      .map((row) => {
        const latencies = [row.p50, row.p95, row.p99, row.max].map((each) => each.toFixed(2));
        const share = times(row.p50, floorAt(row.rate)?.p50);
        return line(`  ${row.rate}/s ${row.system}`, [...latencies, share, ...costCells(row)]);
      }),
    '',
  ];
}

/** Empty: nothing ran flat out. */
function flatOutLines(report: ChainReport): readonly string[] {
  const rows = flatOutRows(report);
  if (rows.length === 0) return [];
  const floor = rows.find(({ system }) => system === FLOOR);
  return [
    line('flat out', ['inputs/s', 'start ms', '', '', '÷ floor', ...COST]),
    ...rows.map((row) => {
      const share = times(row.inputsPerSecond, floor?.inputsPerSecond);
      const cells = [row.inputsPerSecond, row.startMs, '', '', share, ...costCells(row)];
      return line(`  ${row.system}`, cells);
    }),
    '',
  ];
}

function times(value: number, of: number | undefined): string {
  return of === undefined || of === 0 ? '' : `${(value / of).toFixed(2)}×`;
}

const WORK_TEXT: Readonly<Record<Work, string>> = {
  chain: 'Chain of three steps',
  count: 'Count and emit',
  keep: 'Count, keep and emit',
  classes: 'Work of four classes',
};

/** The work in words. */
export function shapeText({ work, valueBytes, keys, hot, partitions }: Shape): string {
  const what = WORK_TEXT[work];
  const skew = hot ? ', every second of one key' : '';
  return `${what}, ${valueBytes}-byte records, ${keys} keys${skew}, ${partitions} partitions`;
}

function line(name: string, cells: readonly (string | number)[]): string {
  return [name.padEnd(NAME), ...cells.map((cell) => String(cell).padStart(NUMBER))].join(' ');
}
