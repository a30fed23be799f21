import { writeFile } from 'node:fs/promises';
import { type Figures, type Goal, judge, verdictLines } from '../../bench/goals.ts';
import { VoidRunError } from '../../bench/latency/audit.ts';
import type { ExitCode, Io } from '../command.ts';

/** A benchmark that has run. */
export interface Outcome {
  readonly lines: readonly string[];
  readonly report: unknown;
  readonly figures: Figures;
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
  try {
    const { lines, report, figures } = await run();
    for (const line of lines) io.out(line);
    const verdicts = judge(about.goals, figures);
    for (const line of verdicts.length > 0 ? ['', ...verdictLines(verdicts)] : []) io.out(line);
    if (about.file !== undefined)
      await writeFile(about.file, `${JSON.stringify(withGoals(report, verdicts), null, 2)}\n`);
    return verdicts.every(({ isMet }) => isMet) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof VoidRunError)) throw error;
    io.err(error.message);
    return 3;
  }
}

function withGoals(report: unknown, goals: readonly unknown[]): unknown {
  return goals.length === 0 ? report : { ...(report as object), goals };
}
