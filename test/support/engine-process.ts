import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { EngineAppLine, EngineAppSettings } from './engine-app.ts';
import { eventually } from './eventually.ts';

/** An application in a process of its own. */
export class EngineProcess {
  readonly lines: EngineAppLine[] = [];
  readonly #child: ChildProcess;
  readonly #errors: string[] = [];

  constructor(settings: EngineAppSettings) {
    this.#child = spawn(process.execPath, [join(import.meta.dirname, 'engine-app.ts')], {
      env: { ...process.env, ENGINE_APP: JSON.stringify(settings) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { stdout, stderr } = this.#child;
    if (stdout !== null)
      createInterface({ input: stdout }).on('line', (line) =>
        this.lines.push(JSON.parse(line) as EngineAppLine),
      );
    stderr?.on('data', (data: Buffer) => this.#errors.push(data.toString()));
  }

  get isEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Inputs of confirmed batches. */
  get appended(): number {
    return this.lines.reduce((sum, line) => sum + ('appended' in line ? line.appended : 0), 0);
  }

  says(what: 'ready' | 'performing' | 'fenced'): boolean {
    return this.lines.some((line) => what in line);
  }

  async ready(): Promise<void> {
    await eventually('the process is ready', () => this.says('ready') || this.isEnded);
    if (this.isEnded) throw new Error(`The process ended: ${this.#errors.join('')}`);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    if (this.isEnded) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}
