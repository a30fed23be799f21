import { deadLetterTopics, retryTopics, type Topology } from '../engine/topology.ts';

export interface TopologyTopic {
  /** Logical, without TOPIC_PREFIX. */
  readonly name: string;
  readonly kind: 'event' | 'journal' | 'read-model' | 'reference' | 'dead-letter';
}

/**
 * Every topic that the applications read or write, each once, by name. One that may lose old records is a reference only
 * if nobody handles its events.
 */
export function topicsOf(topologies: readonly Topology[]): readonly TopologyTopic[] {
  const topics = new Map<string, TopologyTopic['kind']>();
  const add = (kind: TopologyTopic['kind'], of: (each: Topology) => Iterable<string>): void => {
    for (const topology of topologies) for (const name of of(topology)) topics.set(name, kind);
  };
  // What comes later stands.
  add('event', ({ sinks }) => sinks);
  add('reference', ({ lossySources }) => lossySources);
  add('event', ({ sources, lossySources }) => sources.filter((name) => !lossySources.has(name)));
  add('read-model', ({ readModels }) => readModels.keys());
  add('dead-letter', deadLetterTopics);
  add('dead-letter', retryTopics);
  add('journal', ({ journal }) => [journal]);
  return [...topics].map(([name, kind]) => ({ name, kind })).sort(byName);
}

function byName(left: TopologyTopic, right: TopologyTopic): number {
  return left.name < right.name ? -1 : left.name > right.name ? 1 : 0;
}
