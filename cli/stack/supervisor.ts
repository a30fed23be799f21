import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { UsageError } from '../command.ts';
import { Keeper } from './keeper.ts';
import { endLeftovers } from './leftovers.ts';
import type { News } from './news.ts';
import type { Part } from './part.ts';
import { isPortBusy } from './ports.ts';
import { RunFolder } from './run-folder.ts';

/** Longer than the apps and then the servers may take to end. */
const STOPPING_TIMEOUT_MS = 25_000;
const LOOK_EVERY_MS = 50;

/** What the supervisor brings up, in this order: servers, `apply`, apps, `ready`. */
export interface LocalSystem {
  readonly dataFolder: string;
  /** Servers that exist elsewhere. */
  readonly given: readonly { readonly part: string; readonly address: string }[];
  readonly servers: readonly Part[];
  /** Topics, schemas and tables: what the apps need in the servers; says what it did. null: there are no apps. */
  readonly apply: (() => Promise<string>) | null;
  readonly apps: readonly Part[];
  /** Everything answers. */
  readonly ready: () => Promise<void>;
}

/**
 * Runs a local system until `stop` is aborted, starts again what dies, and leaves no process.
 *
 * Order: what an earlier supervisor left is ended first; nothing is started while a port is busy.
 * Throws: UsageError (ALREADY_RUNNING, PORT_BUSY) before anything is started; what a first start or `apply` throws,
 * after everything has ended again.
 */
export async function supervise(
  system: LocalSystem,
  options: { readonly tell: (news: News) => void; readonly stop: AbortSignal },
): Promise<void> {
  const { tell, stop } = options;
  const run = new RunFolder(system.dataFolder);
  await claim(run, system.dataFolder);
  try {
    await endLeftovers(run, tell);
    await refuseBusyPorts([...system.servers, ...system.apps]);
    noteGiven(system, { run, tell });
    const keepers = (parts: readonly Part[]): Keeper[] =>
      parts.map((part) => new Keeper(part, { run, tell, logFile: logFileOf(system, part) }));
    await keep(system, {
      servers: keepers(system.servers),
      apps: keepers(system.apps),
      run,
      tell,
      stop,
    });
  } finally {
    for (const { part } of system.given) run.forget(part);
    run.release();
  }
}

interface Kept {
  readonly servers: readonly Keeper[];
  readonly apps: readonly Keeper[];
  readonly run: RunFolder;
  readonly tell: (news: News) => void;
  readonly stop: AbortSignal;
}

async function keep(system: LocalSystem, kept: Kept): Promise<void> {
  const { servers, apps, run, stop } = kept;
  const stopped = new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    stop.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    // What throws after the stop has nobody to tell.
    await Promise.race([bringUp(system, kept), stopped]);
    await stopped;
  } finally {
    // A mark that cannot be written (a full disk) must not keep anything from being ended.
    try {
      run.claim('stopping');
    } finally {
      await Promise.all(apps.map((keeper) => keeper.end()));
      await Promise.all(servers.map((keeper) => keeper.end()));
    }
  }
}

async function bringUp(system: LocalSystem, { servers, apps, tell, stop }: Kept): Promise<void> {
  await Promise.all(servers.map((keeper) => keeper.start()));
  if (stop.aborted) return;
  if (system.apply !== null) {
    const startedAt = performance.now();
    const detail = await system.apply();
    tell({ part: 'apply', what: 'done', ms: Math.round(performance.now() - startedAt), detail });
  }
  if (stop.aborted) return;
  await Promise.all(apps.map((keeper) => keeper.start()));
  if (!stop.aborted) await system.ready();
}

/** One that is stopping is waited for; a Ctrl-C and a new start may follow closely. */
async function claim(run: RunFolder, dataFolder: string): Promise<void> {
  const deadline = performance.now() + STOPPING_TIMEOUT_MS;
  while (run.supervisor()?.state === 'stopping' && performance.now() < deadline) {
    await pause(LOOK_EVERY_MS);
  }
  const other = run.supervisor();
  if (other !== null) {
    throw new UsageError(
      'ALREADY_RUNNING',
      `millrace up already runs on ${dataFolder}, as pid ${other.pid}. Stop it first, or give this one another MILLRACE_DATA and other ports.`,
    );
  }
  run.claim('running');
}

async function refuseBusyPorts(parts: readonly Part[]): Promise<void> {
  const checked = await Promise.all(
    parts.map(async (part) => ({ part, busy: await isPortBusy(part.port) })),
  );
  const lines = checked
    .filter(({ busy }) => busy)
    .map(
      ({ part }) =>
        `Port ${part.port} of ${part.name} is in use by another program. Free it, or set ${part.portVariable} to another port.`,
    );
  if (lines.length > 0) throw new UsageError('PORT_BUSY', lines.join('\n'));
}

function noteGiven(
  { given }: LocalSystem,
  { run, tell }: { readonly run: RunFolder; readonly tell: (news: News) => void },
): void {
  for (const { part, address } of given) {
    const record = { pid: null, identity: null, port: null, since: Date.now(), restarts: 0 };
    run.write({ ...record, part, state: 'given' });
    tell({ part, what: 'given', detail: address.replace(/(:\/\/[^:@/]*):[^@/]*@/, '$1:***@') });
  }
}

function logFileOf({ dataFolder }: LocalSystem, part: Part): string {
  const folder = join(dataFolder, 'log');
  mkdirSync(folder, { recursive: true });
  return join(folder, `${part.name}.log`);
}
