import type { ExitCode, Io } from '../command.ts';

/** One kind of `millrace bench`. Shape: as of a Command, without the name. */
export interface Benchmark {
  readonly summary: string;
  readonly usage: string;
  run(args: readonly string[], io: Io): Promise<ExitCode>;
}
