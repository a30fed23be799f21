import { type Percentiles, rounded } from '../latency/summary.ts';
import type { Figures } from '../goals.ts';
import type { Side, StreamReport } from './run.ts';
import type { Wanted } from './load.ts';

const ROWS: readonly (readonly [name: string, wanted: Wanted, side: Side])[] = [
  ['gateway, each frame for one client', 'own', 'gateway'],
  ['raw server, the same', 'own', 'twin'],
  ['gateway, each event for all that listen', 'common', 'gateway'],
  ['raw server, the same', 'common', 'twin'],
];
const NAME = 42;

/** What goals are held to. */
export function streamFigures({ latency, memoryMb }: StreamReport): Figures {
  return {
    'own.p99': latency.own.gateway.p99,
    'common.p99': latency.common.gateway.p99,
    memoryMb: memoryMb.gateway,
  };
}

/** The report in lines. */
export function streamLines(report: StreamReport): readonly string[] {
  const cells = (values: readonly (string | number)[]): string =>
    values.map((value) => String(value).padStart(9)).join(' ');
  return [
    `${'ms from due on the topic to the client'.padEnd(NAME)} ${cells(['p50', 'p95', 'p99', 'max', 'CPU ms/s'])}`,
    ...ROWS.map(([name, wanted, side]) => {
      const { p50, p95, p99, max } = report.latency[wanted][side];
      const cpu = report.cpuMs[wanted][side] ?? '-';
      return `${name.padEnd(NAME)} ${cells([p50, p95, p99, max, cpu])}`;
    }),
    ...(['own', 'common'] as const).map((wanted) => {
      const { p50, p95, p99, max } = report.lateness[wanted].gateway;
      return `${`its load behind time, ${wanted === 'own' ? 'for one' : 'for all'}`.padEnd(NAME)} ${cells([p50, p95, p99, max])}`;
    }),
    `memory, with all clients connected: gateway ${shown(report.memoryMb.gateway)}, raw server ${shown(report.memoryMb.twin)}`,
  ];
}

/** The table of bench/README.md, with what it was measured on. */
export function streamTable(report: StreamReport): string {
  const { plan, machine, memoryMb } = report;
  const row = (name: string, { p50, p95, p99, max }: Percentiles, cpu: number | null): string =>
    `| ${[name, ...[p50, p95, p99, max].map((ms) => rounded(ms).toFixed(2)), cpu ?? '-'].join(' | ')} |`;
  return [
    '| ms | p50 | p95 | p99 | max | CPU, ms a second |',
    '|---|---|---|---|---|---|',
    ...ROWS.map(([name, wanted, side]) =>
      row(name, report.latency[wanted][side], report.cpuMs[wanted][side]),
    ),
    '',
    `${plan.listening} clients get ${plan.framesPerSecond} frames a second in all, for ${plan.seconds} s, beside ${plan.idle} that wait; ` +
      `memory: gateway ${shown(memoryMb.gateway)}, raw server ${shown(memoryMb.twin)}. ${machine.cores} cores of ${machine.cpu}, ` +
      `load ${machine.loadBefore} before and ${machine.loadAfter} after; ${report.at.slice(0, 10)}, ${report.commit}.`,
  ].join('\n');
}

function shown(memoryMb: number | null): string {
  return memoryMb === null ? 'not a process of its own' : `${memoryMb} MB`;
}
