import type { AppName } from '../../apps/config.ts';

/** Sum and count of a Prometheus histogram. */
interface Total {
  readonly sum: number;
  readonly count: number;
}

export type Histograms = Readonly<Record<string, Total>>;

/** Mean of each hop over a phase, in ms, from the processes' own metrics. Null where nothing was counted. */
export type HopMeans = Readonly<Record<string, number | null>>;

const HOPS: readonly { readonly hop: string; readonly app: AppName; readonly metric: string }[] = [
  { hop: 'gateway: publish', app: 'gateway', metric: 'millrace_publish_seconds' },
  { hop: 'trading: handle, an actor', app: 'trading', metric: 'millrace_handle_seconds' },
  { hop: 'trading: journal append', app: 'trading', metric: 'millrace_journal_append_seconds' },
  { hop: 'trading: publish', app: 'trading', metric: 'millrace_publish_seconds' },
];

export async function readHistograms(
  ports: Readonly<Partial<Record<AppName, number>>>,
): Promise<Histograms> {
  const totals: Record<string, Total> = {};
  for (const { hop, app, metric } of HOPS) {
    const response = await fetch(`http://127.0.0.1:${ports[app]}/metrics`);
    const text = await response.text();
    totals[hop] = { sum: total(text, `${metric}_sum`), count: total(text, `${metric}_count`) };
  }
  return totals;
}

export function hopMeans(before: Histograms, after: Histograms): HopMeans {
  const means = Object.entries(after).map(([hop, { sum, count }]) => {
    const added = count - (before[hop]?.count ?? 0);
    const seconds = sum - (before[hop]?.sum ?? 0);
    return [hop, added === 0 ? null : Math.round((seconds / added) * 100_000) / 100];
  });
  return Object.fromEntries(means) as HopMeans;
}

/** Over all labels of a metric. */
export function total(text: string, name: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
