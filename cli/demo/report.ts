import { microsFromIso } from '../../avro/index.ts';
import { latencyTo, type Percentiles } from './latency.ts';
import { type HistoryEvent, type Mismatch, mismatchOf, type Outcome } from './outcome.ts';

/** How often a line had to be sent again. */
export interface Resent {
  /** Requests that were sent again. */
  readonly count: number;
  /** Those of them after which the first may have been taken as well: no answer, or a 503. */
  readonly unclear: number;
}

/** What the demonstration found. Shape: what `--json` prints. */
export interface Report {
  readonly lines: number;
  readonly completed: number;
  /** Accepted, then failed: by the reason's code. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Not accepted: by the problem's code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Without an answer, or accepted and without an end, when the limit came. */
  readonly unfinished: number;
  readonly mismatches: readonly Mismatch[];
  readonly latency_ms: Readonly<Record<'plan.created' | 'exec.completed', Percentiles>>;
  readonly resent: Resent;
  /** One that completed; null: none did. */
  readonly example: {
    readonly intent_id: string;
    readonly posted_at_micros: number;
    readonly events: readonly HistoryEvent[];
  } | null;
}

/** Adds up what became of the lines. */
export function reportOf(outcomes: readonly Outcome[], resent: Resent): Report {
  const failed = outcomes.filter(({ end }) => end?.state === 'Failed');
  const refused = outcomes.filter(({ answer }) => answer.http !== null && answer.intentId === null);
  return {
    lines: outcomes.length,
    completed: outcomes.filter(({ end }) => end?.state === 'Completed').length,
    rejected: counted(failed.map(({ end }) => end?.code ?? 'NO_CODE')),
    refused: counted(refused.map(({ answer }) => answer.code ?? `HTTP_${answer.http}`)),
    unfinished: outcomes.filter(isUnfinished).length,
    mismatches: outcomes.map(mismatchOf).filter((each) => each !== null),
    latency_ms: {
      'plan.created': latencyTo('plan.created', outcomes),
      'exec.completed': latencyTo('exec.completed', outcomes),
    },
    resent,
    example: exampleOf(outcomes),
  };
}

function isUnfinished({ answer, end }: Outcome): boolean {
  return answer.http === null || (answer.intentId !== null && end === null);
}

function counted(codes: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const code of codes.toSorted()) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

function exampleOf(outcomes: readonly Outcome[]): Report['example'] {
  const found = outcomes.find(({ events }) => events.at(-1)?.topic === 'exec.completed');
  if (found === undefined || found.answer.intentId === null) return null;
  const { answer, events } = found;
  return { intent_id: found.answer.intentId, posted_at_micros: answer.sentAtMicros, events };
}

/** The report for a reader: the table, what ended otherwise, and one correlation. */
export function reportLines(report: Report): readonly string[] {
  return [
    ...countLines(report),
    '',
    ...latencyLines(report),
    ...resentLines(report.resent),
    ...mismatchLines(report.mismatches),
    ...exampleLines(report.example),
  ];
}

/** The table: the same for the same file, whatever was killed meanwhile. */
export function countLines(report: Report): readonly string[] {
  const { lines, completed, rejected, refused, unfinished, mismatches } = report;
  const row = (what: string, code: string, count: number): string =>
    `${what.padEnd(14)}${code.padEnd(24)}${String(count).padStart(6)}`;
  const rows = (what: string, counts: Readonly<Record<string, number>>): string[] =>
    Object.entries(counts).map(([code, count]) => row(what, code, count));
  return [
    row('completed', '', completed),
    ...rows('rejected', rejected),
    ...rows('refused', refused),
    row('unfinished', '', unfinished),
    row('lines', '', lines),
    row('mismatches', '', mismatches.length),
  ];
}

function latencyLines({ latency_ms }: Report): readonly string[] {
  const cell = (text: string): string => text.padStart(10);
  const ms = (value: number | null): string => cell(value === null ? '-' : value.toFixed(1));
  const head = ['count', 'p50', 'p95', 'p99'].map(cell).join('');
  return [
    `${'ms from POST to'.padEnd(18)}${head}`,
    ...Object.entries(latency_ms).map(
      ([topic, { count, p50, p95, p99 }]) =>
        `${topic.padEnd(18)}${cell(String(count))}${ms(p50)}${ms(p95)}${ms(p99)}`,
    ),
  ];
}

function resentLines({ count, unclear }: Resent): readonly string[] {
  if (count === 0) return [];
  const doubled =
    unclear === 0 ? 'none was taken before' : `${unclear} of them may have left a second intent`;
  return [
    '',
    `${count} requests were sent again, because there was no answer or a 503; ${doubled}.`,
  ];
}

function mismatchLines(mismatches: readonly Mismatch[]): readonly string[] {
  if (mismatches.length === 0) return [];
  return [
    '',
    'ended otherwise than the file says:',
    ...mismatches.flatMap(({ line, name, expected, got }) => [
      `  line ${line}, ${name}`,
      `    expected ${expected}`,
      `    got      ${got}`,
    ]),
  ];
}

function exampleLines(example: Report['example']): readonly string[] {
  if (example === null) return [];
  const { intent_id: intentId, posted_at_micros: postedAt, events } = example;
  return [
    '',
    `intent-${intentId}, ms from POST`,
    ...events.map(({ topic, timestamp, sequence }) => {
      const ms = (microsFromIso(timestamp) - postedAt) / 1000;
      return `  ${String(sequence ?? '-').padStart(2)}  ${topic.padEnd(20)}${ms.toFixed(1).padStart(10)}`;
    }),
  ];
}
