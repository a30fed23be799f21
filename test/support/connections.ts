import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Ports of this machine that a process has connections to, or from; Linux only. */
export interface Connections {
  /** Ports that it listens on. */
  readonly listening: ReadonlySet<number>;
  /** Ports at the other end of connections that it has opened. */
  readonly opened: ReadonlySet<number>;
}

const LISTEN = '0A';
const ESTABLISHED = '01';

/** What `/proc` says of the sockets of a process. Throws: Error ENOENT when there is no such process. */
export function connectionsOf(pid: number): Connections {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        // Closed since it was listed.
        return [];
      }
    }),
  );
  const listening = new Set<number>();
  const peers: (readonly [own: number, other: number])[] = [];
  for (const file of ['tcp', 'tcp6'])
    for (const line of readFileSync(`/proc/${pid}/net/${file}`, 'utf8').split('\n').slice(1)) {
      const [, local = '', remote = '', state = '', , , , , , inode = ''] = line
        .trim()
        .split(/\s+/);
      if (!inodes.has(inode)) continue;
      if (state === LISTEN) listening.add(portOf(local));
      if (state === ESTABLISHED) peers.push([portOf(local), portOf(remote)]);
    }
  const opened = peers.filter(([own]) => !listening.has(own)).map(([, other]) => other);
  return { listening, opened: new Set(opened) };
}

/** Of `0100007F:1F90`. */
function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '0', 16);
}
