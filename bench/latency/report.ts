import type { Hops } from './hops.ts';
import type { RunHead } from './machine.ts';
import type { Load } from './phase.ts';
import type { Percentiles } from './summary.ts';
import { ALL_OTHERS, type ProcessCost } from '../processes.ts';

/** One of the interleaved phases by itself. */
export interface Round extends Percentiles {
  readonly what: 'intakeToPlan' | 'twin';
  readonly costs: Readonly<Record<string, ProcessCost>>;
}

/** Shape of bench/results/latency.json. Units: ms, MiB; from when an intent was due. */
export interface LatencyReport extends RunHead<Load & Readonly<Record<string, string | number>>> {
  readonly postToPlan: Percentiles;
  readonly postToAnswer: Percentiles;
  readonly intakeToPlan: Percentiles;
  readonly twin: Percentiles;
  /** plan.created → a read model that names the plan; only where the coordinator took part. */
  readonly project?: Percentiles;
  readonly rounds: readonly Round[];
  /** Of the HTTP phase, as are the next two. */
  readonly hops: Hops;
  /** How late the load was sent; counted in what is measured. */
  readonly lateness: Percentiles;
  readonly costs: Readonly<Record<string, ProcessCost>>;
  readonly leavesOut: readonly string[];
}

/** What the budget is about. Source: B-100. */
export const MEDIAN_BUDGET_MS = 50;

/** Whether POST → plan.created keeps its budget. */
export function keepsBudget({ postToPlan }: Pick<LatencyReport, 'postToPlan'>): boolean {
  return postToPlan.p50 < MEDIAN_BUDGET_MS;
}

type Shown = 'p50' | 'p90' | 'p95' | 'p99' | 'max';
const SHOWN: readonly Shown[] = ['p50', 'p90', 'p95', 'p99', 'max'];
const NAME = 44;
const NUMBER = 9;

const SERIES: readonly (readonly [
  keyof LatencyReport & ('postToPlan' | 'postToAnswer' | 'intakeToPlan' | 'twin'),
  string,
])[] = [
  ['postToPlan', 'POST → plan.created'],
  ['postToAnswer', 'POST → 202'],
  ['intakeToPlan', 'intake → plan.created without HTTP'],
  ['twin', 'raw-client twin: no state, no journal'],
];

/** The README's table, as Markdown. */
export function table(report: LatencyReport): string {
  const { machine, plan, versions, commit, at, costs } = report;
  const machineMs = (machine.cores * plan.count * 1000) / plan.rate;
  return [
    `| ms | ${SHOWN.join(' | ')} |`,
    `|---|${SHOWN.map(() => '---').join('|')}|`,
    ...SERIES.map(([key, name]) => `| ${name} | ${numbers(report[key]).join(' | ')} |`),
    `| without HTTP ÷ twin | ${ratios(report).join(' | ')} |`,
    '',
    `${plan.rate} intents/s, ${plan.count} of each kind after ${plan.warmUp} to warm up. ${machine.cores} cores of ` +
      `${machine.cpu}, shared by the load, the apps and the broker; other work of the machine took ${shareOf(costs[ALL_OTHERS], machineMs)}, its ` +
      `load average was ${machine.loadBefore} before and ${machine.loadAfter} after. ` +
      `Node ${versions['node']}, Kafka ${versions['kafka']}; ${at.slice(0, 10)}, commit ${commit}.`,
  ].join('\n');
}

/** Where the kernel counts less for the machine than for these processes together, nothing is known of the others. */
function shareOf(cost: ProcessCost | undefined, machineMs: number): string {
  if (cost === undefined || cost.cpuMs < 0) return 'an unknown share';
  return `${Math.round((100 * cost.cpuMs) / machineMs)} % of them`;
}

/** What is printed at the end of a run. */
export function lines(report: LatencyReport): string[] {
  const { hops, costs, lateness, leavesOut } = report;
  return [
    row('ms', SHOWN),
    ...SERIES.map(([key, name]) => row(name, numbers(report[key]))),
    row('without HTTP ÷ twin', ratios(report)),
    '',
    `Where the mean of POST → plan.created goes, ${hops.totalMs} ms:`,
    ...hops.parts.map(({ name, ms, how }) => `${row(`  ${name}`, [ms])}   ${how}`),
    `  The gateway's request to the broker takes ${hops.gatewayPublishMs} ms of accept. A hop below 0 began before the`,
    `  one above had ended: a record can be read before its acknowledgement is.`,
    '',
    `Each process, over the ${report.plan.count} POSTs:`,
    ...Object.entries(costs).map(([name, { cpuMs, rssMiB }]) =>
      row(`  ${name}`, [`${cpuMs} ms`, `${rssMiB} MiB`]),
    ),
    '',
    ...report.rounds.map((each) => row(`${each.what}, a round`, numbers(each))),
    row('lateness of the load (counted above)', numbers(lateness)),
    '',
    'Left out:',
    ...leavesOut.map((each) => `- ${each}`),
  ];
}

function numbers(percentiles: Percentiles): readonly string[] {
  return SHOWN.map((each) => percentiles[each].toFixed(2));
}

function ratios({ intakeToPlan, twin }: LatencyReport): readonly string[] {
  return SHOWN.map((each) => (intakeToPlan[each] / twin[each]).toFixed(2));
}

function row(name: string, cells: readonly (string | number)[]): string {
  const right = cells.map((cell) => String(cell).padStart(NUMBER));
  return [name.padEnd(NAME), ...right].join(' ');
}
