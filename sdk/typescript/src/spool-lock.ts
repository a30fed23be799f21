import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BotError } from './bot-error.ts';

/** Folders that this process holds: its own identity would not tell two producers in it apart. */
const held = new Set<string>();

/** When a process was started; null when it does not run. Elsewhere than on Linux it only tells whether it runs. */
function startOf(pid: number): string | null {
  try {
    process.kill(pid, 0);
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'EPERM' ? '' : null;
  }
}

/** This run of the system; empty where it cannot be told. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/**
 * Takes a spool's folder for this process. The result gives it back.
 *
 * Throws: BotError SPOOL_IN_USE while the process lives that holds it.
 */
export function lockSpool(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'lock');
  const own = JSON.stringify({ pid: process.pid, start: startOf(process.pid), boot: bootId() });
  if (held.has(folder)) throw inUse(folder, process.pid);
  for (let attempt = 1; ; attempt++) {
    try {
      writeFileSync(file, own, { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = holderOf(file);
      if (holder !== null || attempt > 3) throw inUse(folder, holder ?? 0);
      // Whoever moves it away first is alone to do so.
      const stale = `${file}.${process.pid}`;
      renameSync(file, stale);
      rmSync(stale);
    }
  }
  held.add(folder);
  return () => {
    held.delete(folder);
    rmSync(file, { force: true });
  };
}

/** The process that holds the lock; null when it has ended. */
function holderOf(file: string): number | null {
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly pid: number;
      readonly start: string;
      readonly boot: string;
    };
    if (holder.boot !== bootId()) return null;
    const start = startOf(holder.pid);
    return start !== null && start === holder.start ? holder.pid : null;
  } catch {
    return null;
  }
}

function inUse(folder: string, pid: number): BotError {
  return new BotError(
    'SPOOL_IN_USE',
    `process ${pid} uses the spool ${folder}; give each producer a folder of its own, or end that process`,
  );
}
