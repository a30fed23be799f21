import type { ExitCode, Io } from '../command.ts';

/** One kind of `millrace bench`. Shape: as of a Command, without the name. */
export interface Benchmark {
  readonly summary: string;
  readonly usage: string;
  run(args: readonly string[], io: Io): Promise<ExitCode>;
}

/** Says which goals a run missed. The exit code of `millrace bench`: 1 when there are any. */
export function judged(misses: readonly string[], io: Pick<Io, 'err'>): ExitCode {
  for (const miss of misses) io.err(`goal missed: ${miss}`);
  return misses.length === 0 ? 0 : 1;
}
