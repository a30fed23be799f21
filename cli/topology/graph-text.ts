import type { Topology } from '../../engine/topology.ts';

export type GraphFormat = 'mermaid' | 'dot';

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly label: string;
}

/** The graph as text that a drawing program takes: topics, and the actors of each application between them. */
export function graphText(topologies: readonly Topology[], format: GraphFormat): string {
  const edges = topologies.flatMap(edgesOf);
  const topics = [
    ...new Set(topologies.flatMap((each) => [...each.sources, ...each.sinks])),
  ].sort();
  const draw = { mermaid, dot }[format];
  return draw(topologies, topics, edges);
}

/** One edge per pair of nodes; its label lists the event types. */
function edgesOf({ application, actors, events }: Topology): readonly Edge[] {
  const labels = new Map<string, { from: string; to: string; types: string[] }>();
  const add = (from: string, to: string, type: string): void => {
    const edge = labels.get(`${from}>${to}`) ?? { from, to, types: [] };
    labels.set(`${from}>${to}`, edge);
    edge.types.push(type);
  };
  const topicOf = (type: string): string => topicId(events.get(type)?.topic ?? type);
  for (const actor of actors) {
    const id = actorId(application, actor.name);
    for (const type of Object.keys(actor.handles)) add(topicOf(type), id, type);
    for (const type of actor.emits) add(id, topicOf(type), type);
  }
  return [...labels.values()].map(({ from, to, types }) => ({
    from,
    to,
    label: types.toSorted().join(', '),
  }));
}

function mermaid(
  topologies: readonly Topology[],
  topics: readonly string[],
  edges: readonly Edge[],
): string {
  const groups = topologies.flatMap(({ application, actors }) => [
    `  subgraph ${nodeId(application)}["${application}"]`,
    ...actors.map(({ name }) => `    ${actorId(application, name)}["${name}"]`),
    '  end',
  ]);
  return [
    'flowchart LR',
    ...topics.map((topic) => `  ${topicId(topic)}[("${topic}")]`),
    ...groups,
    ...edges.map(({ from, to, label }) => `  ${from} -->|"${label}"| ${to}`),
  ].join('\n');
}

function dot(
  topologies: readonly Topology[],
  topics: readonly string[],
  edges: readonly Edge[],
): string {
  const groups = topologies.flatMap(({ application, actors }) => [
    `  subgraph "cluster_${application}" {`,
    `    label="${application}";`,
    ...actors.map(({ name }) => `    ${actorId(application, name)} [label="${name}", shape=box];`),
    '  }',
  ]);
  return [
    'digraph millrace {',
    '  rankdir=LR;',
    ...topics.map((topic) => `  ${topicId(topic)} [label="${topic}", shape=cylinder];`),
    ...groups,
    ...edges.map(({ from, to, label }) => `  ${from} -> ${to} [label="${label}"];`),
    '}',
  ].join('\n');
}

function topicId(topic: string): string {
  return `topic_${nodeId(topic)}`;
}

function actorId(application: string, actor: string): string {
  return `actor_${nodeId(application)}_${nodeId(actor)}`;
}

function nodeId(name: string): string {
  return name.replaceAll(/\W/g, '_');
}
