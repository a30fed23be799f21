import { writeFile } from 'node:fs/promises';
import { type Figures, type Goal, judge, verdictLines } from '../../bench/goals.ts';
import { VoidRunError } from '../../bench/latency/audit.ts';
import type { ExitCode, Io } from '../command.ts';

/** A benchmark that has run. */
export interface Outcome {
  readonly lines: readonly string[];
  readonly report: unknown;
  /** What goals are held against. Default: nothing. */
  readonly figures?: Figures;
  /** Goals of another kind that it missed, in words. Default: none. */
  readonly misses?: readonly string[];
}

/**
 * Runs a benchmark to its exit code: 0 done, 1 a goal is missed, 3 the run is void.
 *
 * Order: the table, the goals, the file.
 */
export async function judged(
  io: Io,
  about: {
    /** Empty: nothing is judged. */
    readonly goals: readonly Goal[];
    readonly file: string | undefined;
  },
  run: () => Promise<Outcome>,
): Promise<ExitCode> {
  return voidable(io, async () => {
    const { lines, report, figures = {}, misses = [] } = await run();
    for (const line of lines) io.out(line);
    const verdicts = judge(about.goals, figures);
    for (const line of verdicts.length > 0 ? ['', ...verdictLines(verdicts)] : []) io.out(line);
    for (const miss of misses) io.err(`goal missed: ${miss}`);
    await keep(about.file, withGoals(report, verdicts));
    return misses.length === 0 && verdicts.every(({ isMet }) => isMet) ? 0 : 1;
  });
}

/** The exit code of a run; 3, and why, where it is void. */
export async function voidable(
  io: Pick<Io, 'err'>,
  run: () => Promise<ExitCode>,
): Promise<ExitCode> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof VoidRunError)) throw error;
    io.err(error.message);
    return 3;
  }
}

/** Writes a result where `--json` says; undefined: nowhere. */
export async function keep(file: string | undefined, report: unknown): Promise<void> {
  if (file !== undefined) await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
}

function withGoals(report: unknown, goals: readonly unknown[]): unknown {
  return goals.length === 0 ? report : { ...(report as object), goals };
}
