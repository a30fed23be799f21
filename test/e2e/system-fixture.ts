import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { applyAll } from '../../apps/apply.ts';
import { type AppName, type Config, loadConfig, PORT_VARIABLE } from '../../apps/config.ts';
import { isHealthy } from '../../cli/stack/app-part.ts';
import { endChild, launch, type Running, signalGroup, untilReady } from '../../cli/stack/launch.ts';
import type { Part } from '../../cli/stack/part.ts';
import { freePorts } from '../../cli/stack/ports.ts';
import { makeRoles, postgresLoginUrl } from '../../cli/stack/postgres.ts';
import { ROOT } from '../../cli/stack/programs.ts';
import { storesOf } from '../../cli/stack/servers.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { createDatabase, type OwnDatabase } from '../integration/own-servers.ts';

export const APP_NAMES: readonly AppName[] = ['gateway', 'trading', 'orchestrator', 'coordinator'];

type Env = Readonly<Record<string, string>>;

/** A process of an app; `orchestrator.2` is the second one of an app, with INSTANCE_ID=2. */
export type ProcessName = AppName | `${AppName}.2`;

export interface SystemOptions {
  /** Added to the environment of the apps, and of what `run` runs. */
  readonly env?: Env;
  /** One process an app, so that one can be killed. Default: all of them in one. */
  readonly separate?: boolean;
  /** The apps that run. Default: all four. */
  readonly apps?: readonly AppName[];
  /** Apps of which a second process runs, with a port and a data folder of its own; needs `separate`. */
  readonly second?: readonly AppName[];
  /** Added to the environment of one process alone; needs `separate`. */
  readonly envOf?: Readonly<Partial<Record<ProcessName, Env>>>;
}

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A running system of a test's own: topics, consumer groups, database and ports that nobody else has. */
export interface System {
  /** Of the gateway. */
  readonly url: string;
  readonly ports: Readonly<Record<AppName, number>> & Readonly<Record<string, number>>;
  /** The whole environment of its processes. */
  readonly env: NodeJS.ProcessEnv;
  readonly config: Config;
  readonly names: TopicNames;
  readonly database: OwnDatabase;
  readonly redisUrl: string;
  /** Process id of an app that runs. */
  pid(app: ProcessName): number;
  /** Kills the process of an app with SIGKILL; with all apps in one process, that one. */
  kill(app: ProcessName): Promise<void>;
  /** Asks the process of an app to end, with SIGTERM; settles with its exit code. */
  terminate(app: ProcessName): Promise<number | null>;
  /** Starts an app again that was killed; settles when it is healthy. */
  start(app: ProcessName): Promise<void>;
  /** Runs a file of the repository in this environment, with changes, to its end: `cli/main.ts demo …`. */
  run(
    file: string | { readonly file: string; readonly env: Env },
    ...args: readonly string[]
  ): Promise<Outcome>;
  /** What the process of an app has logged so far. */
  log(app: ProcessName): Promise<string>;
  stop(): Promise<void>;
}

interface Process {
  readonly part: Part;
  readonly logFile: string;
  running: Running | null;
}

/**
 * Creates what the apps need on the servers of the test run, starts the apps, and settles when all are healthy.
 *
 * Throws: PartError with the log's end when an app does not come up.
 */
export async function startSystem(purpose: string, options: SystemOptions = {}): Promise<System> {
  const database = await createDatabase(purpose.replaceAll(/\W/g, '_'));
  await makeRoles(database.url);
  const folder = await mkdtemp(join(tmpdir(), `millrace-${purpose}-`));
  const ports = await appPorts(options.second ?? []);
  const redis = await claimRedis();
  const env = environment({ purpose, folder, database, redis, ports, own: options.env ?? {} });
  const config = loadConfig(env);
  const processes = processesOf({ ports, env, folder, options });
  const of = (app: ProcessName): Process => {
    const found = processes.get(app);
    if (found === undefined) throw new Error(`${app} is no app of this system`);
    return found;
  };
  const distinct = [...new Set(processes.values())];
  const stop = async (): Promise<void> => {
    await Promise.all(distinct.map(end));
    await database.drop();
    await redis.release();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await applyAll(config);
    await Promise.all(distinct.map(begin));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${ports.gateway}`,
    ports,
    env,
    config,
    names: new TopicNames(config.kafka.topicPrefix),
    database,
    redisUrl: config.stores.redisUrl,
    pid: (app) => {
      const { running } = of(app);
      if (running === null) throw new Error(`${app} does not run`);
      return running.pid;
    },
    kill: (app) => kill(of(app)),
    terminate: (app) => terminate(of(app)),
    start: (app) => begin(of(app)),
    run: (what, ...args) =>
      typeof what === 'string'
        ? run(what, args, env)
        : run(what.file, args, { ...env, ...what.env }),
    log: (app) => readFile(of(app).logFile, 'utf8'),
    stop,
  };
}

interface OwnRedis {
  readonly url: string;
  /** Empties it. */
  release(): Promise<void>;
}

const REDIS_DATABASES = 16;
const CLAIM = 'test:claimed';

/** A numbered database of the test run's Redis that is empty: its keys do not carry TOPIC_PREFIX. */
async function claimRedis(): Promise<OwnRedis> {
  for (let number = 1; number < REDIS_DATABASES; number += 1) {
    const url = new URL(process.env['REDIS_URL'] ?? '');
    url.pathname = `/${number}`;
    const redis = new Redis(url.href);
    const claimed = (await redis.dbsize()) === 0 && (await redis.setnx(CLAIM, '1')) === 1;
    if (!claimed) {
      await redis.quit();
      continue;
    }
    const release = async (): Promise<void> => {
      await redis.flushdb();
      await redis.quit();
    };
    return { url: url.href, release };
  }
  throw new Error(`none of the ${REDIS_DATABASES} databases of REDIS_URL is empty; flush one`);
}

async function appPorts(second: readonly AppName[]): Promise<System['ports']> {
  const names = [...APP_NAMES, ...second.map((app) => `${app}.2`)];
  const ports = await freePorts(names.length);
  return Object.fromEntries(names.map((name, index) => [name, ports[index]])) as System['ports'];
}

function environment(given: {
  readonly purpose: string;
  readonly folder: string;
  readonly database: OwnDatabase;
  readonly redis: OwnRedis;
  readonly ports: Readonly<Record<AppName, number>>;
  readonly own: Env;
}): NodeJS.ProcessEnv {
  const { purpose, folder, database, redis, ports, own } = given;
  const numbered = Object.entries(PORT_VARIABLE).map(([app, name]) => [
    name,
    String(ports[app as AppName]),
  ]);
  return {
    ...process.env,
    ...Object.fromEntries(numbered),
    DATABASE_URL: postgresLoginUrl(database.url, 'reader'),
    DATABASE_OWNER_URL: postgresLoginUrl(database.url, 'owner'),
    REDIS_URL: redis.url,
    MILLRACE_DATA: join(folder, 'data'),
    TOPIC_PREFIX: `${purpose}-${crypto.randomUUID().slice(0, 8)}.`,
    ...own,
  };
}

function processesOf(given: {
  readonly ports: System['ports'];
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
  readonly options: SystemOptions;
}): ReadonlyMap<ProcessName, Process> {
  const { ports, env, folder, options } = given;
  const { separate = false, apps: names = APP_NAMES, second = [], envOf = {} } = options;
  const make = (name: string, apps: readonly AppName[], own: Env): Process => {
    const args = [join(ROOT, 'apps', 'main.ts'), ...apps];
    const portOf = (app: AppName): number => (apps.length === 1 ? ports[name] : ports[app]) ?? 0;
    const part: Part = {
      name,
      port: portOf(apps[0] ?? 'gateway'),
      portVariable: PORT_VARIABLE[apps[0] ?? 'gateway'],
      stopSignal: 'SIGTERM',
      prepare: async () => ({
        file: process.execPath,
        args,
        env: storeLogins(apps, { ...env, ...own } as Env),
      }),
      probe: async () =>
        (await Promise.all(apps.map((app) => isHealthy(portOf(app))))).every(Boolean),
    };
    return { part, logFile: join(folder, `${name}.log`), running: null };
  };
  if (!separate) {
    const all = make(names.join('+'), names, {});
    return new Map(names.map((app) => [app, all]));
  }
  const firsts = names.map((app) => [app, make(app, [app], envOf[app] ?? {})] as const);
  const seconds = second.map((app) => {
    const name = `${app}.2` as const;
    const own = {
      [PORT_VARIABLE[app]]: String(ports[name]),
      INSTANCE_ID: '2',
      MILLRACE_DATA: join(folder, 'data-2'),
    };
    return [name, make(name, [app], { ...own, ...envOf[name] })] as const;
  });
  return new Map<ProcessName, Process>([...firsts, ...seconds]);
}

/** Each app logs in as who it is; all in one process, they may do what the coordinator may. */
function storeLogins(apps: readonly AppName[], env: Env): Env {
  const [app = 'gateway'] = apps;
  const stores = apps.length === 1 ? storesOf(app, env) : storesOf('coordinator', env, ['redis']);
  return { ...env, ...stores, DATABASE_OWNER_URL: '' };
}

async function begin(owner: Process): Promise<void> {
  const { part, logFile } = owner;
  owner.running = await launch(part.name, await part.prepare(), logFile);
  try {
    await untilReady(part, owner.running, { logFile });
  } catch (error) {
    const log = await readFile(logFile, 'utf8');
    throw new Error(`${(error as Error).message}\n${log.slice(-4_000)}`, { cause: error });
  }
}

async function kill(owner: Process): Promise<void> {
  if (owner.running === null) throw new Error(`${owner.part.name} does not run`);
  signalGroup(owner.running.pid, 'SIGKILL');
  await owner.running.ended;
  owner.running = null;
}

async function terminate(owner: Process): Promise<number | null> {
  if (owner.running === null) throw new Error(`${owner.part.name} does not run`);
  process.kill(owner.running.pid, 'SIGTERM');
  const { code } = await owner.running.ended;
  owner.running = null;
  return code;
}

async function end(owner: Process): Promise<void> {
  if (owner.running !== null) await endChild(owner.part, owner.running);
  owner.running = null;
}

async function run(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Outcome> {
  const child = spawn(process.execPath, [join(ROOT, file), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}
