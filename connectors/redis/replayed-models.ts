import { RedisConnection } from './connection.ts';
import { type ReadModelTopic, readModelKey, versionKey } from './keys.ts';
import { ReadModelError } from './read-model-error.ts';

/** A read model that was made again. */
export interface ReplayedModel {
  /** Logical topic: `rm.intent`. */
  readonly topic: ReadModelTopic;
  readonly id: string;
  /** JSON as the projector stores it; null: there is none any more. */
  readonly value: string | null;
  /** The live version before the events were read, as `versions` gave it; null: none. */
  readonly guard: string | null;
}

export interface SwapReport {
  readonly swapped: number;
  /** Live keys whose version moved on since: they were left as they are. */
  readonly kept: readonly string[];
}

const KEYS_PER_CALL = 500;
/** A swap that died holds others up no longer than this. */
const LOCK_MS = 60_000;

/**
 * Puts one replayed key in place of the live one, unless a newer version was projected since its events were read. The
 * projector's own script cannot come between, and goes by the same version, which stays as it is: whatever it projects
 * later wins.
 *
 * KEYS: versions, then live and replayed key in turn. ARGV: per pair, the guard ('' for none) and 'set' or 'del'.
 */
const SWAP_SCRIPT = `
local kept = {}
for i = 1, (#KEYS - 1) / 2 do
  local live, replayed = KEYS[2 * i], KEYS[2 * i + 1]
  local version = redis.call('HGET', KEYS[1], live) or ''
  if version ~= ARGV[2 * i - 1] then
    table.insert(kept, live)
  elseif ARGV[2 * i] == 'del' then
    redis.call('DEL', live)
  elseif redis.call('EXISTS', replayed) == 1 then
    redis.call('RENAME', replayed, live)
  else
    table.insert(kept, live)
  end
end
return kept
`;

/**
 * Read models made again beside the live ones, under a prefix of their own.
 *
 * Throws: ReadModelError from every method. Source: B-109.
 */
export class ReplayedModels {
  readonly #connection: RedisConnection;
  readonly #topicPrefix: string;
  readonly #prefix: string;

  private constructor(connection: RedisConnection, topicPrefix: string, prefix: string) {
    this.#connection = connection;
    this.#topicPrefix = topicPrefix;
    this.#prefix = prefix;
  }

  /** `prefix`: stands before each key that is written. */
  static async open(
    url: string,
    { topicPrefix, prefix }: { readonly topicPrefix: string; readonly prefix: string },
  ): Promise<ReplayedModels> {
    return new ReplayedModels(await RedisConnection.open(url), topicPrefix, prefix);
  }

  /** The live version of each model, in the order given; null where it was never projected. */
  async versions(topic: ReadModelTopic, ids: readonly string[]): Promise<(string | null)[]> {
    const found: (string | null)[] = [];
    for (const some of chunks(ids))
      found.push(
        ...(await this.#connection.run(`reading the versions of ${topic}`, (redis) =>
          redis.hmget(this.#versionKey(topic), ...some.map((id) => readModelKey(topic, id))),
        )),
      );
    return found;
  }

  /**
   * The live version of every model of a topic, by id. Limits: all of them in memory; for topics with few.
   */
  async allVersions(topic: ReadModelTopic): Promise<ReadonlyMap<string, string>> {
    const found = await this.#connection.run(`reading all versions of ${topic}`, (redis) =>
      redis.hgetall(this.#versionKey(topic)),
    );
    const family = readModelKey(topic, '').length;
    return new Map(Object.entries(found).map(([key, version]) => [key.slice(family), version]));
  }

  /** Writes the models under the prefix; what is not there any more is removed there too. */
  async write(models: readonly ReplayedModel[]): Promise<void> {
    for (const some of chunks(models))
      await this.#connection.run(`writing ${some.length} replayed models`, async (redis) => {
        const pipeline = redis.pipeline();
        for (const { topic, id, value } of some)
          if (value === null) pipeline.del(this.#keyOf(topic, id));
          else pipeline.set(this.#keyOf(topic, id), value);
        for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
      });
  }

  /**
   * Makes them the live ones, each unless its live version is no longer its guard. Some hundred keys at a time are
   * exchanged in one step; one swap runs at a time.
   *
   * Throws: ReadModelError READ_MODEL_AWAY while another swap runs.
   */
  async swap(models: readonly ReplayedModel[]): Promise<SwapReport> {
    const lock = `millrace:swap:${this.#topicPrefix}`;
    const taken = await this.#connection.run('taking the lock of swaps', (redis) =>
      redis.set(lock, this.#prefix, 'PX', LOCK_MS, 'NX'),
    );
    if (taken === null)
      throw new ReadModelError(
        'READ_MODEL_AWAY',
        `Another swap holds ${lock}. Wait for it; it lapses ${LOCK_MS / 1000} s after one that died.`,
      );
    try {
      const kept: string[] = [];
      for (const [topic, own] of Map.groupBy(models, (model) => model.topic))
        for (const some of chunks(own)) kept.push(...(await this.#swapSome(topic, some)));
      return { swapped: models.length - kept.length, kept };
    } finally {
      await this.#connection.run('giving up the lock of swaps', (redis) => redis.del(lock));
    }
  }

  /** Order: once, last. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  #swapSome(topic: ReadModelTopic, models: readonly ReplayedModel[]): Promise<string[]> {
    const keys = models.flatMap(({ id }) => [readModelKey(topic, id), this.#keyOf(topic, id)]);
    const values = models.flatMap(({ guard, value }) => [
      guard ?? '',
      value === null ? 'del' : 'set',
    ]);
    return this.#connection.run(`swapping ${models.length} models of ${topic}`, async (redis) => {
      const all = [this.#versionKey(topic), ...keys];
      return (await redis.eval(SWAP_SCRIPT, all.length, ...all, ...values)) as string[];
    });
  }

  #versionKey(topic: ReadModelTopic): string {
    return versionKey(this.#topicPrefix + topic);
  }

  #keyOf(topic: ReadModelTopic, id: string): string {
    return this.#prefix + readModelKey(topic, id);
  }
}

function chunks<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  const count = Math.ceil(items.length / KEYS_PER_CALL);
  return Array.from({ length: count }, (_, at) =>
    items.slice(at * KEYS_PER_CALL, (at + 1) * KEYS_PER_CALL),
  );
}
