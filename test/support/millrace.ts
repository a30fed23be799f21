import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { endLeftovers } from '../../cli/stack/leftovers.ts';
import { ROOT } from '../../cli/stack/programs.ts';
import { RunFolder } from '../../cli/stack/run-folder.ts';

const DEADLINE_MS = 120_000;
const LOOK_EVERY_MS = 20;

/** Waits for a condition. Throws: Error that names it when it does not come true in time. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Not within ${DEADLINE_MS} ms: ${what}.`);
    await pause(LOOK_EVERY_MS);
  }
}

/** A running `millrace up`. */
export interface Up {
  readonly child: ChildProcess;
  /** Its exit code; null when a signal ended it. */
  readonly exit: Promise<number | null>;
  /** What it has printed so far. */
  out(): string;
}

type Env = Readonly<Record<string, string>>;

/** The `millrace` command as a user types it, with an environment of its own. */
export class Millrace {
  readonly #env: Env;
  readonly #ups: Up[] = [];

  constructor(env: Env) {
    this.#env = env;
  }

  /** Runs a command to its end. */
  async run(
    args: readonly string[],
    env: Env = {},
  ): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
    const { exit, out, err } = this.#spawn(args, env);
    return { code: await exit, out: out(), err: err() };
  }

  /** Starts `up`, and settles when it says that it is ready. Throws: Error when it ends instead. */
  up(args: readonly string[]): Promise<Up> {
    return this.#ready(this.#spawn(['up', ...args], {}));
  }

  /** The same by `npm start`. */
  npmStart(args: readonly string[]): Promise<Up> {
    return this.#ready(this.#start('npm', ['start', '--', ...args], {}));
  }

  async #ready(up: Up & { err(): string }): Promise<Up> {
    this.#ups.push(up);
    const ended = (): boolean => up.child.exitCode !== null || up.child.signalCode !== null;
    await until('millrace is ready', () => up.out().includes('millrace is ready') || ended());
    if (ended()) throw new Error(`millrace up ended: ${up.out()}${up.err()}`);
    return up;
  }

  /** Ends every `up`, and what a killed one left. */
  async endAll(): Promise<void> {
    for (const { child } of this.#ups) child.kill('SIGTERM');
    await Promise.all(this.#ups.map(({ exit }) => exit));
    const run = new RunFolder(this.#env['MILLRACE_DATA'] ?? '');
    await endLeftovers(run, () => undefined);
  }

  #spawn(args: readonly string[], env: Env): Up & { err(): string } {
    return this.#start(process.execPath, [join(ROOT, 'cli', 'bin.mjs'), ...args], env);
  }

  #start(program: string, args: readonly string[], env: Env): Up & { err(): string } {
    const own = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !GIVEN.includes(name)),
    );
    const child = spawn(program, args, {
      cwd: ROOT,
      env: { ...own, ...this.#env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
    child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()));
    const exit = once(child, 'close').then(([code]) => code as number | null);
    return { child, exit, out: () => out, err: () => err };
  }
}

/** The addresses of the test run's servers: a system of a test's own must not take them for given. */
const GIVEN: readonly string[] = [
  'KAFKA_BROKERS',
  'SCHEMA_REGISTRY_URL',
  'DATABASE_URL',
  'REDIS_URL',
];
