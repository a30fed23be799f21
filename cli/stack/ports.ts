import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the range that systems take for outgoing connections: nobody gets such a port by chance. Above 10080, the last
 * of those that fetch refuses (WHATWG, bad ports): what listens there never looks ready.
 */
const LOWEST = 10_081;
const HIGHEST = 32_000;
const MOST_TRIES = 100;

/** A port of 127.0.0.1 that nothing listened on a moment ago. Throws: Error after MOST_TRIES busy ones. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (!(await isPortBusy(port))) return port;
  }
  throw new Error(`No free port from ${LOWEST} to ${HIGHEST}. Is the loopback interface up?`);
}

/** `count` different free ports. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

/** Whether something else already listens on the port, on this address or on all of them. */
export function isPortBusy(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(true));
    server.listen(port, host, () => server.close(() => resolve(false)));
  });
}
