import { existsSync } from 'node:fs';
import { BASELINE_FILE, readBaseline, type TwinBaseline, voidWhereTwinIsSlow } from '../gate.ts';
import type { LatencyReport } from './report.ts';

type Measured = Pick<LatencyReport, 'at' | 'commit' | 'machine' | 'plan' | 'twin'>;

/** What bench/baseline.json says of the raw client beside POST → plan.created; null: nothing. */
export function latencyBaseline(): TwinBaseline | null {
  return existsSync(BASELINE_FILE) ? (readBaseline().latency ?? null) : null;
}

/** A baseline with the raw client of a run; what it says of other rates stays, where it is of the same machine. */
export function latencyBaselineOf(report: Measured, before: TwinBaseline | null): TwinBaseline {
  const now = ofTwin(report);
  const isSame = before !== null && before.cpu === now.cpu && before.cores === now.cores;
  return isSame ? { ...now, twinP50: { ...before.twinP50, ...now.twinP50 } } : now;
}

/**
 * A run whose raw client takes more than twice its time in the baseline, at that rate and on that kind of machine, is none.
 *
 * Throws: VoidRunError.
 */
export function voidWhereLatencyIsSlow(report: Measured, baseline: TwinBaseline | null): void {
  if (baseline !== null) voidWhereTwinIsSlow(baseline, ofTwin(report));
}

function ofTwin({ at, commit, machine, plan, twin }: Measured): TwinBaseline {
  const { cpu, cores } = machine;
  return { at, commit, cpu, cores, twinP50: { [plan.rate]: twin.p50 } };
}
