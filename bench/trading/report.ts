import { madeOn, markdownTable } from '../chain/tables.ts';
import type { LatencyReport } from '../latency/report.ts';
import type { Percentiles } from '../latency/summary.ts';
import type { SwapsReport } from './swaps.ts';

/** Shape of bench/results/trading.json. */
export interface TradingReport {
  /** By rate, in the order in which they were measured. */
  readonly latencies: readonly (readonly [rate: number, report: LatencyReport])[];
  readonly swaps: SwapsReport;
}

type Row = readonly [name: string, ms: Percentiles];

const SHOWN = ['p50', 'p95', 'p99', 'max'] as const;
const NAME = 46;
const NUMBER = 9;

/** What is printed at the end of a run. */
export function tradingLines(report: TradingReport): readonly string[] {
  const line = (name: string, cells: readonly string[]): string =>
    [name.padEnd(NAME), ...cells.map((cell) => cell.padStart(NUMBER))].join(' ');
  return [
    line('ms', SHOWN),
    ...rowsOf(report).map(([name, percentiles]) => line(name, numbers(percentiles))),
  ];
}

/** The README's table, as Markdown. */
export function tradingTable(report: TradingReport): string {
  const { latencies, swaps } = report;
  const [, first] = latencies[0] ?? [];
  return [
    ...markdownTable(
      ['ms', ...SHOWN],
      rowsOf(report).map(([name, percentiles]) => [name, ...numbers(percentiles)]),
    ),
    '',
    `${latencies.map(([, { plan }]) => plan.count).join(' and ')} intents, and ${swaps.plan.count} swaps. ` +
      (first === undefined ? '' : madeOn(first)),
  ].join('\n');
}

function rowsOf({ latencies, swaps }: TradingReport): readonly Row[] {
  const { rate } = swaps.plan;
  return [
    ...latencies.flatMap(([each, { postToPlan, twin }]): Row[] => [
      [`${each}/s: POST → plan.created`, postToPlan],
      [`${each}/s: raw client, without HTTP`, twin],
    ]),
    [`${rate}/s: POST → exec.completed, on a chain`, swaps.postToCompleted],
    [`${rate}/s: the bare library, sign to receipt`, swaps.raw],
  ];
}

function numbers(percentiles: Percentiles): readonly string[] {
  return SHOWN.map((each) => percentiles[each].toFixed(2));
}
