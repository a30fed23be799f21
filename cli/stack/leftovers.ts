import { setTimeout as pause } from 'node:timers/promises';
import { signalGroup, STOP_TIMEOUT_MS } from './launch.ts';
import type { News } from './news.ts';
import { isAlive, type PartRecord, type RunFolder } from './run-folder.ts';
import { ALL_SERVERS } from './servers.ts';

const LOOK_EVERY_MS = 50;
/** After a SIGKILL only the kernel is waited for. */
const KILL_TIMEOUT_MS = 5_000;

/** Ends what an earlier supervisor that was killed left running: the apps first, then the servers. */
export async function endLeftovers(run: RunFolder, tell: (news: News) => void): Promise<void> {
  const isServer = ({ part }: PartRecord): boolean => ALL_SERVERS.some((server) => server === part);
  const records = run.readAll();
  const alive = records.filter(isAlive);
  for (const group of [alive.filter((record) => !isServer(record)), alive.filter(isServer)]) {
    await Promise.all(group.map((record) => endLeftover(record, tell)));
  }
  for (const { part } of records) run.forget(part);
}

async function endLeftover(record: PartRecord, tell: (news: News) => void): Promise<void> {
  const { part, pid } = record;
  if (pid === null) return;
  const startedAt = performance.now();
  signalGroup(pid, part === 'postgres' ? 'SIGINT' : 'SIGTERM');
  if (!(await hasEnded(record, STOP_TIMEOUT_MS))) {
    signalGroup(pid, 'SIGKILL');
    await hasEnded(record, KILL_TIMEOUT_MS);
  }
  const ms = Math.round(performance.now() - startedAt);
  tell({ part, what: 'left-over-ended', ms, detail: `pid ${pid} of an earlier start` });
}

async function hasEnded(record: PartRecord, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (isAlive(record)) {
    if (performance.now() > deadline) return false;
    await pause(LOOK_EVERY_MS);
  }
  return true;
}
