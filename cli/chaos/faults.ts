import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { RunFolder } from '../stack/run-folder.ts';
import { pidOf } from './victims.ts';

/** What was done to the system, counted. */
export interface Done {
  kills: number;
  pauses: number;
  /** Of connections, by app. */
  resets: Readonly<Record<string, number>>;
}

/** Faults that were asked for and never happened, in sentences: a run without them shows nothing of them. */
export function neverHappened(
  done: Done,
  asked: Pick<FaultPlan, 'kill' | 'pause'>,
): readonly string[] {
  const without = Object.keys(done.resets).filter((app) => done.resets[app] === 0);
  return [
    ...(asked.kill.length > 0 && done.kills === 0
      ? [`No process of ${asked.kill.join(', ')} was killed: let it run longer.`]
      : []),
    ...(asked.pause.length > 0 && done.pauses === 0
      ? [`No process of ${asked.pause.join(', ')} was held: let it run longer.`]
      : []),
    ...without.map(
      (app) => `No connection of ${app} was reset: let it run longer, or ask for a larger share.`,
    ),
  ];
}

export interface FaultPlan {
  readonly run: RunFolder;
  /** Parts whose process is killed, in turn. */
  readonly kill: readonly string[];
  /** Parts whose process is held, in turn. */
  readonly pause: readonly string[];
  readonly done: Done;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Between two kills: a killed part is started again after 1 to 10 s. */
const KILL_EVERY_MS = 6_000;
const PAUSE_EVERY_MS = 12_000;
/** How long a held process hangs. */
const HOLD_MS = 4_000;

/** Kills and holds until the signal fires, also when that is nothing; what was held goes on, whatever happens. */
export async function disturb(plan: FaultPlan): Promise<void> {
  const over = plan.signal.aborted ? null : once(plan.signal, 'abort');
  await Promise.all([kills(plan), pauses(plan), over]);
}

async function kills({ run, kill, done, signal, say }: FaultPlan): Promise<void> {
  for (let turn = 0; kill.length > 0 && !signal.aborted; turn++) {
    await quietly(KILL_EVERY_MS * (0.5 + Math.random() / 2), signal);
    const part = kill[turn % kill.length] ?? '';
    const pid = signal.aborted ? null : pidOf(run, part);
    if (pid === null || !signalled(pid, 'SIGKILL')) continue;
    done.kills += 1;
    say(`killed ${part} (${pid})`);
  }
}

async function pauses({ run, pause: held, done, signal, say }: FaultPlan): Promise<void> {
  for (let turn = 0; held.length > 0 && !signal.aborted; turn++) {
    await quietly(turn === 0 ? HOLD_MS : PAUSE_EVERY_MS, signal);
    const part = held[turn % held.length] ?? '';
    const pid = signal.aborted ? null : pidOf(run, part);
    if (pid === null || !signalled(pid, 'SIGSTOP')) continue;
    try {
      done.pauses += 1;
      say(`holding ${part} (${pid}) for ${HOLD_MS / 1000} s`);
      await quietly(HOLD_MS, signal);
    } finally {
      signalled(pid, 'SIGCONT');
    }
  }
}

/** False when there is no such process any more. */
function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

async function quietly(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, null, { signal }).catch(() => null);
}
