import { RedisConnection } from './connection.ts';

/** Which body an intent was first submitted with, and whether it is on the log. */
export interface SubmissionNote {
  readonly fingerprint: string;
  readonly isSent: boolean;
}

const SENT = 'sent:';
const BEGUN = 'begun:';

/**
 * What instances of the gateway have to know of each other: nonces that were used, and intents that were submitted
 * under a key of the caller's. Never a read model; all of it expires.
 *
 * Throws: ReadModelError READ_MODEL_AWAY from every method, within 2 s.
 */
export class GatewayNotes {
  readonly #connection: RedisConnection;
  readonly #prefix: string;

  private constructor(connection: RedisConnection, topicPrefix: string) {
    this.#connection = connection;
    this.#prefix = `millrace:gateway:${topicPrefix}`;
  }

  /** Waits for Redis at most 2 s; where it is away, the methods say so until it is there. */
  static async open(url: string, topicPrefix = ''): Promise<GatewayNotes> {
    return new GatewayNotes(await RedisConnection.open(url), topicPrefix);
  }

  /** True for the first who claims the nonce of a caller within the time. */
  async claim(caller: string, nonce: string, ttlMs: number): Promise<boolean> {
    const key = `${this.#prefix}nonce:${caller}:${nonce}`;
    const set = await this.#connection.run('claiming a nonce', (redis) =>
      redis.set(key, '1', 'PX', ttlMs, 'NX'),
    );
    return set === 'OK';
  }

  /** Notes the body of an intent unless there is a note already; returns that one, null when there was none. */
  async begin(
    intentId: string,
    fingerprint: string,
    ttlMs: number,
  ): Promise<SubmissionNote | null> {
    const noted = await this.#connection.run('noting an intent', (redis) =>
      redis.set(this.#submitted(intentId), BEGUN + fingerprint, 'PX', ttlMs, 'NX', 'GET'),
    );
    if (noted === null) return null;
    const isSent = noted.startsWith(SENT);
    return { fingerprint: noted.slice((isSent ? SENT : BEGUN).length), isSent };
  }

  /** Notes that an intent is on the log. */
  async sent(intentId: string, fingerprint: string, ttlMs: number): Promise<void> {
    await this.#connection.run('noting an intent', (redis) =>
      redis.set(this.#submitted(intentId), SENT + fingerprint, 'PX', ttlMs),
    );
  }

  /** Order: once, last. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  #submitted(intentId: string): string {
    return `${this.#prefix}submitted:${intentId}`;
  }
}
