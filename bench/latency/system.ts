import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyAll } from '../../apps/apply.ts';
import { type AppName, type Config, loadConfig, PORT_VARIABLE } from '../../apps/config.ts';
import { anvilPart, anvilUrl, LOCAL_CHAIN_ID } from '../../cli/stack/anvil.ts';
import { isHealthy } from '../../cli/stack/app-part.ts';
import { addressOfKey, localTraderKey } from '../../cli/stack/local-chain.ts';
import type { Part } from '../../cli/stack/part.ts';
import { freePorts } from '../../cli/stack/ports.ts';
import { ROOT } from '../../cli/stack/programs.ts';
import { ADDRESS_VARIABLE, addressOf, serverParts, SERVERS } from '../../cli/stack/servers.ts';
import { allOf, Processes, type ProcessCost } from '../processes.ts';

/** The orchestrator gives the pool snapshots. The coordinator is left out: it stands behind what is measured. */
const MEASURED_APPS: readonly AppName[] = ['gateway', 'trading', 'orchestrator'];

/** A system of the benchmark's own: servers and apps on free ports, data in a folder that goes with it. */
export interface BenchSystem {
  readonly config: Config;
  readonly ports: Readonly<Record<AppName, number>>;
  /** Starts one more process; it ends with the system. Returns the port that HEALTH_PORT tells it. */
  launch(name: string, file: string, env: Readonly<Record<string, string>>): Promise<number>;
  /** Ends one of its processes, by name. */
  end(name: string): Promise<void>;
  costs(): Promise<Readonly<Record<string, ProcessCost>>>;
  stop(): Promise<void>;
}

export interface BenchSystemOptions {
  /** Default: gateway, trading and orchestrator. */
  readonly apps?: readonly AppName[];
  readonly moreApps?: readonly AppName[];
  /** Swaps on a chain of the benchmark's own; without it on the mock venue. */
  readonly withChain?: boolean;
}

/** Throws: PartError, and what `applyAll` throws; nothing is left then. */
export async function startBenchSystem(
  tell: (line: string) => void,
  { apps: measured = MEASURED_APPS, moreApps = [], withChain = false }: BenchSystemOptions = {},
): Promise<BenchSystem> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const processes = new Processes(folder);
  const begin = (part: Part): Promise<void> => processes.begin(part);
  try {
    const [kafka = 0, registry = 0, postgres = 0, redis = 0, ...apps] = await freePorts(8);
    const serverPorts = { kafka, registry, postgres, redis };
    tell('starting servers and apps of the benchmark’s own');
    await allOf(Object.values(serverParts(serverPorts, folder)).map(begin));
    const [gateway = 0, trading = 0, orchestrator = 0, coordinator = 0] = apps;
    const ports = { gateway, trading, orchestrator, coordinator };
    const env: Record<string, string> = {
      LOG_LEVEL: 'warn',
      TOPIC_PREFIX: '',
      MILLRACE_DATA: folder,
    };
    for (const server of SERVERS)
      env[ADDRESS_VARIABLE[server]] = addressOf(server, serverPorts[server]);
    for (const app of Object.keys(ports) as AppName[]) env[PORT_VARIABLE[app]] = String(ports[app]);
    if (withChain) Object.assign(env, await startChain(begin, folder));
    const config = loadConfig({ ...process.env, ...env });
    await applyAll(config);
    await allOf(
      [...measured, ...moreApps].map((app) =>
        begin(nodePart(app, ports[app], ['apps/main.ts', app], env)),
      ),
    );
    return {
      config,
      ports,
      launch: async (name, file, more) => {
        const [port = 0] = await freePorts(1);
        await begin(nodePart(name, port, [file], { ...env, ...more, HEALTH_PORT: String(port) }));
        return port;
      },
      end: (name) => processes.end(name),
      costs: () => processes.costs(),
      stop: () => processes.stop(),
    };
  } catch (error) {
    await processes.stop();
    throw error;
  }
}

async function startChain(
  begin: (part: Part) => Promise<void>,
  folder: string,
): Promise<Readonly<Record<string, string>>> {
  const [port = 0] = await freePorts(1);
  const key = localTraderKey();
  const part = anvilPart({ port, folder: join(folder, 'chain'), trader: addressOfKey(key) });
  await begin(part);
  return {
    PLATFORM_MOCK_CHAIN: 'false',
    ETH_RPC_URL: anvilUrl(port),
    CHAIN_ID: String(LOCAL_CHAIN_ID),
    SIGNER_PRIVATE_KEY: key,
  };
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
