import type { BotFigures, BotReport } from '../../apps/bot-reports.ts';

/** Orders of an instance whose fills are listed, the newest. */
const MAX_ORDERS = 5;
const HEAD = [
  '',
  'source',
  'stored',
  'dup',
  'conflict',
  'unexpl.',
  'no corr.',
  'invalid',
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
  const { source, stored, explained, unexplained, missing_correlation, invalid_schema, lag_ms } =
    figures;
  const { duplicate, conflict } = explained;
  const lag = lag_ms === null ? '-' : `${secondsOf(lag_ms.p50)}/${secondsOf(lag_ms.p95)} s`;
  const counts = [source, stored, duplicate, conflict, unexplained].map(String);
  return [name, ...counts, shareOf(missing_correlation), shareOf(invalid_schema), lag];
}

/** How many, and of all that came. */
function shareOf({ count, ratio }: BotFigures['invalid_schema']): string {
  return `${count} (${(ratio * 100).toFixed(1)} %)`;
}

const secondsOf = (ms: number): string => (ms / 1000).toFixed(1);

type Orders = Readonly<Record<'created' | 'cancelled' | 'failed' | 'filled', number>>;

interface InstanceFigures {
  readonly orders: Orders;
  readonly live_vs_paper: Readonly<Record<'live' | 'paper' | 'difference', Orders>>;
  readonly fills_per_order: readonly {
    readonly client_order_id: string;
    readonly fills: number;
    readonly qty_base: string;
    readonly qty_quote: string;
  }[];
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
      ...parityLines(of.live_vs_paper),
      ...fillLines(of.fills_per_order),
      ...of.exposure.map(
        ({ connector, pair, net_base, net_quote }) =>
          `  ${connector} ${pair}: ${net_base} base, ${net_quote} quote`,
      ),
    ];
  });
}

/** Of each side; nothing where there are no orders. */
function parityLines({ live, paper, difference }: InstanceFigures['live_vs_paper']): string[] {
  const isThere = ({ created, cancelled, failed, filled }: Orders): boolean =>
    created + cancelled + failed + filled > 0;
  if (!isThere(live) && !isThere(paper)) return [];
  const textOf = ({ created, cancelled, failed, filled }: Orders): string =>
    `${created}/${cancelled}/${failed}/${filled}`;
  const sides = `live ${textOf(live)}, paper ${textOf(paper)}, difference ${textOf(difference)}`;
  return [`  created/cancelled/failed/fills: ${sides}`];
}

function fillLines(fills: InstanceFigures['fills_per_order']): readonly string[] {
  if (fills.length === 0) return [];
  const count = fills.reduce((sum, each) => sum + each.fills, 0);
  const rest = fills.length - MAX_ORDERS;
  return [
    `  ${count} fills of ${fills.length} orders, ${(count / fills.length).toFixed(1)} each:`,
    ...fills
      .slice(0, MAX_ORDERS)
      .map(
        (each) =>
          `    ${each.client_order_id}: ${each.fills}, ${each.qty_base} base, ${each.qty_quote} quote`,
      ),
    ...(rest > 0 ? [`    and ${rest} more: --json has up to 1,000`] : []),
  ];
}

function missingLines({ unexplained }: BotReport): readonly string[] {
  if (unexplained.length === 0) return [];
  return [
    '',
    'Sent and never come:',
    ...unexplained.map(
      ({ producer, topic, partition, sequence, last_sequence, count, instance }) => {
        const which =
          sequence === last_sequence ? `${sequence}` : `${sequence} to ${last_sequence}`;
        const whose = instance === null ? ', of which instance is not known' : `, of ${instance}`;
        return `  ${count} of ${producer} on ${topic}/${partition}: sequence ${which}${whose}`;
      },
    ),
  ];
}
