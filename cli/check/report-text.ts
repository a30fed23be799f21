import type { AnomalyReport } from '../../testing/anomaly-checker.ts';

/** A report for people: one line of verdict, one for each anomaly, one of counts. */
export function anomalyLines(report: AnomalyReport): readonly string[] {
  const { application, anomalies, counts, pending } = report;
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const kinds = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
  const verdict = total === 0 ? 'no anomalies' : `${total} anomalies (${kinds.join(', ')})`;
  const more = total - anomalies.length;
  return [
    `${application}: ${verdict}`,
    ...anomalies.map(({ kind, where, what }) => `  ${kind.padEnd(10)} ${where}: ${what}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
    `  ${report.inputs} inputs in ${report.batches} batches, ${report.outputs} outputs; ` +
      `${report.visibleDuplicates} published again, ${report.fences} fences, ` +
      `${report.voidBatches} void batches; pending: ${pending.inputs} inputs, ${pending.outputs} outputs`,
  ];
}
