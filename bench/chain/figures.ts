import type { Figures } from '../goals.ts';
import { type ChainReport, flatOutRows, FLOOR, latencyRows } from './report.ts';

const OURS = 'millrace';
const STREAMS = 'streams-eos-fast';

/** What goals are held against. Ratios are of medians over the rounds of one run. */
export function chainFigures(report: Pick<ChainReport, 'latency' | 'flatOut'>): Figures {
  const rows = latencyRows(report);
  const flat = flatOutRows(report);
  const at = (system: string, rate: number) =>
    rows.find((row) => row.system === system && row.rate === rate);
  const flatOf = (system: string) => flat.find((row) => row.system === system);
  const [own, floor, streams] = [flatOf(OURS), flatOf(FLOOR), flatOf(STREAMS)];
  const figures: Record<string, number | null> = {
    'millrace.8to100': ratio(at(OURS, 8)?.p50, at(OURS, 100)?.p50),
    'millrace.flat': own?.inputsPerSecond ?? null,
    'millrace.flatRatio': ratio(own?.inputsPerSecond, floor?.inputsPerSecond),
    'streams.perCpu': ratio(streams?.cpuMsPerThousand, own?.cpuMsPerThousand),
    'twin.cpu': ratio(own?.cpuMsPerThousand, floor?.cpuMsPerThousand),
  };
  for (const { rate } of rows.filter(({ system }) => system === OURS))
    for (const percentile of ['p50', 'p99'] as const) {
      const value = at(OURS, rate)?.[percentile];
      figures[`${OURS}.${rate}.${percentile}`] = value ?? null;
      figures[`streams.${rate}.${percentile}`] = ratio(value, at(STREAMS, rate)?.[percentile]);
      figures[`twin.${rate}.${percentile}`] = ratio(value, at(FLOOR, rate)?.[percentile]);
    }
  return figures;
}

function ratio(value: number | undefined, of: number | undefined): number | null {
  return value === undefined || of === undefined || of === 0 ? null : value / of;
}
