import type { LatencyReport } from './run.ts';
import type { Percentiles } from './summary.ts';

/** What the budget is about. Source: B-100. */
export const MEDIAN_BUDGET_MS = 50;

/** Whether POST → plan.created keeps its budget. */
export function keepsBudget(report: LatencyReport): boolean {
  return report.http.toPlan.p50 < MEDIAN_BUDGET_MS;
}

/** Of the rounds' percentiles: the median of two is their mean. */
export function middle(rounds: readonly { readonly fromDue: Percentiles }[]): Percentiles {
  const mean = (pick: (each: Percentiles) => number): number => {
    const sum = rounds.reduce((total, { fromDue }) => total + pick(fromDue), 0);
    return Math.round((sum / Math.max(1, rounds.length)) * 100) / 100;
  };
  return {
    count: rounds.reduce((total, { fromDue }) => total + fromDue.count, 0),
    p50: mean(({ p50 }) => p50),
    p90: mean(({ p90 }) => p90),
    p95: mean(({ p95 }) => p95),
    p99: mean(({ p99 }) => p99),
    max: mean(({ max }) => max),
  };
}

/** The README's table, as Markdown. */
export function table(report: LatencyReport): string {
  const direct = middle(report.direct.map(({ toPlan }) => ({ fromDue: toPlan })));
  const twin = middle(report.twin.map(({ toPlan }) => ({ fromDue: toPlan })));
  const rows: readonly (readonly [string, Percentiles])[] = [
    ['POST → plan.created', report.http.toPlan],
    ['POST → 202', report.http.toAnswer],
    ['event on the log → plan.created, no HTTP', direct],
    ['raw client, same hops, no state, no journal', twin],
  ];
  const ratio = (one: number, other: number): string => (one / other).toFixed(1);
  const { machine, load, commit, at } = report;
  return [
    `| ms at ${load.rate}/s | p50 | p95 | p99 | max |`,
    '|---|---|---|---|---|',
    ...rows.map(
      ([name, { p50, p95, p99, max }]) => `| ${name} | ${p50} | ${p95} | ${p99} | ${max} |`,
    ),
    '',
    `Over the raw client: ${ratio(direct.p50, twin.p50)} times at p50, ${ratio(direct.p99, twin.p99)} at p99. ` +
      `${load.count} intents a phase after ${load.warmUp} to warm up; ${machine.cores} cores shared with the load and the ` +
      `broker, load average ${machine.loadBefore} before the run; ${at.slice(0, 10)}, commit ${commit}.`,
  ].join('\n');
}

export function lines(report: LatencyReport): string[] {
  const hops = Object.entries(report.hops).map(
    ([hop, ms]) => `  ${hop.padEnd(28)} ${ms ?? '-'} ms`,
  );
  const costs = Object.entries(report.costs).map(
    ([name, { cpuMs, rssMiB }]) => `  ${name.padEnd(28)} ${cpuMs} ms CPU, ${rssMiB} MiB`,
  );
  const { p50, p99 } = report.http.fromAnswer;
  return [
    table(report),
    '',
    'Where the time goes, means over the HTTP phase:',
    ...hops,
    `  from 202 to plan.created     ${p50} ms at p50, ${p99} at p99 (fetch, handle, append, publish, read)`,
    '',
    'What it cost, HTTP phase:',
    ...costs,
    '',
    `Left out: ${report.leavesOut.join('; ')}.`,
  ];
}
