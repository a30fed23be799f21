import { ConnectionPool } from '@platformatic/kafka';
import { KafkaError, type KafkaClientOptions } from '../client.ts';
import { CLIENT_LIMITS, requestTimeoutOf } from '../limits.ts';
import { securityOptions } from './cluster.ts';

/**
 * Connections for requests that wait at the broker. A broker answers a connection's requests one by one, so two
 * long polls at once need two connections: each request has a lane of its own, and lanes are used again.
 */
export class Lanes {
  readonly #options: KafkaClientOptions;
  readonly #idle: ConnectionPool[] = [];
  readonly #all = new Set<ConnectionPool>();
  readonly #waiting: (() => void)[] = [];
  #closed = false;

  constructor(options: KafkaClientOptions) {
    this.#options = options;
  }

  /** Throws: KafkaError CLOSED, and what `use` throws. */
  async use<Result>(use: (lane: ConnectionPool) => Promise<Result>): Promise<Result> {
    const lane = await this.#take();
    try {
      return await use(lane);
    } finally {
      this.#idle.push(lane);
      this.#waiting.shift()?.();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#waiting.splice(0)) wake();
    await Promise.all([...this.#all].map((lane) => lane.close()));
  }

  async #take(): Promise<ConnectionPool> {
    while (!this.#closed) {
      const lane =
        this.#idle.pop() ??
        (this.#all.size < CLIENT_LIMITS.readerConnections ? this.#open() : undefined);
      if (lane !== undefined) return lane;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    throw new KafkaError('CLOSED', false, 'The reader was closed; ask the client for another one.');
  }

  #open(): ConnectionPool {
    const lane = new ConnectionPool(this.#options.clientId, {
      requestTimeout: requestTimeoutOf(this.#options),
      connectTimeout: CLIENT_LIMITS.connectMs,
      ...securityOptions(this.#options),
    });
    this.#all.add(lane);
    return lane;
  }
}
