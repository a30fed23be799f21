import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '../../cli/stack/programs.ts';
import { pythonOf } from '../../scripts/python-packages.mjs';
import { eventually } from './eventually.ts';

export const BOT_LANGUAGES = ['TypeScript', 'Python'] as const;
/** The bots that there are: Python has a producer for threads, and one for asyncio. */
export const BOTS = [...BOT_LANGUAGES, 'Python asyncio'] as const;
export type Bot = (typeof BOTS)[number];

/** What each of `PROGRAMS` takes. */
export interface BotPlan {
  readonly broker: string;
  readonly registry: string;
  readonly prefix: string;
  readonly spool: string;
  readonly pauseMs: number;
  /** By how much its clock is wrong; not with asyncio. Default: 0. */
  readonly clockHours?: number;
}

const DEADLINE_MS = 120_000;
const PROGRAMS: Readonly<Record<Bot, string>> = {
  TypeScript: 'test/support/sdk-bot.ts',
  Python: 'sdk/python/tests/fault_bot.py',
  'Python asyncio': 'sdk/python/tests/fault_async_bot.py',
};

/** A bot in a process of its own, and what it said. */
export class BotProcess {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #errors = '';

  constructor(bot: Bot, plan: BotPlan) {
    const file = PROGRAMS[bot];
    const program = file.endsWith('.py') ? pythonOf() : process.execPath;
    const env = { ...process.env, PYTHONPATH: join(ROOT, 'sdk', 'python', 'src') };
    this.#child = spawn(program, [file, JSON.stringify(plan)], { cwd: ROOT, env });
    this.#ended = once(this.#child, 'close');
    createInterface({ input: this.#child.stdout as never }).on('line', (line) =>
      this.lines.push(line),
    );
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stderr?.on('data', (text: Buffer) => (this.#errors += text.toString()));
  }

  /** Ids that the SDK has said to be buffered or confirmed. */
  ids(what: 'buffered' | 'confirmed'): readonly string[] {
    const said = this.lines.filter((line) => line.startsWith(`${what} `));
    return said.map((line) => line.slice(what.length + 1));
  }

  /** Waits until so many were. */
  async until(what: 'buffered' | 'confirmed', count: number): Promise<void> {
    const isThere = (): boolean => this.ids(what).length >= count || this.#isOver();
    await eventually(`${count} events ${what}`, isThere, DEADLINE_MS);
    if (this.ids(what).length < count) throw new Error(`the bot ended: ${this.#errors}`);
  }

  /** Tells it that it has emitted enough, and waits for its last word. */
  async done(): Promise<void> {
    this.#child.stdin?.write('enough\n');
    await eventually('the bot to end', () => this.#isOver(), DEADLINE_MS);
    await this.#ended;
    if (this.lines.at(-1) !== 'done') throw new Error(`the bot ended early: ${this.#errors}`);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}
