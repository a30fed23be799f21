import { KafkaError } from '../client.ts';
import { CLIENT_LIMITS } from '../limits.ts';
import type { Cluster } from './cluster.ts';
import type { Address, Link } from './link.ts';

/**
 * Connections for requests that wait at the broker. A broker answers a connection's requests one by one, so two
 * long polls at once need two connections: each request has a lane of its own, and lanes are used again.
 */
export class Lanes {
  readonly #cluster: Cluster;
  readonly #idle = new Map<string, Link[]>();
  readonly #open = new Set<Link>();
  readonly #waiting: (() => void)[] = [];
  #busy = 0;
  #closed = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Throws: KafkaError CLOSED, the library's errors, and what `use` throws. */
  async use<Result>(address: Address, use: (link: Link) => Promise<Result>): Promise<Result> {
    while (this.#busy >= CLIENT_LIMITS.readerConnections && !this.#closed)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#assertOpen();
    this.#busy += 1;
    try {
      const key = `${address.host}:${address.port}`;
      const link = await this.#take(key, address);
      try {
        return await use(link);
      } finally {
        if (link.isOpen) this.#idle.set(key, [...(this.#idle.get(key) ?? []), link]);
        else this.#open.delete(link);
      }
    } finally {
      this.#busy -= 1;
      this.#waiting.shift()?.();
    }
  }

  close(): void {
    this.#closed = true;
    for (const wake of this.#waiting.splice(0)) wake();
    for (const link of this.#open) link.cut();
  }

  async #take(key: string, address: Address): Promise<Link> {
    for (;;) {
      const idle = this.#idle.get(key)?.pop();
      if (idle === undefined) break;
      if (idle.isOpen) return idle;
      this.#open.delete(idle);
    }
    const link = await this.#cluster.alone(address);
    this.#open.add(link);
    if (this.#closed) link.cut();
    this.#assertOpen();
    return link;
  }

  #assertOpen(): void {
    if (this.#closed)
      throw new KafkaError('CLOSED', false, 'The reader was closed; ask the client for another.');
  }
}
