import type { Machine } from '../latency/machine.ts';
import { type ChainReport, flatOutRows, FLOOR, latencyRows, shapeText } from './report.ts';

/** The README's table of a run of the chain, as Markdown. */
export function chainTable(report: ChainReport): string {
  const { plan, systems } = report;
  const rows = latencyRows(report);
  const flat = flatOutRows(report);
  const floor = flat.find(({ system }) => system === FLOOR);
  const cells = systems.map(({ name }) => {
    const latencies = plan.rates.map((rate) => {
      const row = rows.find((each) => each.system === name && each.rate === rate);
      return row === undefined ? '–' : `${row.p50.toFixed(1)} / ${row.p99.toFixed(1)}`;
    });
    const own = flat.find(({ system }) => system === name);
    const share = own && floor ? (own.inputsPerSecond / floor.inputsPerSecond).toFixed(2) : '–';
    const cost = own ? String(Math.round(own.cpuMsPerThousand)) : '–';
    return [name, ...latencies, String(own?.inputsPerSecond ?? '–'), share, cost];
  });
  const head = [
    'p50 / p99, ms',
    ...plan.rates.map((rate) => `${rate}/s`),
    'flat out, inputs/s',
    '÷ raw client',
    'CPU ms / 1,000',
  ];
  return [
    ...markdownTable(head, cells),
    '',
    ...systems.map(({ name, what }) => `- \`${name}\`: ${what}`),
    '',
    `${shapeText(plan.shape)}; medians of ${plan.rounds} interleaved rounds of ${plan.secondsPerPhase} s. ${madeOn(report)}`,
  ].join('\n');
}

/** Where and of what a result is, as the line under its table. */
export function madeOn(report: {
  readonly machine: Machine;
  readonly at: string;
  readonly commit: string;
}): string {
  const { machine, at, commit } = report;
  return (
    `${machine.cores} cores of ${machine.cpu}, shared by load, systems and broker; load average ` +
    `${machine.loadBefore} before; ${at.slice(0, 10)}, commit ${commit}.`
  );
}

/** Shape: lines of Markdown. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
