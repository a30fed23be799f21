import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { medianOf, FLOOR, type ChainReport } from './chain/report.ts';
import { type Shape } from './chain/work.ts';
import { VoidRunError } from './latency/audit.ts';

/** What a raw client took on a machine that was well. */
export interface TwinBaseline {
  readonly at: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  /** p50 of the raw client, ms, by rate. */
  readonly twinP50: Readonly<Record<string, number>>;
}

/** How this system stood beside the raw client when it was last said to be well. */
export interface Baseline extends TwinBaseline {
  readonly shape: Shape;
  /** Ours ÷ the raw client's, by rate. */
  readonly p50: Readonly<Record<string, number>>;
  readonly p99: Readonly<Record<string, number>>;
  readonly flatOut: number;
  /** Of the raw client that stands beside POST → plan.created. */
  readonly latency?: TwinBaseline;
}

/** A ratio that is this much worse than the baseline's fails. */
const MOST_LATENCY = 1.2;
const LEAST_THROUGHPUT = 0.85;
/** A raw client this much slower than it was says that the machine is, and nothing of this system. */
const MOST_TWIN = 2;
const OURS = 'millrace';

export const BASELINE_FILE = join(import.meta.dirname, 'baseline.json');

/** Throws: VoidRunError when none was written yet. */
export function readBaseline(): Baseline {
  if (!existsSync(BASELINE_FILE))
    throw new VoidRunError(
      'There is no bench/baseline.json: write one on a quiet machine with npm run bench -- gate --write.',
    );
  return JSON.parse(readFileSync(BASELINE_FILE, 'utf8')) as Baseline;
}

/** Keeps what is not said anew: a run of one benchmark says nothing of another's raw client. */
export function writeBaseline(said: Partial<Baseline>): void {
  const kept = existsSync(BASELINE_FILE) ? readBaseline() : {};
  writeFileSync(BASELINE_FILE, `${JSON.stringify({ ...kept, ...said }, null, 2)}\n`);
}

type Measured = Pick<ChainReport, 'latency' | 'flatOut' | 'machine' | 'at' | 'commit' | 'plan'>;

/** Medians, over the rounds, of each round's ratio: what disturbs a round disturbs both sides of it. */
export function baselineOf(report: Measured): Baseline {
  const { at, commit, machine, latency, flatOut, plan } = report;
  const rates = [...new Set(latency.map(({ rate }) => rate))];
  const phases = (system: string, rate: number) =>
    latency.filter((each) => each.system === system && each.rate === rate);
  const ratios = (percentile: 'p50' | 'p99', rate: number): number =>
    ratio(
      phases(OURS, rate).map((each) => [each.round, each[percentile]]),
      phases(FLOOR, rate).map((each) => [each.round, each[percentile]]),
    );
  const byRate = (of: (rate: number) => number): Record<string, number> =>
    Object.fromEntries(rates.map((rate) => [String(rate), of(rate)]));
  const flat = (system: string) =>
    flatOut
      .filter((each) => each.system === system)
      .map((each) => [each.round, each.inputsPerSecond] as const);
  return {
    ...{ at, commit, cpu: machine.cpu, cores: machine.cores, shape: plan.shape },
    twinP50: byRate((rate) => medianOf(phases(FLOOR, rate).map(({ p50 }) => p50))),
    p50: byRate((rate) => ratios('p50', rate)),
    p99: byRate((rate) => ratios('p99', rate)),
    flatOut: ratio(flat(OURS), flat(FLOOR)),
  };
}

type ByRound = readonly (readonly [round: number, value: number])[];

function ratio(own: ByRound, floor: ByRound): number {
  const of = new Map(floor);
  const ratios = own.map(([round, value]) => value / (of.get(round) ?? Number.NaN));
  return medianOf(ratios.filter(Number.isFinite));
}

/** What got worse than the gate lets through; empty: nothing. */
export function regressions(baseline: Baseline, now: Baseline): readonly string[] {
  const found: string[] = [];
  for (const percentile of ['p50', 'p99'] as const)
    for (const [rate, before] of Object.entries(baseline[percentile])) {
      const after = now[percentile][rate];
      if (after === undefined || after <= before * MOST_LATENCY) continue;
      found.push(`${percentile} at ${rate}/s: ${after} of the raw client’s, was ${before}`);
    }
  if (now.flatOut < baseline.flatOut * LEAST_THROUGHPUT)
    found.push(`flat out: ${now.flatOut} of the raw client’s, was ${baseline.flatOut}`);
  return found;
}

/** Whether the machine and the work are those that the baseline can say anything of. */
export function isComparable(baseline: Baseline, now: Baseline): boolean {
  return (
    baseline.cpu === now.cpu &&
    baseline.cores === now.cores &&
    isDeepStrictEqual(baseline.shape, now.shape)
  );
}

/**
 * Any run with the raw client in it: void where that is slow. Without a baseline it says nothing.
 *
 * Throws: VoidRunError.
 */
export function voidWhereMachineIsSlow(report: Measured): void {
  if (existsSync(BASELINE_FILE)) voidWhereSlow(readBaseline(), baselineOf(report));
}

/**
 * A run on a machine that was busy is no run. Only rates that both have are looked at, and only on the baseline's own kind of
 * machine and work.
 *
 * Throws: VoidRunError.
 */
export function voidWhereSlow(baseline: Baseline, now: Baseline): void {
  if (isComparable(baseline, now)) voidWhereTwinIsSlow(baseline, now);
}

/**
 * The same of raw clients that did the same work. Another processor than the baseline's voids nothing.
 *
 * Throws: VoidRunError.
 */
export function voidWhereTwinIsSlow(
  baseline: TwinBaseline,
  now: Pick<TwinBaseline, 'cpu' | 'cores' | 'twinP50'>,
): void {
  if (baseline.cpu !== now.cpu || baseline.cores !== now.cores) return;
  for (const [rate, p50] of Object.entries(now.twinP50)) {
    const before = baseline.twinP50[rate];
    if (before !== undefined && p50 > before * MOST_TWIN)
      throw new VoidRunError(
        `The raw client takes ${p50} ms at ${rate}/s and took ${before} in the baseline: the machine is busy, the run is void.`,
      );
  }
}
