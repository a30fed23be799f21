import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { endChild, launch, type Running, untilReady } from '../cli/stack/launch.ts';
import type { Part } from '../cli/stack/part.ts';
import { hold, release } from './signals.ts';

/** The load, and the reader of what is timed. */
const THIS_PROCESS = 'bench';
/** Whatever else the machine did: the less, the more the numbers say. */
export const ALL_OTHERS = 'all others';
/** Characters of a log that are shown when its process did not come up. */
const LOG_END = 4_000;

/** CPU time and memory of a process, as Linux counts them. */
export interface ProcessCost {
  readonly cpuMs: number;
  readonly rssMiB: number;
  /** Of it what belongs to the process alone: no file behind it, such as that of a local store. */
  readonly anonMiB: number;
}

interface Started {
  readonly part: Part;
  readonly process: Running;
}

/** The processes of a run. They have groups of their own, so a Ctrl-C reaches them only through this one. */
export class Processes {
  readonly #folder: string;
  readonly #running = new Map<string, Started>();
  /** Of those on their way to be in `#running`. */
  readonly #launches = new Set<Promise<unknown>>();
  #stopping: Promise<void> | null = null;

  constructor(folder: string) {
    this.#folder = folder;
    hold(this);
  }

  /** Starts a part and waits until it answers. Throws: Error with the end of its log. */
  async begin(part: Part): Promise<void> {
    const logFile = join(this.#folder, 'log', `${part.name}.log`);
    const launched = this.#launch(part, logFile);
    this.#launches.add(launched);
    const running = await launched.finally(() => this.#launches.delete(launched));
    if (running === null) return;
    try {
      await untilReady(part, running, { logFile, isUnwanted: () => this.#stopping !== null });
    } catch (error) {
      const log = await readFile(logFile, 'utf8').catch(() => '');
      const { message } = error as Error;
      throw new Error(`${message}\n${log.slice(-LOG_END)}`, { cause: error });
    }
  }

  /** null: all are being stopped. */
  async #launch(part: Part, logFile: string): Promise<Running | null> {
    const command = await part.prepare();
    if (this.#stopping !== null) return null;
    const running = await launch(part.name, command, logFile);
    this.#running.set(part.name, { part, process: running });
    return running;
  }

  /** Ends one of them; nothing when there is none of that name. */
  async end(name: string): Promise<void> {
    const started = this.#running.get(name);
    this.#running.delete(name);
    if (started !== undefined) await endChild(started.part, started.process);
  }

  /** SIGKILL to one of them and to all that it started; resolves when it has ended. Nothing when there is none of that name. */
  async kill(name: string): Promise<void> {
    const started = this.#running.get(name);
    this.#running.delete(name);
    if (started === undefined) return;
    process.kill(-started.process.pid, 'SIGKILL');
    await started.process.ended;
  }

  async costs(): Promise<Readonly<Record<string, ProcessCost>>> {
    const pids = [...this.#running].map(
      ([
        name,
        {
          process: { pid },
        },
      ]) => [name, pid] as const,
    );
    const all = [...pids, [THIS_PROCESS, process.pid] as const];
    const costs = await Promise.all(
      all.map(async ([name, pid]) => {
        // The children of this process are counted by their own names.
        const cost = await (name === THIS_PROCESS ? costOf(pid) : familyCostOf(pid));
        return [name, cost] as const;
      }),
    );
    const own = costs.reduce((sum, [, { cpuMs }]) => sum + cpuMs, 0);
    const others = { ...NOTHING, cpuMs: (await machineCpuMs()) - own };
    return Object.fromEntries([...costs, [ALL_OTHERS, others]]);
  }

  /** Ends all, those included that are on their way, and removes the folder. Once, however often it is asked. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stopAll());
  }

  async #stopAll(): Promise<void> {
    // What is prepared at this moment has processes of its own (initdb), and is not among those that run yet.
    await Promise.allSettled(this.#launches);
    const all = [...this.#running.values()].reverse();
    for (const { part, process: running } of all) await endChild(part, running);
    await rm(this.#folder, { recursive: true, force: true });
    release(this);
  }
}

/** Waits for every one also when one fails, so that none is on its way when all is stopped. */
export async function allOf(starts: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(starts);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Clock ticks a second, as /proc counts CPU time on Linux. */
const TICKS = 100;

/** CPU time and memory of a process that runs. */
export async function costOf(pid: number): Promise<ProcessCost> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mib = (field: string): number =>
    Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
  return { cpuMs: (ticks * 1000) / TICKS, rssMiB: mib('VmRSS'), anonMiB: mib('RssAnon') };
}

const NOTHING: ProcessCost = { cpuMs: 0, rssMiB: 0, anonMiB: 0 };

/** Of a process with those that it started and that still run; memory that they share counts for each. */
async function familyCostOf(pid: number): Promise<ProcessCost> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const pids = children.split(' ').filter((each) => each !== '');
  // One that has ended meanwhile is counted no more.
  const descendants = pids.map((each) => familyCostOf(Number(each)).catch(() => NOTHING));
  const costs = await Promise.all([costOf(pid), ...descendants]);
  return {
    cpuMs: costs.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    rssMiB: costs.reduce((sum, { rssMiB }) => sum + rssMiB, 0),
    anonMiB: costs.reduce((sum, { anonMiB }) => sum + anonMiB, 0),
  };
}

/** Time that all processors were at work, interrupts and what a host took for itself included. */
async function machineCpuMs(): Promise<number> {
  const [first = ''] = (await readFile('/proc/stat', 'utf8')).split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = first
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return ((user + nice + system + irq + softIrq + steal) * 1000) / TICKS;
}
