import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** A `millrace run --topology` in a process of its own. */
export class TopologyProcess {
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  #output = '';

  constructor(file: string, env: Readonly<Record<string, string>>) {
    const command = [join(ROOT, 'cli', 'main.ts'), 'run', '--topology', file];
    this.#child = spawn(process.execPath, command, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    this.#exit = once(this.#child, 'exit').then(([code]) => code as number | null);
  }

  /** What it has logged, and said besides. */
  get output(): string {
    return this.#output;
  }

  /** Its tasks run. Throws: Error with what it has said when it ends instead. */
  async healthy(): Promise<void> {
    await eventually('the application is healthy', async () => {
      if (this.#child.exitCode !== null) throw new Error(`It ended by itself: ${this.#output}`);
      const port = /"port":(\d+),"msg":"[\w.+]+ serves"/.exec(this.#output)?.[1];
      return port !== undefined && (await fetch(`http://127.0.0.1:${port}/health`)).status === 200;
    });
  }

  /** SIGTERM. Its exit code. */
  end(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.#exit;
  }
}
