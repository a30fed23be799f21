import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { VoidRunError } from '../latency/audit.ts';
import { holdChild } from '../signals.ts';
import type { CrowdPlan, Reading } from './clients.ts';

const CONNECT_MS = 120_000;
const ANSWER_MS = 30_000;
const LOOK_MS = 50;
/** Files of a process that are no sockets of clients. */
const OTHER_FILES = 200;

/** Says how to raise the limit of open files when it is too low for so many connections. Throws: VoidRunError. */
export function refuseFewFiles(connections: number): void {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const [, soft = ''] = /Max open files\s+(\S+)/.exec(limits) ?? [];
  const needed = connections + OTHER_FILES;
  if (soft === 'unlimited' || Number(soft) >= needed) return;
  throw new VoidRunError(
    `${connections} connections need ${needed} open files in a process, and ${soft} are allowed; ` +
      `run "ulimit -n ${needed}" first (as root also "ulimit -Hn ${needed}"), or ask for fewer with --idle and --listening.`,
  );
}

/** The clients of one server, in a process of their own. */
export class Crowd {
  readonly #child: ChildProcess;
  #ended: string | null = null;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.once('exit', (code) => (this.#ended = `the clients' process ended with ${code}`));
  }

  /** Resolves when all are connected and subscribed. Throws: VoidRunError. */
  static async gather(plan: CrowdPlan): Promise<Crowd> {
    const file = join(import.meta.dirname, 'clients.ts');
    const crowd = new Crowd(holdChild(fork(file, [JSON.stringify(plan)], { execArgv: [] })));
    try {
      await crowd.#answer<{ readonly ready: true }>(CONNECT_MS);
    } catch (error) {
      await crowd.leave();
      throw error;
    }
    return crowd;
  }

  /** What came since the last call, once it is as much as is awaited. Throws: VoidRunError. */
  async take(frames: number, limitMs: number): Promise<readonly Reading[]> {
    const taken: Reading[] = [];
    const deadline = performance.now() + limitMs;
    for (;;) {
      this.#child.send('take');
      const { readings } = await this.#answer<{ readonly readings: Reading[] }>(ANSWER_MS);
      for (const reading of readings) taken.push(reading);
      if (taken.length >= frames) return taken;
      if (performance.now() > deadline)
        throw new VoidRunError(
          `${taken.length} of ${frames} frames came in time: the run is void.`,
        );
      await pause(LOOK_MS);
    }
  }

  async leave(): Promise<void> {
    if (this.#ended !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }

  async #answer<Message>(limitMs: number): Promise<Message> {
    const late = new AbortController();
    try {
      return await new Promise<Message>((resolve, reject) => {
        const refuse = (why: string): void => reject(new VoidRunError(`${why}: the run is void.`));
        if (this.#ended !== null) return refuse(this.#ended);
        const { signal } = late;
        const ended = (code: unknown): void =>
          refuse(`the clients' process ended with ${String(code)}`);
        const answered = (message: unknown): void => resolve(message as Message);
        this.#child.once('message', answered).once('exit', ended);
        signal.addEventListener('abort', () => {
          this.#child.off('message', answered).off('exit', ended);
        });
        void pause(limitMs, undefined, { signal, ref: false }).then(
          () => refuse(`the clients did not answer within ${limitMs} ms`),
          () => undefined,
        );
      });
    } finally {
      late.abort();
    }
  }
}
