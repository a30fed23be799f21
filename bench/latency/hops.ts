import type { Sample } from './phase.ts';
import { meanOf, rounded } from './summary.ts';

/** Sum and count of a Prometheus histogram. */
export interface Total {
  readonly sum: number;
  readonly count: number;
}

/** What is read of the processes' own metrics. */
const METRICS = {
  accepted: { app: 'gateway', metric: 'millrace_publish_seconds' },
  handle: { app: 'trading', metric: 'millrace_handle_seconds' },
  append: { app: 'trading', metric: 'millrace_journal_append_seconds' },
  publish: { app: 'trading', metric: 'millrace_publish_seconds' },
  batch: { app: 'trading', metric: 'millrace_batch_records' },
} as const;

export type Histograms = Readonly<Record<keyof typeof METRICS, Total>>;

/** A part of the mean way from POST to plan.created. The parts add up to the whole. */
export interface Hop {
  readonly name: string;
  /** Mean; below 0 where the hop began before the one above had ended. */
  readonly ms: number;
  readonly how: string;
}

export interface Hops {
  readonly totalMs: number;
  readonly parts: readonly Hop[];
  /** A part of the first hop: the gateway's request to the broker. */
  readonly gatewayPublishMs: number;
  /** Inputs of a journal record, snapshots of pools included. */
  readonly batchRecords: number;
}

export async function readHistograms(ports: {
  readonly gateway: number;
  readonly trading: number;
}): Promise<Histograms> {
  const texts = {
    gateway: await metricsOf(ports.gateway),
    trading: await metricsOf(ports.trading),
  };
  const entries = Object.entries(METRICS).map(([name, { app, metric }]) => {
    const text = texts[app];
    return [name, { sum: total(text, `${metric}_sum`), count: total(text, `${metric}_count`) }];
  });
  return Object.fromEntries(entries) as Histograms;
}

async function metricsOf(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  if (!response.ok) throw new Error(`/metrics on port ${port} answers ${response.status}`);
  return response.text();
}

/** Over all labels of a metric. */
export function total(text: string, name: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** Where the mean of POST → plan.created goes. */
export function hopsOf(samples: readonly Sample[], before: Histograms, after: Histograms): Hops {
  const mean = (of: (sample: Sample) => number): number => meanOf(samples.map(of));
  const per = (name: keyof Histograms, count = after[name].count - before[name].count): number =>
    count === 0 ? 0 : (after[name].sum - before[name].sum) / count;
  const taken = ({ takenAt, readAt }: Sample): number => takenAt ?? readAt;
  const handle = 1000 * per('handle', samples.length);
  const append = 1000 * per('append');
  const publish = 1000 * per('publish');
  const inTask = mean((each) => each.readAt - taken(each));
  const parts: Hop[] = [
    hop(
      'send',
      mean((each) => each.startedAt - each.dueAt),
      'measured: lateness of the load',
    ),
    hop(
      'accept',
      mean((each) => each.answeredAt - each.startedAt),
      'measured: POST → 202',
    ),
    hop(
      'fetch',
      mean((each) => taken(each) - each.answeredAt),
      '202 → occurred_at of risk.approved',
    ),
    hop('handle', handle, 'millrace_handle_seconds, all three actors'),
    hop('journal append', append, 'millrace_journal_append_seconds'),
    hop('publish', publish, 'millrace_publish_seconds'),
    hop('remainder', inTask - handle - append - publish, 'encode, turns of event loops, read'),
  ];
  return {
    totalMs: rounded(mean((each) => each.readAt - each.dueAt)),
    parts,
    gatewayPublishMs: rounded(1000 * per('accepted')),
    batchRecords: rounded(per('batch')),
  };
}

function hop(name: string, ms: number, how: string): Hop {
  return { name, ms: rounded(ms), how };
}
