import type { SdkReport } from './sdk.ts';
import type { StoreReport } from './store.ts';

/** The kept runs as the tables of bench/README.md. */
export function botTables(sdk: SdkReport, store: StoreReport): string {
  return `${sdkTable(sdk)}\n\n${storeTable(store)}`;
}

function sdkTable({ figures, plan, machine, at, commit }: SdkReport): string {
  const rows = figures.map(
    (each) =>
      `| ${each.language} | ${each.sdkPerSecond} | ${each.rawPerSecond} of ${each.client} | ${each.ratio} (goal ${each.goal}) | ` +
      `${each.sdkCpuMicros} / ${each.rawCpuMicros} µs | ${micros(each.nowait.p50)} / ${micros(each.nowait.p99)} µs |`,
  );
  return [
    '| SDK | events/s | bare client, records/s | share | CPU of one, SDK / bare | `emit.nowait` p50 / p99 |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    `${plan.rounds} rounds of ${plan.count} events; ${machineOf(machine)}; ${at.slice(0, 10)}, ${commit}.`,
  ].join('\n');
}

function storeTable({ flatOut, steady, plan, costs, machine, at, commit }: StoreReport): string {
  const { p50, p95, p99, max } = steady.lagMs;
  const seconds = ([name, { cpuMs }]: readonly [string, { readonly cpuMs: number }]): string =>
    `${name} ${(cpuMs / 1000).toFixed(1)} s`;
  // Runs kept from before it was measured have none.
  const { endLagMs } = steady as Partial<StoreReport['steady']>;
  const end = endLagMs === undefined ? '' : `Lag of the last tenth, p50: ${endLagMs} ms. `;
  return [
    '| to the store | rows/s | lag p50 / p95 / p99 / max |',
    '|---|---|---|',
    `| from a backlog of ${plan.backlog} | ${flatOut} | |`,
    `| at ${plan.rate} events/s for ${plan.seconds} s | ${steady.rowsPerSecond} | ${p50} / ${p95} / ${p99} / ${max} ms |`,
    '',
    `${end}Processor time of the second: ${Object.entries(costs).map(seconds).join(', ')}. ${machineOf(machine)}; ${at.slice(0, 10)}, ${commit}.`,
  ].join('\n');
}

function machineOf({ cpu, cores, loadBefore, loadAfter }: SdkReport['machine']): string {
  return `${cores} cores of ${cpu}, load ${loadBefore} before and ${loadAfter} after`;
}

function micros(ms: number): number {
  return Math.round(ms * 1000);
}
