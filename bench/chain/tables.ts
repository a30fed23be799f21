import { type ChainReport, flatOutRows, FLOOR, latencyRows, shapeText } from './report.ts';

/** The README's table of a run of the chain, as Markdown. */
export function chainTable(report: ChainReport): string {
  const { plan, machine, commit, at, systems } = report;
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
  const line = (each: readonly string[]): string => `| ${each.join(' | ')} |`;
  return [
    line(head),
    line(head.map(() => '---')),
    ...cells.map(line),
    '',
    ...systems.map(({ name, what }) => `- \`${name}\`: ${what}`),
    '',
    `${shapeText(plan.shape)}; medians of ${plan.rounds} interleaved rounds of ${plan.secondsPerPhase} s. ${machine.cores} cores of ` +
      `${machine.cpu}, shared by load, systems and broker; load average ${machine.loadBefore} before; ${at.slice(0, 10)}, commit ${commit}.`,
  ].join('\n');
}
