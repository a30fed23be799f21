import type { Figures } from './goals.ts';
import type { LatencyReport } from './latency/report.ts';
import type { Percentiles } from './latency/summary.ts';
import type { PriorityReport } from './priority/run.ts';

/** Shape of the result files of budgets. */
export interface BudgetsReport {
  readonly latency: LatencyReport;
  readonly priority: PriorityReport;
}

/** What budgets are held against. A hop below 0 began before the one above had ended, and took nothing of its own. */
export function budgetFigures({ latency, priority }: BudgetsReport): Figures {
  const { hops, postToPlan, project } = latency;
  const ofHops = hops.parts.map(({ name, ms }) => [`hop.${name}`, Math.max(0, ms)] as const);
  const ofClasses = Object.entries(priority.classes).map(
    ([name, { max }]) => [`${name}.max`, priority.backlogLeft > 0 ? max : null] as const,
  );
  return {
    'preChain.p50': postToPlan.p50,
    'hop.append': hops.gatewayPublishMs,
    'hop.project': project?.mean ?? null,
    ...Object.fromEntries([...ofHops, ...ofClasses]),
  };
}

/** A line for each budget with its percentiles. */
export function budgetLines({ latency, priority }: BudgetsReport): readonly string[] {
  const line = (name: string, { p50, p95, p99, max }: Percentiles): string =>
    [name.padEnd(34), ...[p50, p95, p99, max].map((ms) => ms.toFixed(2).padStart(11))].join(' ');
  const head = ['ms'.padEnd(34), ...['p50', 'p95', 'p99', 'max'].map((each) => each.padStart(11))];
  const { low, normal } = priority.plan;
  return [
    head.join(' '),
    line('POST → plan.created', latency.postToPlan),
    ...(latency.project ? [line('plan.created → GET has the plan', latency.project)] : []),
    ...Object.entries(priority.classes).map(([name, each]) => line(name, each)),
    `${priority.backlogLeft} of ${low + normal} low and normal were left when the last critical came`,
  ];
}
