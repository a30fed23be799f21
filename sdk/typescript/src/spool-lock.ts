import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BotError } from './bot-error.ts';

const ATTEMPTS = 5;
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
  for (let attempt = 1; !placed(file, own); attempt++) {
    const { text, pid } = holderOf(file);
    if (pid !== null || attempt > ATTEMPTS) throw inUse(folder, pid ?? 0);
    removeStale(file, text);
  }
  held.add(folder);
  return () => {
    held.delete(folder);
    rmSync(file, { force: true });
  };
}

/** Puts the lock there whole. False: there is one. */
function placed(file: string, own: string): boolean {
  const beside = `${file}.${process.pid}`;
  writeFileSync(beside, own);
  try {
    linkSync(beside, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(beside, { force: true });
  }
}

/** Takes away the lock of a process that has ended, if it is that one still: another process may be about to do the same. */
function removeStale(file: string, text: string): void {
  const stale = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, stale);
    if (readFileSync(stale, 'utf8') !== text) linkSync(stale, file);
    rmSync(stale);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
  }
}

/** What the lock says, and the process that holds it; null when it has ended. */
function holderOf(file: string): { readonly text: string; readonly pid: number | null } {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
    const { pid, start, boot } = JSON.parse(text) as Readonly<Record<string, string>> & {
      readonly pid: number;
    };
    const lives = boot === bootId() && pid > 0 && startOf(pid) === start;
    return { text, pid: lives ? pid : null };
  } catch {
    return { text, pid: null };
  }
}

function inUse(folder: string, pid: number): BotError {
  return new BotError(
    'SPOOL_IN_USE',
    `process ${pid} uses the spool ${folder}; give each producer a folder of its own, or end that process`,
  );
}
