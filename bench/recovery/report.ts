import type { SystemAbout } from '../chain/report.ts';
import { medianOf } from '../chain/report.ts';
import { madeOn, markdownTable } from '../chain/tables.ts';
import type { Figures } from '../goals.ts';
import type { RunHead } from '../latency/machine.ts';
import type { Milestones } from './milestones.ts';
import type { RestoreFacts } from './restore.ts';
import type { Kind, RecoveryPlan } from './run.ts';

/** One member lost, and what followed. Units: ms after the kill; null: not seen. */
export interface Recovery extends Milestones {
  readonly system: string;
  readonly kind: Kind;
  readonly keys: number;
  readonly round: number;
  readonly detectedMs: number | null;
  readonly assignedMs: number | null;
  /** Outputs that stand twice for who reads what is committed. */
  readonly copies: number;
  /** Outputs that were written beyond one for each input, and are not committed or are copies: their inputs were handled again. */
  readonly handledAgain: number;
  /** Of this system only, whose journal tells. */
  readonly restore: RestoreFacts | null;
}

/** Shape of the result files of recovery. */
export interface RecoveryReport extends RunHead<RecoveryPlan> {
  readonly systems: readonly SystemAbout[];
  readonly leftOut: readonly string[];
  readonly recoveries: readonly Recovery[];
}

export type RecoveryRow = Omit<Recovery, 'round' | 'restore'> & {
  /** Keys a second, from the first fence to the first batch of the last task; null: not told. */
  readonly restoredPerSecond: number | null;
  /**
   * The time of a bare reader over that of the restore, for the same bytes: of one whose process has just started, as the member's
   * has, or of one that has read before, where the member ran already.
   */
  readonly ofRawRead: number | null;
};

/** Medians over the rounds; a milestone that a round did not reach makes its median null. */
export function recoveryRows({
  recoveries,
}: Pick<RecoveryReport, 'recoveries'>): readonly RecoveryRow[] {
  const groups = Map.groupBy(recoveries, (each) => `${each.system}|${each.kind}|${each.keys}`);
  return [...groups.values()].map((own) => {
    const [{ system, kind, keys }] = own as [Recovery];
    const of = (figure: (each: Recovery) => number | null): number | null => {
      const values = own.map(figure);
      return values.every((value) => value !== null) ? medianOf(values) : null;
    };
    return {
      ...{ system, kind, keys },
      detectedMs: of(({ detectedMs }) => detectedMs),
      assignedMs: of(({ assignedMs }) => assignedMs),
      firstMs: of(({ firstMs }) => firstMs),
      allMs: of(({ allMs }) => allMs),
      caughtUpMs: of(({ caughtUpMs }) => caughtUpMs),
      copies: medianOf(own.map(({ copies }) => copies)),
      handledAgain: medianOf(own.map(({ handledAgain }) => handledAgain)),
      restoredPerSecond: of(({ restore }) =>
        restore === null ? null : Math.round(restoredPerSecond(keys, restore)),
      ),
      ofRawRead: of(({ restore }) =>
        restore === null ? null : bareMs(kind, restore) / Math.max(1, restore.restoreMs),
      ),
    };
  });
}

function restoredPerSecond(keys: number, { share = 1, restoreMs }: RestoreFacts): number {
  return (keys * share * 1_000) / Math.max(1, restoreMs);
}

/** Kinds whose member is a process that has just started. */
const STARTED: readonly Kind[] = ['restart', 'cold'];

function bareMs(kind: Kind, { rawReadMs, freshReadMs }: RestoreFacts): number {
  return STARTED.includes(kind) ? (freshReadMs ?? rawReadMs) : rawReadMs;
}

/** What goals are held against. */
export function recoveryFigures(report: Pick<RecoveryReport, 'recoveries'>): Figures {
  const figures: Record<string, number | null> = {};
  for (const { system, kind, keys, firstMs, allMs, ofRawRead } of recoveryRows(report)) {
    const name = `${system}.${kind}.${keys}`;
    figures[`${name}.first`] = firstMs;
    figures[`${name}.all`] = allMs;
    figures[`${name}.ofRaw`] = ofRawRead;
  }
  return figures;
}

const NAME = 44;
const NUMBER = 10;
const HEAD = ['detected', 'assigned', 'first', 'all', 'caught up', 'copies', 'again', 'keys/s'];

function cellsOf(row: RecoveryRow): readonly string[] {
  const { detectedMs, assignedMs, firstMs, allMs, caughtUpMs, copies, handledAgain } = row;
  const all = [detectedMs, assignedMs, firstMs, allMs, caughtUpMs, copies, handledAgain];
  const text = (value: number | null): string => (value === null ? '–' : String(value));
  const raw = row.ofRawRead === null ? '–' : row.ofRawRead.toFixed(2);
  return [...[...all, row.restoredPerSecond].map(text), raw];
}

/** The README's table of a run, as Markdown. */
export function recoveryTable(report: RecoveryReport): string {
  const { valueBytes, rounds } = report.plan;
  return [
    ...markdownTable(
      ['ms after a kill -9, or the first end of a deploy', ...HEAD, '× raw'],
      recoveryRows(report).map((row) => [
        `${row.kind}, ${row.keys} keys: \`${row.system}\``,
        ...cellsOf(row),
      ]),
    ),
    '',
    `Count and emit, ${valueBytes}-byte records, 100 inputs/s; medians of ${rounds}. ${madeOn(report)}`,
  ].join('\n');
}

/** What is printed at the end of a run. */
export function recoveryLines(report: RecoveryReport): string[] {
  const line = (name: string, cells: readonly string[]): string =>
    [name.padEnd(NAME), ...cells.map((cell) => cell.padStart(NUMBER))].join(' ');
  return [
    `Count and emit, ${report.plan.valueBytes}-byte records, 100 inputs/s; ms after a kill -9 or the first end of a deploy, medians of ${report.plan.rounds}.`,
    '',
    line('', [...HEAD, '× raw']),
    ...recoveryRows(report).map((row) =>
      line(`${row.kind}, ${row.keys} keys: ${row.system}`, cellsOf(row)),
    ),
    '',
    'first, all: an output of an input that was due after the kill, in the first and in the last partition to have one.',
    'copies: outputs that stand twice. again: outputs written beyond one for each input, committed or not.',
    'keys/s, × raw: from the first fence of the new owner to the last task at work; a bare reader of the same bytes,',
    'for restart and cold in a process that has just started, as theirs has.',
    ...report.leftOut,
  ];
}
