import { deadLetterTopics, type Topology } from '../engine/topology.ts';

export interface TopologyTopic {
  /** Logical, without TOPIC_PREFIX. */
  readonly name: string;
  readonly kind: 'event' | 'journal' | 'read-model' | 'reference' | 'dead-letter';
}

/** Every topic that the applications read or write, each once, by name. */
export function topicsOf(topologies: readonly Topology[]): readonly TopologyTopic[] {
  const topics = new Map<string, TopologyTopic['kind']>();
  for (const topology of topologies) {
    for (const name of [...topology.sources, ...topology.sinks]) topics.set(name, 'event');
    for (const name of topology.lossySources) topics.set(name, 'reference');
    for (const name of topology.readModels.keys()) topics.set(name, 'read-model');
    for (const name of deadLetterTopics(topology)) topics.set(name, 'dead-letter');
    topics.set(topology.journal, 'journal');
  }
  return [...topics].map(([name, kind]) => ({ name, kind })).sort(byName);
}

function byName(left: TopologyTopic, right: TopologyTopic): number {
  return left.name < right.name ? -1 : left.name > right.name ? 1 : 0;
}
