import {
  isReadModelTopic,
  type ReadModelTopic,
  type ReplayedModel,
  ReplayedModels,
  type SwapReport,
} from '../../connectors/redis/index.ts';
import { UsageError } from '../command.ts';
import type { LogSession } from '../log/log-session.ts';
import {
  type EventSource,
  remakeModels,
  type RemadeModel,
  type Selection,
} from './replayed-events.ts';

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
}

/**
 * Makes the read models of the chosen correlations again from the events, under a prefix. The live ones are left alone,
 * unless `swap` puts the new ones in their place.
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
    // The first pass only says which models there are.
    const guards = await guardsOf(redis, await remakeAll(session, options));
    const remade = await remakeAll(session, options);
    const models = remade.flatMap((model) => replayed(model, guards));
    await redis.write(models);
    const byTopic = [...Map.groupBy(models, ({ topic }) => topic)];
    return {
      prefix,
      written: Object.fromEntries(byTopic.map(([topic, own]) => [topic, own.length])),
      swap: options.swap ? await redis.swap(models) : null,
    };
  } finally {
    await redis.close();
  }
}

async function remakeAll(
  session: LogSession,
  what: Pick<ReplayOptions, 'selection' | 'source'>,
): Promise<readonly RemadeModel[]> {
  const all: RemadeModel[] = [];
  for (const topology of session.topologies) {
    if (topology.readModels.size === 0) continue;
    const foreign = [...topology.readModels.keys()].find((topic) => !isReadModelTopic(topic));
    if (foreign !== undefined)
      throw new UsageError(
        'WRONG_USE',
        `${foreign} is not projected into Redis; read its topic instead.`,
      );
    all.push(...(await remakeModels(session, topology, what)));
  }
  return all;
}

async function guardsOf(
  redis: ReplayedModels,
  remade: readonly RemadeModel[],
): Promise<ReadonlyMap<string, string | null>> {
  const guards = new Map<string, string | null>();
  for (const [topic, own] of Map.groupBy(remade, (model) => model.topic as ReadModelTopic)) {
    const versions = await redis.versions(
      topic,
      own.map(({ key }) => key),
    );
    for (const [at, { key }] of own.entries()) guards.set(`${topic}|${key}`, versions[at] ?? null);
  }
  return guards;
}

/** Nothing for a model that came to be between the two passes: its guard was not read in time. */
function replayed(
  { topic, key, value }: RemadeModel,
  guards: ReadonlyMap<string, string | null>,
): readonly ReplayedModel[] {
  const guard = guards.get(`${topic}|${key}`);
  if (guard === undefined || !isReadModelTopic(topic)) return [];
  const json = value === null ? null : JSON.stringify(value);
  return [{ topic, id: key, value: json, guard }];
}
