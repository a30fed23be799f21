import { setTimeout as pause } from 'node:timers/promises';
import type { AppName } from '../../apps/config.ts';
import { type AnomalyReport, isClean } from '../../testing/anomaly-checker.ts';
import { checkAll } from '../check/check-all.ts';
import type { Io } from '../command.ts';
import type { DemoLine } from '../demo/intent-file.ts';
import { type Report, reportOf } from '../demo/report.ts';
import { runDemo } from '../demo/run-demo.ts';
import { withLog } from '../log/log-session.ts';
import type { RunFolder } from '../stack/run-folder.ts';
import { addressOf } from '../stack/servers.ts';
import { stackSettings } from '../stack/settings.ts';
import { type Done, disturb, neverHappened } from './faults.ts';
import { type ProxiedWorker, startProxiedWorker } from './proxied-worker.ts';

export interface ChaosOptions {
  readonly run: RunFolder;
  readonly kill: readonly string[];
  readonly pause: readonly string[];
  /** Apps behind a proxy, and the share of their produce requests whose connection is reset. */
  readonly resets: ReadonlyMap<AppName, number>;
  readonly forMs: number;
  /** Intents a second. */
  readonly rate: number;
  readonly url: string;
  readonly lines: readonly DemoLine[];
  readonly io: Io;
  readonly say: (line: string) => void;
}

export interface ChaosResult {
  readonly done: Done;
  readonly demo: Report;
  readonly reports: readonly AnomalyReport[];
  /** Faults that were asked for and never happened. */
  readonly never: readonly string[];
  /** Nothing is wrong, and every fault that was asked for happened. */
  readonly isClean: boolean;
}

/** For what is still on its way when the load has ended. */
const SETTLE_MS = 60_000;
const LOOK_EVERY_MS = 1_000;

/**
 * Load and faults side by side, then the end of every intent and the checker's verdict. Whatever ends it, what was held
 * goes on and what was replaced is put back.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { run, kill, rate, forMs, url, say } = options;
  const done: Done = { kills: 0, pauses: 0, resets: {} };
  const ended = new AbortController();
  const stop = (): void => ended.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, stop);
  const proxied: ProxiedWorker[] = [];
  const putBack = async (): Promise<void> => {
    await Promise.all(proxied.map((worker) => worker.end()));
    done.resets = Object.fromEntries(proxied.map(({ app, resets }) => [app, resets]));
  };
  try {
    for (const [app, share] of options.resets) proxied.push(await startReset(options, app, share));
    const count = Math.max(1, Math.round((rate * forMs) / 1000));
    const lines = Array.from({ length: count }, (_, index) => lineOf(options.lines, index));
    const { signal } = ended;
    const disturbing = disturb({ run, kill, pause: options.pause, done, signal, say });
    const timer = setTimeout(stop, forMs);
    const demo = runDemo(lines, { url, rate, onProgress: () => {} });
    await disturbing;
    clearTimeout(timer);
    await putBack();
    const { outcomes, resent } = await demo;
    say('the load has ended; every topic is read');
    const reports = await verdict(options.io);
    const report = reportOf(outcomes, resent);
    const never = neverHappened(done, options);
    const clean = reports.every(isClean) && report.mismatches.length + never.length === 0;
    return { done, demo: report, reports, never, isClean: clean };
  } finally {
    ended.abort();
    await putBack();
    for (const signal of signals) process.off(signal, stop);
  }
}

async function startReset(
  { run, io, say }: ChaosOptions,
  app: AppName,
  share: number,
): Promise<ProxiedWorker> {
  const { envOf, config } = await stackSettings(io.env);
  const port = config.service.ports[app];
  const broker = config.kafka.brokers[0] ?? addressOf('kafka', 0);
  say(
    `${app} runs behind a proxy that resets the connection of ${share * 100} % of what it produces`,
  );
  return startProxiedWorker({ run, app, port, broker, env: envOf(app), share });
}

function lineOf(lines: readonly DemoLine[], index: number): DemoLine {
  return lines[index % lines.length] as DemoLine;
}

/** Waits until nothing is pending, or something is wrong, or the time is over. */
async function verdict(io: Io): Promise<readonly AnomalyReport[]> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const reports = await withLog({ io, topologyFile: undefined }, (session) =>
      checkAll(session, [], false),
    );
    const pending = reports.some(({ pending: { inputs, outputs } }) => inputs + outputs > 0);
    if (!pending || !reports.every(isClean) || performance.now() > deadline) return reports;
    await pause(LOOK_EVERY_MS);
  }
}
