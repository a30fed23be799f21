import { Redis } from 'ioredis';
import { ReadModelError, toReadModelError } from './read-model-error.ts';

const CONNECT_TIMEOUT_MS = 2_000;
/** A caller has its answer or its error after this. */
const COMMAND_TIMEOUT_MS = 2_000;
/** Just after the command's own: a connection on which nothing came back is ended, and another opened. */
const SOCKET_TIMEOUT_MS = 2_500;
const RECONNECT_DELAY_MS = { first: 50, most: 1_000 };

/**
 * A connection that fails fast and comes back by itself: nothing is queued while Redis is away, so that a command
 * fails at once, and a connection is tried again for as long as it is open, every second at most.
 */
export class RedisConnection {
  readonly #redis: Redis;

  private constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** Waits for Redis at most 2 s, then gives out the connection all the same. */
  static async open(url: string): Promise<RedisConnection> {
    const redis = new Redis(url, {
      lazyConnect: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: COMMAND_TIMEOUT_MS,
      socketTimeout: SOCKET_TIMEOUT_MS,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 1,
      retryStrategy: (times) =>
        Math.min(RECONNECT_DELAY_MS.first * 2 ** (times - 1), RECONNECT_DELAY_MS.most),
    });
    // Each command says itself that Redis is away; unheard, the event would end the process.
    redis.on('error', ignore);
    await firstOutcome(redis);
    return new RedisConnection(redis);
  }

  /** Throws: ReadModelError. */
  async run<Result>(doing: string, command: (redis: Redis) => Promise<Result>): Promise<Result> {
    try {
      return await command(this.#redis);
    } catch (error) {
      throw toReadModelError(error, doing);
    }
  }

  /** Throws: ReadModelError READ_MODEL_AWAY when Redis does not answer within the time given. */
  async ping(timeoutMs: number): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(
        new ReadModelError(
          'READ_MODEL_AWAY',
          `Redis did not answer within ${timeoutMs} ms. See whether it runs and is overloaded.`,
        ),
      );
    }, timeoutMs);
    const answer = this.run('asking Redis whether it is there', (redis) => redis.ping());
    try {
      await Promise.race([answer, late.promise]);
    } finally {
      clearTimeout(timer);
      answer.catch(ignore);
    }
  }

  async close(): Promise<void> {
    if (this.#redis.status === 'ready') await this.#redis.quit().catch(ignore);
    this.#redis.disconnect();
  }
}

/** Ready, or the first failure, or the time limit: whatever is first. */
async function firstOutcome(redis: Redis): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, CONNECT_TIMEOUT_MS);
  await Promise.race([redis.connect().catch(ignore), late.promise]);
  clearTimeout(timer);
}

function ignore(): void {}
