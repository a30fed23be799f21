import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LatencyReport, table } from './latency/report.ts';

/* Writes the README's table from the checked-in result: node_modules/.bin/node bench/table.ts */

const ROOT = join(import.meta.dirname, '..');
const START = '<!-- bench:latency -->';
const END = '<!-- /bench:latency -->';

/** The README with the table that the result gives. Throws: Error when its markers are missing. */
export function readmeWith(readme: string, report: LatencyReport): string {
  const [from, to] = [readme.indexOf(START), readme.indexOf(END)];
  if (from === -1 || to < from)
    throw new Error(`README.md has no ${START} … ${END}; put them back`);
  return `${readme.slice(0, from + START.length)}\n${table(report)}\n${readme.slice(to)}`;
}

export function storedReport(): LatencyReport {
  return JSON.parse(
    readFileSync(join(ROOT, 'bench', 'results', 'latency.json'), 'utf8'),
  ) as LatencyReport;
}

if (import.meta.main) {
  const file = join(ROOT, 'README.md');
  writeFileSync(file, readmeWith(readFileSync(file, 'utf8'), storedReport()));
}
