import type { ProcessContext, RunningApp } from './app.ts';
import {
  APP_NAMES,
  type AppName,
  type Config,
  ConfigError,
  loadConfig,
  PORT_VARIABLE,
} from './config.ts';
import type { CoreComponents } from './core-components.ts';
import { createLog, type Log } from './log.ts';
import { createMetrics } from './metrics.ts';
import { ALL_RECORDS } from './records.ts';
import { ServiceConnector } from './service-connector.ts';
import { loadTopologyFile, nameOf, startTopologyFile, type TopologyFile } from './topology-file.ts';
import { openTracing } from './tracing.ts';

/** How long a process takes to end; past it, it ends all the same. */
const STOP_MS = 10_000;

export interface RunOptions {
  /** Runs the topology of this file instead of apps. */
  readonly topologyFile?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Runs apps in this process until SIGTERM or SIGINT, then finishes what is under way. Topics and schemas that are missing are
 * made first (tables are their owner's, apps/apply.ts); several processes may start at once. Ends the process with
 * 0 stopped, 1 something broke, 2 wrong use, bad configuration or nothing reachable, 3 another process took
 * its place.
 */
export async function runApps(names: readonly string[], options: RunOptions = {}): Promise<void> {
  const unknown = names.filter((name) => !Object.hasOwn(PORT_VARIABLE, name));
  const { topologyFile, env = process.env } = options;
  if (unknown.length > 0 || (names.length === 0 && topologyFile === undefined)) {
    const known = APP_NAMES.join(', ');
    return fail(`Unknown app: ${unknown.join(', ') || '(none given)'}. Known are ${known}.`);
  }
  try {
    const config = loadConfig(env);
    const file =
      topologyFile === undefined
        ? null
        : await loadTopologyFile(topologyFile, config.kafka.deployment);
    const label = file === null ? names.join('+') : nameOf(file);
    await runAll(config, label, file, names as readonly AppName[]);
  } catch (error) {
    if (error instanceof ConfigError) return fail(error.message);
    const code = (error as { code?: unknown }).code;
    if (typeof code === 'string' && error instanceof Error) return fail(error.message);
    throw error;
  }
}

async function runAll(
  config: Config,
  label: string,
  file: TopologyFile | null,
  names: readonly AppName[],
): Promise<void> {
  const { instanceId, logLevel: level } = config.service;
  const log = createLog({ app: label, instanceId, level });
  const records = file?.records ?? ALL_RECORDS;
  const connector = new ServiceConnector(config, `millrace-${label}`, records, {
    writesStores: names.includes('coordinator'),
    ...(file === null ? {} : { schemas: file.schemas }),
  });
  // Loaded while the servers answer.
  const own =
    file === null
      ? { connecting: connector.connectAll(), loading: import('./core-apps.ts') }
      : null;
  const services = await (own?.connecting ?? connector.connectLog());
  const metrics = createMetrics();
  let components: CoreComponents | null = null;
  const die = (reason: Error): void => {
    log.fatal({ err: reason }, 'another process took this instance id');
    process.exit(3);
  };
  const tracing = await openTracing(config, label, { metrics, log });
  const context: ProcessContext = { config, log, metrics, services, tracing, die };
  const running: RunningApp[] = [];
  stopOnSignal(log, async () => {
    await Promise.all(running.map((app) => app.stop()));
    await components?.close();
    await services.close();
    await tracing?.close();
  });
  if (file !== null) running.push(await startTopologyFile(context, file));
  if (own !== null) {
    const [core, all] = await Promise.all([own.loading, own.connecting]);
    components = new core.CoreComponents(config, all, log, metrics);
    await core.applyTopicsBy(services.admin, config);
    const appContext = { ...context, services: all, components };
    for (const name of names) running.push(await core.APPS[name](appContext));
  }
  for (const { name, port } of running) log.info({ port }, `${name} serves`);
}

function stopOnSignal(log: Log, stop: () => Promise<void>): void {
  let stopping = false;
  const end = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => {
      log.error({ limitMs: STOP_MS }, 'not stopped within the limit; ending all the same');
      process.exit(1);
    }, STOP_MS).unref();
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', () => end('SIGTERM'));
  process.once('SIGINT', () => end('SIGINT'));
}

function fail(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

if (import.meta.main) await runApps(process.argv.slice(2));
