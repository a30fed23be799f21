import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyAll } from '../../apps/apply.ts';
import { type AppName, type Config, loadConfig, PORT_VARIABLE } from '../../apps/config.ts';
import { isHealthy } from '../../cli/stack/app-part.ts';
import { endChild, launch, type Running, untilReady } from '../../cli/stack/launch.ts';
import type { Part } from '../../cli/stack/part.ts';
import { freePorts } from '../../cli/stack/ports.ts';
import { ROOT } from '../../cli/stack/programs.ts';
import { ADDRESS_VARIABLE, addressOf, serverParts, SERVERS } from '../../cli/stack/servers.ts';

/** The orchestrator gives the pool snapshots. The coordinator is left out: it stands behind what is measured. */
const MEASURED_APPS: readonly AppName[] = ['gateway', 'trading', 'orchestrator'];

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
}

/** A system of the benchmark's own: servers and apps on free ports, data in a folder that goes with it. */
export interface BenchSystem {
  readonly config: Config;
  readonly ports: Readonly<Record<AppName, number>>;
  /** Starts one more process; it ends with the system. */
  launch(name: string, file: string, env: Readonly<Record<string, string>>): Promise<void>;
  costs(): Promise<Readonly<Record<string, ProcessCost>>>;
  stop(): Promise<void>;
}

interface Started {
  readonly part: Part;
  readonly process: Running;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The processes of a run. They have groups of their own, so a Ctrl-C reaches them only through this one. */
class Processes {
  readonly #folder: string;
  readonly #running = new Map<string, Started>();
  readonly #onSignal = (): void => void this.stop().finally(() => process.exit(1));
  #stopped = false;

  constructor(folder: string) {
    this.#folder = folder;
    for (const signal of SIGNALS) process.once(signal, this.#onSignal);
  }

  async begin(part: Part): Promise<void> {
    const logFile = join(this.#folder, 'log', `${part.name}.log`);
    const command = await part.prepare();
    if (this.#stopped) return;
    const running = await launch(part.name, command, logFile);
    this.#running.set(part.name, { part, process: running });
    try {
      await untilReady(part, running, { logFile, isUnwanted: () => this.#stopped });
    } catch (error) {
      const log = await readFile(logFile, 'utf8').catch(() => '');
      const { message } = error as Error;
      throw new Error(`${message}\n${log.slice(-LOG_END)}`, { cause: error });
    }
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
      all.map(async ([name, pid]) => [name, await costOf(pid)] as const),
    );
    const own = costs.reduce((sum, [, { cpuMs }]) => sum + cpuMs, 0);
    const others = { cpuMs: (await machineCpuMs()) - own, rssMiB: 0 };
    return Object.fromEntries([...costs, [ALL_OTHERS, others]]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const all = [...this.#running.values()].reverse();
    for (const { part, process: running } of all) await endChild(part, running);
    await rm(this.#folder, { recursive: true, force: true });
    for (const signal of SIGNALS) process.removeListener(signal, this.#onSignal);
  }
}

/** Throws: PartError, and what `applyAll` throws; nothing is left then. */
export async function startBenchSystem(tell: (line: string) => void): Promise<BenchSystem> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const processes = new Processes(folder);
  const begin = (part: Part): Promise<void> => processes.begin(part);
  try {
    const [kafka = 0, registry = 0, postgres = 0, redis = 0, ...apps] = await freePorts(8);
    const serverPorts = { kafka, registry, postgres, redis };
    tell('starting servers and apps of the benchmark’s own');
    await all(Object.values(serverParts(serverPorts, folder)).map(begin));
    const [gateway = 0, trading = 0, orchestrator = 0, coordinator = 0] = apps;
    const ports = { gateway, trading, orchestrator, coordinator };
    const env: Record<string, string> = { LOG_LEVEL: 'warn', TOPIC_PREFIX: '' };
    for (const server of SERVERS)
      env[ADDRESS_VARIABLE[server]] = addressOf(server, serverPorts[server]);
    for (const app of Object.keys(ports) as AppName[]) env[PORT_VARIABLE[app]] = String(ports[app]);
    const config = loadConfig({ ...process.env, ...env });
    await applyAll(config);
    await all(
      MEASURED_APPS.map((app) => begin(nodePart(app, ports[app], ['apps/main.ts', app], env))),
    );
    return {
      config,
      ports,
      launch: async (name, file, more) => {
        const [port = 0] = await freePorts(1);
        await begin(nodePart(name, port, [file], { ...env, ...more, HEALTH_PORT: String(port) }));
      },
      costs: () => processes.costs(),
      stop: () => processes.stop(),
    };
  } catch (error) {
    await processes.stop();
    throw error;
  }
}

/** Waits for every one also when one fails, so that none is on its way when all is stopped. */
async function all(starts: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(starts);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

function nodePart(
  name: string,
  port: number,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Part {
  const [file = '', ...rest] = args;
  const inherited = Object.entries(process.env).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value]],
  );
  return {
    name,
    port,
    portVariable: 'PORT',
    stopSignal: 'SIGTERM',
    prepare: async () => ({
      file: process.execPath,
      args: [join(ROOT, file), ...rest],
      env: { ...(Object.fromEntries(inherited) as Record<string, string>), ...env },
    }),
    probe: () => isHealthy(port),
  };
}

/** Clock ticks a second, as /proc counts CPU time on Linux. */
const TICKS = 100;

async function costOf(pid: number): Promise<ProcessCost> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kib = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
  return { cpuMs: (ticks * 1000) / TICKS, rssMiB: Math.round(kib / 1024) };
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
