import type { BotFigures, BotReport } from '../../apps/bot-reports.ts';

const HEAD = [
  '',
  'source',
  'stored',
  'dup',
  'conflict',
  'invalid',
  'unexpl.',
  'no corr.',
  'lag p50/p95',
];

/** The report as lines of text: the hooks by type, the instances, and what never came. */
export function botReportLines(report: BotReport): readonly string[] {
  const rows = [
    HEAD,
    ...Object.entries(report.types).map(([type, figures]) => cells(type, figures)),
    cells('total', report.total),
  ];
  const widths = HEAD.map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  const lines = rows.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  '),
  );
  if (report.pending !== null && report.pending > 0)
    lines.push('', `${report.pending} records are on the log and not read yet`);
  return [...lines, ...instanceLines(report), ...missingLines(report)];
}

function cells(name: string, figures: BotFigures): readonly string[] {
  const { source, stored, explained, unexplained, missing_correlation, lag_ms } = figures;
  const { duplicate, conflict, invalid } = explained;
  const lag = lag_ms === null ? '-' : `${secondsOf(lag_ms.p50)}/${secondsOf(lag_ms.p95)} s`;
  const counts = [source, stored, duplicate, conflict, invalid, unexplained].map(String);
  return [name, ...counts, `${missing_correlation.count}`, lag];
}

const secondsOf = (ms: number): string => (ms / 1000).toFixed(1);

interface InstanceFigures {
  readonly orders: Readonly<Record<'created' | 'cancelled' | 'failed' | 'filled', number>>;
  readonly exposure: readonly {
    readonly connector: string;
    readonly pair: string;
    readonly net_base: string;
    readonly net_quote: string;
  }[];
  readonly last_snapshot: {
    readonly ts_utc: string;
    readonly payload: { readonly state?: string };
  } | null;
}

function instanceLines({ instances }: BotReport): readonly string[] {
  return Object.entries(instances as Record<string, InstanceFigures>).flatMap(([name, of]) => {
    const { created, cancelled, failed, filled } = of.orders;
    const snapshot = of.last_snapshot;
    const state =
      snapshot === null ? 'no snapshot' : `${snapshot.payload.state} since ${snapshot.ts_utc}`;
    return [
      '',
      `${name}: orders ${created} created, ${cancelled} cancelled, ${failed} failed, ${filled} fills; ${state}`,
      ...of.exposure.map(
        ({ connector, pair, net_base, net_quote }) =>
          `  ${connector} ${pair}: ${net_base} base, ${net_quote} quote`,
      ),
    ];
  });
}

function missingLines({ unexplained }: BotReport): readonly string[] {
  if (unexplained.length === 0) return [];
  return [
    '',
    'Sent and never come:',
    ...unexplained.map(({ producer, topic, partition, sequence, last_sequence, count }) => {
      const which = sequence === last_sequence ? `${sequence}` : `${sequence} to ${last_sequence}`;
      return `  ${count} of ${producer} on ${topic}/${partition}: sequence ${which}`;
    }),
  ];
}
