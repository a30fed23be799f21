import { hostname } from 'node:os';
import { openStores } from './open-stores.ts';
import type { Topology } from '../engine/topology.ts';
import {
  type ApplicationOptions,
  ApplicationRunner,
  type ApplicationStatus,
} from '../kafka/application-runner.ts';
import { LoopLoad } from '../kafka/loop-load.ts';
import { partitionOf } from '../kafka/partitioner.ts';
import { clockMicros } from './clock.ts';
import type { Config } from './config.ts';
import type { CoreComponents } from './core-components.ts';
import { engineObserver } from './engine-observer.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { LogServices, Services } from './service-connector.ts';
import { type HealthChecks, VERSION } from './service-server.ts';
import { traceObserver } from './trace-observer.ts';
import type { Tracing } from './tracing.ts';
import { trustLog } from './trust-log.ts';

/** What whatever runs in a process is made from. */
export interface ProcessContext {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly services: LogServices;
  /** null: nothing is traced. */
  readonly tracing: Tracing | null;
  /** Ends the process at once: another one has taken its place (J5a). */
  readonly die: (reason: Error) => void;
}

/** What every app of this system is made from. */
export interface AppContext extends ProcessContext {
  readonly services: Services;
  readonly components: CoreComponents;
}

export interface RunningApp {
  /** App name, or the application of a topology file. */
  readonly name: string;
  readonly port: number;
  /** Finishes what is under way, bounded, and ends. */
  stop(): Promise<void>;
}

/** Starts one app; resolves when it serves HTTP. */
export type StartApp = (context: AppContext) => Promise<RunningApp>;

/**
 * An application of the engine in this process.
 *
 * Throws: LogNotTrustedError (stop) when the broker may lose what it has acknowledged (J10).
 */
export async function startApplication(
  context: ProcessContext,
  topology: Topology,
  more: Partial<ApplicationOptions> = {},
): Promise<ApplicationRunner> {
  const { config, log, metrics, services, tracing, die } = context;
  const { observer = engineObserver(topology, metrics, log), ...rest } = more;
  const { application } = topology;
  await trustLog(context, topology);
  return new ApplicationRunner({
    topology,
    client: services.kafka,
    codec: services.codec,
    names: services.names,
    partitions: config.kafka.partitions,
    partitionOf,
    clock: clockMicros,
    host: hostname(),
    codeVersion: VERSION,
    instanceId: `${application}.${config.service.instanceId}`,
    sessionTimeoutMs: config.kafka.sessionTimeoutMs,
    ...openStores(context, topology),
    cleaning: config.kafka.cleaning,
    isBusy: new LoopLoad().isBusy,
    observer: tracing === null ? observer : traceObserver(application, observer, tracing),
    log,
    onFenced: die,
    ...rest,
  });
}

/** How long tasks may be silent before an app says it is not healthy. */
const SILENT_MS = 5_000;
/** How long a task may have work and not move before an app says so; the watchdog heals it later. */
const STALLED_MS = 10_000;

/** `tasks`: joined, every task running or about to, sources answering. */
export function taskCheck(...runners: readonly ApplicationRunner[]): HealthChecks {
  return {
    tasks: async () => {
      for (const { status } of runners) refuseUnhealthy(status);
    },
  };
}

function refuseUnhealthy({ joined, tasks, fetchSilentMs }: ApplicationStatus): void {
  if (!joined) throw new Error('not a member of its group yet');
  for (const { partition, status, failure, pausedBy, stalledMs } of tasks) {
    if (failure !== null) throw new Error(`task ${partition} stopped: ${failure}`);
    if (pausedBy !== null) throw new Error(`task ${partition} is paused: ${pausedBy}`);
    if (status !== 'running') throw new Error(`task ${partition} is ${status}`);
    if (stalledMs > STALLED_MS) throw new Error(`task ${partition} has work and does not move`);
  }
  if (fetchSilentMs > SILENT_MS) throw new Error('the broker does not answer fetches');
}
