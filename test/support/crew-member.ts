import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { CrewWorkerLine, CrewWorkerSettings } from './crew-worker.ts';
import { eventually } from './eventually.ts';
import { type Step, stepsIn } from './fault-steps.ts';

/** How long a member may take for what it is waited for, on a busy machine. */
const PATIENCE_MS = 60_000;
/** Of a member that does not get on. */
const LAST_COMPLAINTS = 8;

/** A running crew-worker.ts. */
export class CrewMember {
  readonly settings: CrewWorkerSettings;
  readonly #child: ChildProcess;
  readonly #errors: string[] = [];
  readonly #said = new Set<string>();
  readonly #complaints: string[] = [];
  /** Of each task that it has been assigned: `application/partition status`. */
  tasks: readonly string[] = [];
  /** Confirmed batches. */
  batches = 0;
  /** `application/partition: why` of local stores that were thrown away. */
  readonly discarded: string[] = [];
  /** Versions of states that it has brought up to its own. */
  readonly upcasts = new Set<number>();
  /** Offsets that a slow restore has asked for, by `journal/partition`. */
  readonly restores = new Map<string, readonly number[]>();

  /** `root`: of the sources that it runs. */
  constructor(settings: CrewWorkerSettings, root: string) {
    this.settings = settings;
    const command = [process.execPath, join(root, 'test', 'support', 'crew-worker.ts')];
    // In blocks of 512 bytes; what is past it is refused to the process as a full disk would.
    const limit = settings.fileKiB === undefined ? '' : `ulimit -f ${settings.fileKiB * 2}; `;
    this.#child = spawn('/bin/sh', ['-c', `${limit}exec "$0" "$@"`, ...command], {
      env: { ...process.env, CREW_WORKER: JSON.stringify(settings) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { stdout, stderr } = this.#child;
    if (stdout !== null)
      createInterface({ input: stdout }).on('line', (line) =>
        this.#hear(JSON.parse(line) as CrewWorkerLine),
      );
    stderr?.on('data', (data: Buffer) => this.#errors.push(data.toString()));
  }

  get isEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Steps under way; after a kill those that it fell into. */
  get steps(): readonly Step[] {
    return stepsIn(this.settings.stepFile);
  }

  says(what: 'started' | 'ready' | 'fenced'): boolean {
    return this.#said.has(what);
  }

  started(): Promise<void> {
    return this.until('has started', () => this.says('started'));
  }

  ready(): Promise<void> {
    return this.until('runs its tasks', () => this.says('ready'));
  }

  /** Its first batch is confirmed. */
  journaled(): Promise<void> {
    return this.until('has journaled a batch', () => this.batches > 0);
  }

  /** One more batch than now is confirmed. */
  works(): Promise<void> {
    const before = this.batches;
    return this.until('confirms a batch', () => this.batches > before);
  }

  /** Throws: Error with what the process has said when it ends instead. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const { member } = this.settings;
    const isOver = (): boolean => condition() || this.isEnded;
    try {
      await eventually(`member ${member} ${what}`, isOver, PATIENCE_MS);
    } catch (error) {
      const last = this.#complaints.slice(-LAST_COMPLAINTS).join('; ');
      const { message } = error as Error;
      throw new Error(`${message} Its tasks: ${this.tasks.join()}. It says: ${last}`);
    }
    if (!condition()) throw new Error(`Member ${member} ${this.#ending}`);
  }

  get #ending(): string {
    const { exitCode, signalCode } = this.#child;
    const why = this.says('fenced') ? 'another process took its instance id' : '';
    const said = [why, this.#errors.join(''), ...this.#complaints.slice(-LAST_COMPLAINTS)];
    return `ended with ${exitCode ?? signalCode}: ${said.filter((each) => each !== '').join('; ')}`;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGKILL by default; SIGTERM: it comes back; SIGUSR2: it leaves. */
  async end(signal: 'SIGKILL' | 'SIGTERM' | 'SIGUSR2' = 'SIGKILL'): Promise<void> {
    if (this.isEnded) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exit;
  }

  #hear(line: CrewWorkerLine): void {
    if ('tasks' in line) this.tasks = line.tasks;
    else if ('appended' in line) this.batches += 1;
    else if ('discarded' in line) this.discarded.push(line.discarded);
    else if ('upcast' in line) this.upcasts.add(line.upcast);
    else if ('complaint' in line) this.#complaints.push(line.complaint);
    else if ('restores' in line) this.#restores(line.restores, line.offset);
    else for (const what of Object.keys(line)) this.#said.add(what);
  }

  #restores(journal: string, offset: number): void {
    this.restores.set(journal, [...(this.restores.get(journal) ?? []), offset]);
  }
}
