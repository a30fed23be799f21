/** Where a command writes, and what it takes from its surroundings. */
export interface Io {
  /** One line of what was asked for. */
  readonly out: (line: string) => void;
  /** One line about how it went. */
  readonly err: (line: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * One command of `millrace`: the export `command` of cli/commands/<name>.ts.
 *
 * `usage` is what `--help` prints; every command takes `--json`.
 * Shape: `run` gets what follows the name and gives the exit code: 0 done, 1 found something wrong, 2 wrong use or
 * nothing reachable, 3 (bench) the run is void.
 */
export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly usage: string;
  run(args: readonly string[], io: Io): Promise<ExitCode>;
}

export type ExitCode = 0 | 1 | 2 | 3;

/** A command could not be carried out for a reason that its user can mend: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code: 'WRONG_USE' | 'NOT_RUNNING' | 'ALREADY_RUNNING' | 'PORT_BUSY';
  readonly reaction = 'stop';

  constructor(code: UsageError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
