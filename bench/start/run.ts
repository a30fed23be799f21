import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePorts } from '../../cli/stack/ports.ts';
import { ROOT } from '../../cli/stack/programs.ts';
import { ADDRESS_VARIABLE } from '../../cli/stack/servers.ts';
import { medianOf } from '../chain/report.ts';
import { madeOn, markdownTable } from '../chain/tables.ts';
import type { Figures } from '../goals.ts';
import { VoidRunError } from '../latency/audit.ts';
import { headOf, loadAverage, type RunHead } from '../latency/machine.ts';
import { hold, holdChild, release } from '../signals.ts';

export interface StartPlan {
  readonly rounds: number;
}

/** One start and end of the local system. Units: ms from the start of the process, or from the signal. */
export interface Start {
  readonly round: number;
  /** `first`: on an empty data folder; `again`: on what the start before it left. */
  readonly kind: 'first' | 'again';
  readonly readyMs: number;
  /** Of each part, from its own start until it answers. */
  readonly parts: Readonly<Record<string, number>>;
  /** From SIGTERM until the process and all that it started have ended. */
  readonly stopMs: number;
}

/** Shape of the result files of starts. */
export interface StartReport extends RunHead<StartPlan> {
  readonly starts: readonly Start[];
}

const PORTS = [
  ...['KAFKA_PORT', 'SCHEMA_REGISTRY_PORT', 'POSTGRES_PORT', 'REDIS_PORT'],
  ...['PORT', 'TRADING_PORT', 'ORCHESTRATOR_PORT', 'COORDINATOR_PORT'],
];
/** Longer than anybody waits; a start that takes it is none. */
const READY_LIMIT_MS = 300_000;

/**
 * Starts the local system as `npm start` does, packages and jars being there, without its first intent; and ends it.
 *
 * Throws: VoidRunError when it does not become ready.
 */
export async function runStarts(
  plan: StartPlan,
  tell: (line: string) => void,
): Promise<StartReport> {
  const loadBefore = loadAverage();
  const starts: Start[] = [];
  for (let round = 1; round <= plan.rounds; round++) {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
    const data = hold({ stop: () => rm(folder, { recursive: true, force: true }) });
    try {
      const ports = await freePorts(PORTS.length);
      const env = Object.fromEntries(PORTS.map((name, index) => [name, String(ports[index])]));
      for (const kind of ['first', 'again'] as const) {
        tell(`start, ${kind}, round ${round}`);
        starts.push({ round, kind, ...(await startOnce({ ...env, MILLRACE_DATA: folder })) });
      }
    } finally {
      await data.stop();
      release(data);
    }
  }
  return {
    ...headOf(plan, loadBefore),
    starts,
  };
}

async function startOnce(
  env: Readonly<Record<string, string>>,
): Promise<Pick<Start, 'readyMs' | 'parts' | 'stopMs'>> {
  const startedAt = performance.now();
  const child = holdChild(
    spawn(process.execPath, [join(ROOT, 'cli', 'main.ts'), 'up', '--json', '--no-first-intent'], {
      env: { ...withoutServers(process.env), ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  const closed = once(child, 'close');
  const limit = setTimeout(() => child.kill('SIGTERM'), READY_LIMIT_MS);
  try {
    const parts = await untilReady(child);
    const readyMs = Math.round(performance.now() - startedAt);
    const asked = performance.now();
    child.kill('SIGTERM');
    await closed;
    return { readyMs, parts, stopMs: Math.round(performance.now() - asked) };
  } finally {
    clearTimeout(limit);
    child.kill('SIGTERM');
    await closed;
  }
}

/** Servers whose addresses are given would be used, not started. */
function withoutServers(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const given: readonly string[] = Object.values(ADDRESS_VARIABLE);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !given.includes(name)));
}

async function untilReady({ stdout }: ChildProcess): Promise<Readonly<Record<string, number>>> {
  const parts: Record<string, number> = {};
  if (stdout === null) throw new Error('there is no output to read');
  for await (const line of createInterface(stdout)) {
    const news = JSON.parse(line) as { part: string; what: string; ms?: number };
    if (news.part === 'millrace' && news.what === 'ready') return parts;
    if (news.ms !== undefined) parts[news.part] = Math.round(news.ms);
  }
  throw new VoidRunError('The local system ended before it was ready: the run is void.');
}

/** What goals are held against. */
export function startFigures({ starts }: Pick<StartReport, 'starts'>): Figures {
  const median = (kind: Start['kind'], of: (start: Start) => number): number | null => {
    const own = starts.filter((start) => start.kind === kind);
    return own.length === 0 ? null : medianOf(own.map(of));
  };
  return {
    first: median('first', ({ readyMs }) => readyMs),
    again: median('again', ({ readyMs }) => readyMs),
    stop: median('again', ({ stopMs }) => stopMs),
  };
}

/** The README's table of a run, as Markdown. */
export function startTable(report: StartReport): string {
  const names = [...new Set(report.starts.flatMap(({ parts }) => Object.keys(parts)))];
  const rows = (['first', 'again'] as const).map((kind) => {
    const own = report.starts.filter((start) => start.kind === kind);
    const seconds = (of: (start: Start) => number): string =>
      own.length === 0 ? '–' : (medianOf(own.map(of)) / 1_000).toFixed(1);
    return [
      kind,
      seconds(({ readyMs }) => readyMs),
      ...names.map((name) => seconds(({ parts }) => parts[name] ?? 0)),
      seconds(({ stopMs }) => stopMs),
    ];
  });
  return [
    ...markdownTable(['start, s', 'ready', ...names, 'stop'], rows),
    '',
    `Medians of ${report.plan.rounds}; packages and jars are there. ${madeOn(report)}`,
  ].join('\n');
}
