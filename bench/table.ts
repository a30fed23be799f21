import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SdkReport } from './bots/sdk.ts';
import type { StoreReport } from './bots/store.ts';
import { botTables } from './bots/tables.ts';
import { type LatencyReport, table } from './latency/report.ts';

/* Writes the tables of README.md and bench/README.md from the checked-in results: node_modules/.bin/node bench/table.ts */

const ROOT = join(import.meta.dirname, '..');
/** The README with the table that the result gives. Throws: Error when its markers are missing. */
export function readmeWith(readme: string, report: LatencyReport): string {
  return withTable(readme, 'latency', table(report));
}

/** The same for bench/README.md and the runs of bots. */
export function benchReadmeWith(readme: string, sdk: SdkReport, store: StoreReport): string {
  return withTable(readme, 'bots', `\n${botTables(sdk, store)}\n`);
}

function withTable(readme: string, name: string, text: string): string {
  const [start, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const [from, to] = [readme.indexOf(start), readme.indexOf(end)];
  if (from === -1 || to < from)
    throw new Error(`the README has no ${start} … ${end}; put them back`);
  return `${readme.slice(0, from + start.length)}\n${text}\n${readme.slice(to)}`;
}

export function storedReport(): LatencyReport {
  return stored('latency') as LatencyReport;
}

/** The kept runs of bots. */
export function storedBots(): readonly [SdkReport, StoreReport] {
  return [stored('bots') as SdkReport, stored('bots-store') as StoreReport];
}

function stored(name: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, 'bench', 'results', `${name}.json`), 'utf8'));
}

if (import.meta.main) {
  const write = (file: string, change: (readme: string) => string): void =>
    writeFileSync(file, change(readFileSync(file, 'utf8')));
  write(join(ROOT, 'README.md'), (readme) => readmeWith(readme, storedReport()));
  write(join(ROOT, 'bench', 'README.md'), (readme) => benchReadmeWith(readme, ...storedBots()));
}
