import {
  isReadModelTopic,
  type ReadModelTopic,
  ReplayedModels,
  type SwapReport,
} from '../../connectors/redis/index.ts';
import type { Topology } from '../../engine/topology.ts';
import { UsageError } from '../command.ts';
import type { LogSession } from '../log/log-session.ts';
import { type RemadeModel, Remaker, toldModels } from './remake.ts';
import type { EventSource, Page, Selection } from './replayed-events.ts';

export interface ReplayOptions {
  readonly selection: Selection;
  readonly source: EventSource;
  readonly redisUrl: string;
  /** Stands before each key in Redis. */
  readonly prefix: string;
  readonly swap: boolean;
}

export interface ReplayReport {
  readonly prefix: string;
  readonly written: Readonly<Record<string, number>>;
  /** Null: they were not made the live ones. */
  readonly swap: SwapReport | null;
  /** Read models that take every correlation, and so were not made of some. */
  readonly leftOut: readonly string[];
}

/** Live versions from before the events were read, by `topic|id`. */
type Guards = ReadonlyMap<string, string | null>;

/**
 * Makes the read models of the chosen correlations again from the events, under a prefix, some correlations at a time. The
 * live ones are left alone, unless `swap` puts the new ones in their place, as they are made.
 *
 * A swap must not bring back an older model than is live: the live versions are read before the events are, so a key
 * whose version is still the same afterwards holds nothing that the replay did not see.
 */
export async function replayInto(
  session: LogSession,
  options: ReplayOptions,
): Promise<ReplayReport> {
  const { redisUrl, prefix } = options;
  const redis = await ReplayedModels.open(redisUrl, { topicPrefix: session.names.prefix, prefix });
  try {
    const replay = new Replay(session, redis, options);
    for (const topology of session.topologies)
      if (topology.readModels.size > 0) await replay.run(topology);
    return replay.report;
  } finally {
    await redis.close();
  }
}

class Replay {
  readonly #session: LogSession;
  readonly #redis: ReplayedModels;
  readonly #options: ReplayOptions;
  readonly #written = new Map<string, number>();
  readonly #leftOut = new Set<string>();
  readonly #kept: string[] = [];
  #swapped = 0;

  constructor(session: LogSession, redis: ReplayedModels, options: ReplayOptions) {
    this.#session = session;
    this.#redis = redis;
    this.#options = options;
  }

  get report(): ReplayReport {
    const { prefix, swap } = this.#options;
    return {
      prefix,
      written: Object.fromEntries(this.#written),
      swap: swap ? { swapped: this.#swapped, kept: this.#kept } : null,
      leftOut: [...this.#leftOut],
    };
  }

  async run(topology: Topology): Promise<void> {
    refuseForeign(topology);
    const { source, selection } = this.#options;
    const { admin, names } = this.#session;
    const partitions = (await admin.offsets(names.physical(topology.journal))).length;
    const told = toldModels(topology);
    const isAll = selection.correlationId === null && selection.topic === null;
    if (!isAll) for (const topic of told) this.#leftOut.add(topic);
    const toldGuards = isAll ? await this.#allVersions(told) : new Map<string, string>();
    const remaker = new Remaker(this.#session, topology, partitions);
    const sums = new Map<string, RemadeModel>();
    for await (const page of source.pages(topology, { selection, partitions })) {
      const guards = await this.#guards(
        page,
        () => new Remaker(this.#session, topology, partitions),
      );
      const remade = await remaker.page(await page());
      await this.#put(remade.models, guards);
      if (!isAll) continue;
      for (const model of await remaker.tell(remade.told))
        sums.set(`${model.topic}|${model.key}`, model);
    }
    // A sum that was live under no version before is one that this replay made first.
    await this.#put(
      [...sums.values()],
      new Map([...sums.keys()].map((id) => [id, toldGuards.get(id) ?? null])),
    );
  }

  /** Which models a page makes is known once they are made; their versions are read before its events count. */
  async #guards(page: Page, remaker: () => Remaker): Promise<Guards> {
    const guards = new Map<string, string | null>();
    if (!this.#options.swap) return guards;
    const { models } = await remaker().page(await page());
    for (const [topic, own] of Map.groupBy(models, (model) => model.topic as ReadModelTopic)) {
      const ids = own.map(({ key }) => key);
      const versions = await this.#redis.versions(topic, ids);
      for (const [at, id] of ids.entries()) guards.set(`${topic}|${id}`, versions[at] ?? null);
    }
    return guards;
  }

  async #allVersions(topics: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const all = new Map<string, string>();
    if (!this.#options.swap) return all;
    for (const topic of topics.filter(isReadModelTopic))
      for (const [id, version] of await this.#redis.allVersions(topic))
        all.set(`${topic}|${id}`, version);
    return all;
  }

  async #put(remade: readonly RemadeModel[], guards: Guards): Promise<void> {
    const { swap } = this.#options;
    const models = remade.flatMap(({ topic, key: id, value }) => {
      const guard = guards.get(`${topic}|${id}`);
      // One that came to be between the two readings: its version was not read in time.
      if (!isReadModelTopic(topic) || (swap && guard === undefined)) return [];
      const json = value === null ? null : JSON.stringify(value);
      return [{ topic, id, value: json, guard: guard ?? null }];
    });
    await this.#redis.write(models);
    for (const { topic } of models) this.#written.set(topic, (this.#written.get(topic) ?? 0) + 1);
    if (!swap || models.length === 0) return;
    const { swapped, kept } = await this.#redis.swap(models);
    this.#swapped += swapped;
    this.#kept.push(...kept);
  }
}

function refuseForeign({ readModels }: Topology): void {
  const foreign = [...readModels.keys()].find((topic) => !isReadModelTopic(topic));
  if (foreign === undefined) return;
  throw new UsageError(
    'WRONG_USE',
    `${foreign} is not projected into Redis; read its topic instead.`,
  );
}
