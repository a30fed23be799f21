import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { budgetFigures, type BudgetsReport } from '../../bench/budgets.ts';
import { chainFigures } from '../../bench/chain/figures.ts';
import type { ChainReport } from '../../bench/chain/report.ts';
import { chainTable } from '../../bench/chain/tables.ts';
import { PARTS } from '../../bench/full.ts';
import { type Baseline, baselineOf, regressions, voidWhereSlow } from '../../bench/gate.ts';
import { goalsOf, judge, verdictLines } from '../../bench/goals.ts';
import { comparisonSvg, percentilesSvg } from '../../bench/pictures.ts';
import { SYSTEMS } from '../../bench/chain/systems.ts';
import { ROOT } from '../../cli/stack/programs.ts';

const COST = {
  ...{ cpuMsPerThousand: 10, brokerCpuMsPerThousand: 2, otherCpuMs: 3, rssMiB: 4, processes: {} },
};
const phase = (system: string, rate: number, round: number, p50: number) => ({
  ...{ system, rate, round, p50, p99: 3 * p50, p90: p50, p95: p50, mean: p50, max: 4 * p50 },
  ...{
    count: 1,
    lateMsP99: 0,
    curve: [
      [50, p50],
      [99, 3 * p50],
    ] as const,
  },
  ...COST,
});
const flat = (system: string, round: number, inputsPerSecond: number) => ({
  ...{ system, round, inputsPerSecond, startMs: 1 },
  ...COST,
  cpuMsPerThousand: system === 'millrace' ? 10 : 20,
});
const report = {
  ...{ at: '2026-01-01T00:00:00Z', commit: 'abc', leavesOut: [], leftOut: 0, versions: {} },
  machine: { cpu: 'one', cores: 2, memoryGiB: 1, system: '', loadBefore: 0, loadAfter: 0 },
  plan: {
    ...{ systems: [], rates: [100], secondsPerPhase: 1, rounds: 3, warmUp: 1, flatOut: 1 },
    shape: { valueBytes: 250, keys: 10, hot: false, partitions: 4, work: 'chain' },
  },
  systems: ['millrace', 'twin', 'streams-eos-fast'].map((name) => ({
    ...{ name, what: `what ${name} is`, versions: {}, settings: {} },
  })),
  // The second round was disturbed, on both sides.
  latency: [
    ...[phase('millrace', 100, 1, 6), phase('millrace', 100, 2, 60), phase('millrace', 100, 3, 6)],
    ...[phase('twin', 100, 1, 4), phase('twin', 100, 2, 40), phase('twin', 100, 3, 4)],
    ...[phase('streams-eos-fast', 100, 1, 24)],
  ],
  flatOut: [
    flat('millrace', 1, 10_000),
    flat('twin', 1, 20_000),
    flat('streams-eos-fast', 1, 9_000),
  ],
} satisfies ChainReport;

describe('goals', () => {
  it('K-12 are missed by what is worse than they say, and by what was not measured', () => {
    const [first, second] = judge(
      [
        { name: 'a', of: 'a', is: 'at most', limit: 2, unit: 'ms' },
        { name: 'b', of: 'b', is: 'at least', limit: 2, unit: '×' },
      ],
      { a: 2.01, b: 2 },
    );
    expect([first?.isMet, second?.isMet]).toEqual([false, true]);
    expect(judge(goalsOf('memory'), {}).some(({ isMet }) => isMet)).toBe(false);
    expect(verdictLines(judge(goalsOf('memory'), {}))[0]).toMatch(/^MISSED .* not measured/);
  });

  it('K-12 of the chain find their figures in a run', () => {
    const figures = chainFigures(report);
    expect(figures).toMatchObject({
      'millrace.100.p50': 6,
      'millrace.flatRatio': 0.5,
      'streams.100.p50': 0.25,
      'streams.perCpu': 2,
      'twin.100.p50': 1.5,
      'twin.cpu': 0.5,
    });
    const missing = goalsOf('quick').filter(
      ({ of }) => !of.includes('1000') && (figures[of] ?? null) === null,
    );
    expect(missing).toEqual([]);
  });

  it('K-12 say which hop or class is over its budget', () => {
    const one = { count: 1, mean: 4, p50: 3, p90: 5, p95: 5, p99: 5, max: 1_500 };
    const measured = {
      latency: {
        postToPlan: one,
        project: one,
        hops: {
          parts: [
            { name: 'fetch', ms: -0.2 },
            { name: 'handle', ms: 99 },
          ],
          gatewayPublishMs: 1,
        },
      },
      priority: { classes: { critical: one, high: one, normal: one, low: one }, backlogLeft: 5 },
    } as unknown as BudgetsReport;
    const missed = judge(goalsOf('budgets'), budgetFigures(measured)).filter(({ isMet }) => !isMet);
    const measuredMissed = missed.filter(({ value }) => value !== null).map(({ of }) => of);
    expect(measuredMissed).toEqual(['critical.max', 'hop.handle']);
    const gone = { ...measured, priority: { ...measured.priority, backlogLeft: 0 } };
    expect(budgetFigures(gone)['critical.max']).toBeNull();
  });
});

describe('the gate', () => {
  const baseline = baselineOf(report);

  it('K-12 takes the median of each round’s ratio', () => {
    expect(baseline).toMatchObject({ p50: { 100: 1.5 }, flatOut: 0.5, twinP50: { 100: 4 } });
  });

  it('K-12 fails at a fifth more latency and 15 % less throughput, and not before', () => {
    const with_ = (more: Partial<Baseline>): Baseline => ({ ...baseline, ...more });
    expect(regressions(baseline, with_({ p50: { 100: 1.79 }, flatOut: 0.43 }))).toEqual([]);
    expect(regressions(baseline, with_({ p50: { 100: 1.81 } }))).toHaveLength(1);
    expect(regressions(baseline, with_({ flatOut: 0.42 }))).toHaveLength(1);
  });

  it('K-12 voids a run whose raw client is twice as slow, on the same kind of machine', () => {
    const slow = { ...baseline, twinP50: { 100: 8.1 } };
    expect(() => voidWhereSlow(baseline, slow)).toThrow('the machine is busy');
    expect(() => voidWhereSlow({ ...baseline, cpu: 'other' }, slow)).not.toThrow();
  });
});

describe('pictures and tables', () => {
  it('K-12 are made of the result, a curve and three bars a system', () => {
    const curves = percentilesSvg(report, 100);
    expect(curves.match(/<polyline/g)).toHaveLength(3);
    expect(curves).not.toContain('NaN');
    const bars = comparisonSvg(report, 100);
    expect(bars.match(/<rect x="178"/g)).toHaveLength(9);
    expect(bars).not.toContain('NaN');
    expect(chainTable(report)).toContain('| millrace | 6.0 / 18.0 | 10000 | 0.50 | 10 |');
  });
});

it('K-12 each peer that is fetched is known to what fetches it', () => {
  const setUp = join(ROOT, 'bench', 'peers', 'set-up.mjs');
  const { status, stderr } = spawnSync(process.execPath, [setUp, 'none'], { encoding: 'utf8' });
  expect(status).toBe(2);
  const known = stderr.trim().split('known are ')[1]?.replace('.', '').split(', ');
  const needed = Object.values(SYSTEMS).flatMap(({ needs }) => (needs ? [needs.peer] : []));
  expect([...new Set(needed)].sort()).toEqual(known?.sort());
});

it('K-12 the whole comparison names only systems that there are', () => {
  for (const { plan } of PARTS)
    for (const name of plan.systems) expect(Object.keys(SYSTEMS)).toContain(name);
});
