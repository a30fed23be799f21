import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Tells a process from a later one with the same pid: when it was started, and in which run of the system.
 *
 * Shape: an opaque text to compare; null when there is no such process, or it has ended and waits to be reaped.
 */
export function identityOf(pid: number): string | null {
  return process.platform === 'linux' ? linuxIdentity(pid) : psIdentity(pid);
}

/** Whether the process still runs that had this identity. */
export function isSame(pid: number, identity: string): boolean {
  return identityOf(pid) === identity;
}

function linuxIdentity(pid: number): string | null {
  try {
    const startedAt = parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return startedAt === null ? null : `${boot}:${startedAt}`;
  } catch {
    return null;
  }
}

/** The start time of a line of /proc/<pid>/stat; null for a zombie. */
export function parseStat(line: string): string | null {
  // The second field is the command in parentheses, and may hold any character.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  return state === 'Z' || state === 'X' ? null : (fields[19] ?? null);
}

function psIdentity(pid: number): string | null {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
    });
    const [state = '', ...started] = line.trim().split(/\s+/);
    return state === '' || state.startsWith('Z') ? null : started.join(' ');
  } catch {
    return null;
  }
}
