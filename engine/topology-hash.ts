import { hashOf } from './derived-id.ts';
import type { TopologyDefinition } from './topology.ts';

/**
 * Hash of what a definition says: actors in their order, with the versions of their states and what they take, give and
 * read; events and where they stand. What handlers do within is not in it: the version of the code says that.
 */
export function hashOfTopology(definition: TopologyDefinition): string {
  const { application, deployment, actors, events, readModels, references } = definition;
  const { priorities = {}, onFailure = null } = definition;
  const graph = {
    application,
    deployment: deployment ?? 'fused',
    actors: actors.map((actor) => ({
      name: actor.name,
      version: actor.state.version,
      handles: Object.keys(actor.handles).sort(),
      effects: Object.keys(actor.effects ?? {}).sort(),
      timers: Object.keys(actor.timers ?? {}).sort(),
      emits: actor.emits.toSorted(),
      references: (actor.references ?? []).toSorted(),
    })),
    events: events.map(({ type, topic, record, version }) => [type, topic, record, version]).sort(),
    readModels: (readModels ?? []).map(({ topic, record }) => [topic, record]).sort(),
    references: (references ?? []).map(({ name, type }) => [name, type]).sort(),
    priorities: Object.entries(priorities).sort(),
    onFailure,
  };
  return hashOf(JSON.stringify(graph));
}
