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

/** coordinator is left out: it has no part in what is measured. The orchestrator gives the pool snapshots. */
const MEASURED_APPS: readonly AppName[] = ['gateway', 'trading', 'orchestrator'];

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

export async function startBenchSystem(tell: (line: string) => void): Promise<BenchSystem> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const running = new Map<string, { part: Part; process: Running }>();
  const stop = async (): Promise<void> => {
    const all = [...running.values()].reverse();
    for (const { part, process } of all) await endChild(part, process);
    await rm(folder, { recursive: true, force: true });
  };
  const begin = async (part: Part): Promise<void> => {
    const logFile = join(folder, 'log', `${part.name}.log`);
    const process = await launch(part.name, await part.prepare(), logFile);
    running.set(part.name, { part, process });
    await untilReady(part, process, { logFile });
  };
  try {
    const [kafka = 0, registry = 0, postgres = 0, redis = 0, ...apps] = await freePorts(8);
    const serverPorts = { kafka, registry, postgres, redis };
    tell('starting servers and apps of the benchmark’s own');
    await Promise.all(Object.values(serverParts(serverPorts, folder)).map(begin));
    const [gateway = 0, trading = 0, orchestrator = 0, coordinator = 0] = apps;
    const ports = { gateway, trading, orchestrator, coordinator };
    const env: Record<string, string> = { LOG_LEVEL: 'warn' };
    for (const server of SERVERS)
      env[ADDRESS_VARIABLE[server]] = addressOf(server, serverPorts[server]);
    for (const app of Object.keys(ports) as AppName[]) env[PORT_VARIABLE[app]] = String(ports[app]);
    const config = loadConfig(env);
    await applyAll(config);
    await Promise.all(
      MEASURED_APPS.map((app) => begin(nodePart(app, ports[app], ['apps/main.ts', app], env))),
    );
    return {
      config,
      ports,
      launch: async (name, file, more) => {
        const [port = 0] = await freePorts(1);
        await begin(nodePart(name, port, [file], { ...env, ...more, HEALTH_PORT: String(port) }));
      },
      costs: async () => {
        const named = [...running].map(
          async ([name, { process }]) => [name, await costOf(process.pid)] as const,
        );
        return Object.fromEntries(await Promise.all(named));
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
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
