import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { AppName } from '../../apps/config.ts';
import { startFaultProxy } from '../../testing/fault-proxy.ts';
import { isHealthy } from '../stack/app-part.ts';
import { ROOT } from '../stack/programs.ts';
import type { RunFolder } from '../stack/run-folder.ts';

export interface ProxiedWorkerOptions {
  readonly run: RunFolder;
  readonly app: AppName;
  readonly port: number;
  /** host:port */
  readonly broker: string;
  /** The environment that `millrace up` gives its apps. */
  readonly env: Readonly<Record<string, string>>;
  /** Share of produce requests whose connection is reset, half of them after the broker took it. */
  readonly share: number;
}

/** An app that runs in place of the supervisor's own. */
export interface ProxiedWorker {
  readonly app: AppName;
  /** Connections that were reset so far. */
  readonly resets: number;
  /** Puts things back. */
  end(): Promise<void>;
}

/** For the part to stop, and for its stand-in to be healthy. */
const LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 100;

/**
 * Runs one app in place of the supervisor's, behind a proxy that resets its connections.
 *
 * Throws: Error when the stand-in does not become healthy; the supervisor's own is started again first.
 */
export async function startProxiedWorker(options: ProxiedWorkerOptions): Promise<ProxiedWorker> {
  const { run, app, port, broker, env, share } = options;
  let resets = 0;
  const proxy = await startFaultProxy({ broker });
  let child: ChildProcess | null = null;
  const end = async (): Promise<void> => {
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await Promise.race([exit, pause(LIMIT_MS / 6).then(() => child?.kill('SIGKILL'))]);
      await exit;
    }
    await proxy.close();
    run.clearStopped(app);
  };
  try {
    run.markStopped(app);
    await until(`${app} has stopped`, () => run.read(app)?.state === 'stopped');
    child = spawn(process.execPath, [join(ROOT, 'cli', 'main.ts'), 'run', app], {
      env: { ...process.env, ...env, KAFKA_BROKERS: proxy.address },
      stdio: 'ignore',
    });
    await until(`${app} behind the proxy is healthy`, () => isHealthy(port));
  } catch (error) {
    await end();
    throw error;
  }
  proxy.onProduce(() => {
    if (Math.random() >= share) return 'pass';
    resets += 1;
    return Math.random() < 0.5 ? 'cut-after' : 'cut-before';
  });
  return {
    app,
    get resets() {
      return resets;
    },
    end,
  };
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Not within ${LIMIT_MS / 1000} s: ${what}.`);
    await pause(LOOK_EVERY_MS);
  }
}
