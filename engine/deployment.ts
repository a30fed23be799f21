import { buildTopology, type Topology, type TopologyDefinition } from './topology.ts';

export type Deployment = 'fused' | 'split';

/** One application per actor needs a name for each; the default is `<application>.<actor>`. */
export type SplitNames = Readonly<Record<string, string>>;

/**
 * The applications that run a definition: itself when fused, one per actor when split. Each knows the others as
 * siblings, whose journals must have been written by the same deployment (J6).
 *
 * Throws: EngineError TOPOLOGY_INVALID (stop).
 */
export function deployTopology(
  definition: TopologyDefinition,
  deployment: Deployment,
  names: SplitNames = {},
): readonly Topology[] {
  const { application, actors } = definition;
  const nameOf = (actor: string): string => names[actor] ?? `${application}.${actor}`;
  const all = [...new Set([application, ...actors.map(({ name }) => nameOf(name))])];
  const siblingsOf = (own: string): readonly string[] => all.filter((each) => each !== own);
  if (deployment === 'fused')
    return [buildTopology({ ...definition, deployment, siblings: siblingsOf(application) })];
  // The whole is checked first: what is missing anywhere is told once, by the names of the definition.
  buildTopology(definition);
  return actors.map((actor) => {
    const { events, readModels = [], references = [] } = definition;
    const own = references.filter(({ name }) => actor.references?.includes(name) === true);
    const types = new Set([
      ...Object.keys(actor.handles),
      ...actor.emits,
      ...own.map(({ type }) => type),
    ]);
    const name = nameOf(actor.name);
    const ownEvents = events.filter(({ type }) => types.has(type));
    const ownTopics = new Set(ownEvents.map(({ topic }) => topic));
    return buildTopology({
      ...definition,
      application: name,
      deployment,
      siblings: siblingsOf(name),
      actors: [actor],
      events: ownEvents,
      readModels: readModels.filter(({ topic }) => types.has(topic)),
      references: own,
      priorities: Object.fromEntries(
        Object.entries(definition.priorities ?? {}).filter(([topic]) => ownTopics.has(topic)),
      ),
    });
  });
}
