import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PartError, PROBE_EVERY_MS, READY_TIMEOUT_MS, type Command, type Part } from './part.ts';
import { identityOf } from './process-identity.ts';

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of a part, as long as this process is its parent. */
export interface Running {
  readonly pid: number;
  readonly identity: string;
  /** Settles when the process has ended. */
  readonly ended: Promise<Ending>;
  /** null while it runs. */
  ending(): Ending | null;
}

/** A part asked to end gets this long before it is killed. */
export const STOP_TIMEOUT_MS = 10_000;

/**
 * Starts the process of a part in a process group of its own, so that a Ctrl-C of the terminal does not reach it,
 * with its output appended to a file, so that it does not need this process.
 */
export async function launch(part: string, command: Command, logFile: string): Promise<Running> {
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a');
  const child = spawn(command.file, command.args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...command.env },
  });
  closeSync(log);
  let ending: Ending | null = null;
  const ended = new Promise<Ending>((resolve) => {
    child.once('exit', (code, signal) => resolve((ending = { code, signal })));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', () => resolve());
    child.once('error', (cause) => reject(notStarted(part, command, cause)));
  });
  const pid = child.pid ?? 0;
  return { pid, identity: identityOf(pid) ?? '', ended, ending: () => ending };
}

function notStarted(part: string, command: Command, cause: Error): PartError {
  const message = `${command.file} of ${part} could not be started: ${cause.message}. Is it there and executable?`;
  return new PartError('EXITED', part, message, { cause });
}

/**
 * Waits until the part answers.
 *
 * Throws: PartError EXITED when it ended instead, NOT_READY after the time-out, or when it became unwanted.
 */
export async function untilReady(
  part: Part,
  running: Running,
  options: {
    readonly logFile: string;
    readonly timeoutMs?: number;
    readonly isUnwanted?: () => boolean;
  },
): Promise<void> {
  const { logFile, timeoutMs = READY_TIMEOUT_MS, isUnwanted } = options;
  const deadline = performance.now() + timeoutMs;
  while (!(await part.probe())) {
    const ending = running.ending();
    if (ending !== null) {
      const how = ending.signal ?? `exit code ${ending.code}`;
      const message = `${part.name} ended with ${how} before it was ready. Its last words are in ${logFile}.`;
      throw new PartError('EXITED', part.name, message);
    }
    if (isUnwanted?.() === true || performance.now() > deadline) {
      const message = `${part.name} did not answer on port ${part.port} within ${timeoutMs} ms. See ${logFile}.`;
      throw new PartError('NOT_READY', part.name, message);
    }
    await pause(PROBE_EVERY_MS);
  }
  await part.finish?.();
}

/** Asks a child to end, and kills it after the time-out. Settles when it has ended. */
export async function endChild(
  part: Part,
  running: Running,
  timeoutMs = STOP_TIMEOUT_MS,
): Promise<Ending> {
  signalGroup(running.pid, part.stopSignal);
  const kill = setTimeout(() => signalGroup(running.pid, 'SIGKILL'), timeoutMs);
  const ending = await running.ended;
  clearTimeout(kill);
  return ending;
}

/** Only the leader gets a polite signal (it ends its own children); a kill goes to the whole group. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(signal === 'SIGKILL' ? -pid : pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
