import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SdkReport } from './bots/sdk.ts';
import type { StoreReport } from './bots/store.ts';
import { botTables } from './bots/tables.ts';
import { heldTable } from './chain/held.ts';
import { profileTable } from './chain/profile.ts';
import type { ChainReport } from './chain/report.ts';
import { chainTable } from './chain/tables.ts';
import { type EventStoreReport, eventStoreTable } from './event-store/run.ts';
import { settingsTable } from './chain/streams-settings.ts';
import type { Verdict } from './goals.ts';
import { type LatencyReport, table } from './latency/report.ts';
import { memoryTable } from './memory/run.ts';
import { partsTable } from './parts/run.ts';
import { comparisonSvg, percentilesSvg } from './pictures.ts';
import { type RecoveryReport, recoveryTable } from './recovery/report.ts';
import { startTable } from './start/run.ts';
import { streamTable } from './stream/report.ts';
import { type TradingReport, tradingTable } from './trading/report.ts';

/* Writes the tables of README.md and bench/README.md, and the pictures, from the checked-in results: npx node bench/table.ts */

const ROOT = join(import.meta.dirname, '..');
const RESULTS = join('bench', 'results');
/** Rates that a picture is made for. */
const PICTURED = [100, 1_000];

/** A part of a document that kept results are shown in, between its markers. */
interface Section {
  /** In the root of the clone. */
  readonly file: string;
  readonly name: string;
  text(): string;
}

type Judged<Report> = Report & { readonly goals?: readonly Verdict[] };

const SECTIONS: readonly Section[] = [
  { file: 'README.md', name: 'latency', text: () => table(stored<LatencyReport>('latency')) },
  { file: 'README.md', name: 'quick', text: () => kept('quick', quickSection) },
  {
    file: 'bench/README.md',
    name: 'bots',
    text: () => `\n${botTables(...storedBots())}\n`,
  },
  ...[
    { name: 'engine', text: () => kept('engine', withGoals(chainTable)) },
    { name: 'parts', text: () => kept('parts', partsTable) },
    { name: 'profile', text: () => kept('profile', profileTable) },
    { name: 'held', text: () => kept('held', withGoals(heldTable)) },
    { name: 'streams-settings', text: () => kept('streams-settings', settingsTable) },
    { name: 'start', text: () => kept('start', withGoals(startTable)) },
    { name: 'trading', text: () => kept('trading', withGoals<TradingReport>(tradingTable)) },
    { name: 'recovery', text: () => kept('recovery', withGoals(recoveryTable)) },
    { name: 'memory', text: () => kept('memory', withGoals(memoryTable)) },
    { name: 'stream', text: () => kept('stream', withGoals(streamTable)) },
    {
      name: 'event-store',
      text: () => kept('event-store', withGoals<EventStoreReport>(eventStoreTable)),
    },
  ].map((section) => ({ file: 'bench/README.md', ...section })),
];

/** The documents that have sections. */
export const DOCUMENTS: readonly string[] = [...new Set(SECTIONS.map(({ file }) => file))];

/**
 * The text of a document with what the kept results say.
 *
 * Throws: Error when the markers of a section are missing.
 */
export function documentWith(file: string, text: string): string {
  return SECTIONS.filter((section) => section.file === file).reduce(
    (all, section) => withSection(all, section.name, section.text()),
    text,
  );
}

function withSection(document: string, name: string, text: string): string {
  const [start, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const [from, to] = [document.indexOf(start), document.indexOf(end)];
  if (from === -1 || to < from)
    throw new Error(`the document has no ${start} … ${end}; put them back`);
  return `${document.slice(0, from + start.length)}\n${text}\n${document.slice(to)}`;
}

/** Files of pictures with what stands in them, from the kept run beside peers; none without one. */
export function pictures(): ReadonlyMap<string, string> {
  if (!isKept('quick')) return new Map();
  const report = stored<ChainReport>('quick');
  return new Map(
    PICTURED.filter((rate) => report.plan.rates.includes(rate)).flatMap((rate) => [
      [picture(`percentiles-${rate}`), percentilesSvg(report, rate)],
      [picture(`comparison-${rate}`), comparisonSvg(report, rate)],
    ]),
  );
}

const picture = (name: string): string => join(RESULTS, 'pictures', `${name}.svg`);

function quickSection(report: Judged<ChainReport & { readonly recovery: RecoveryReport | null }>) {
  const shown = [...pictures().keys()].map((file) => {
    const name = file.slice(file.lastIndexOf('/') + 1, -'.svg'.length).replaceAll('-', ' at ');
    return `![${name}/s](${file})`;
  });
  const recovery = report.recovery === null ? [] : [recoveryTable(report.recovery), ''];
  return [chainTable(report), '', ...recovery, ...goalLines(report.goals), '', ...shown].join('\n');
}

function withGoals<Report>(toTable: (report: Report) => string) {
  return (report: Judged<Report>): string =>
    [toTable(report), '', ...goalLines(report.goals)].join('\n');
}

/** Every goal of a run, met or not. */
function goalLines(goals: readonly Verdict[] = []): readonly string[] {
  if (goals.length === 0) return [];
  return [
    '| goal | limit | measured | |',
    '| --- | --- | --- | --- |',
    ...goals.map(({ name, is, limit, unit, value, isMet }) => {
      const measured = value === null ? 'not measured' : `${Number(value.toPrecision(4))} ${unit}`;
      return `| ${name} | ${is} ${limit} ${unit} | ${measured} | ${isMet ? 'met' : '**missed**'} |`;
    }),
  ];
}

function kept<Report>(name: string, show: (report: Report) => string): string {
  return isKept(name) ? show(stored<Report>(name)) : 'No run of it is kept yet.';
}

const fileOf = (name: string): string => join(ROOT, RESULTS, `${name}.json`);

function isKept(name: string): boolean {
  return existsSync(fileOf(name));
}

export function storedReport(): LatencyReport {
  return stored<LatencyReport>('latency');
}

/** The kept runs of bots. */
export function storedBots(): readonly [SdkReport, StoreReport] {
  return [stored<SdkReport>('bots'), stored<StoreReport>('bots-store')];
}

function stored<Report>(name: string): Report {
  return JSON.parse(readFileSync(fileOf(name), 'utf8')) as Report;
}

if (import.meta.main) {
  for (const file of DOCUMENTS) {
    const path = join(ROOT, file);
    writeFileSync(path, documentWith(file, readFileSync(path, 'utf8')));
  }
  mkdirSync(join(ROOT, RESULTS, 'pictures'), { recursive: true });
  for (const [file, svg] of pictures()) writeFileSync(join(ROOT, file), svg);
}
