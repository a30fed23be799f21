import type { Actor } from './actor.ts';
import { hashOf } from './derived-id.ts';
import { EngineError } from './errors.ts';
import { hashOfTopology } from './topology-hash.ts';
import type { EventDefinition, Priority, ReadModelDefinition } from './event.ts';

/** Data that many keys read: one event type, kept per id by every task. */
export interface ReferenceDefinition {
  /** The name handlers ask for: `pool`. */
  readonly name: string;
  /** Event type whose payload is the value: `market.pool_snapshot`. Its topic may lose old records. */
  readonly type: string;
}

export interface TopologyDefinition {
  /** Consumer group, and first part of the journal's and the actors' names. Never renamed. */
  readonly application: string;
  /** Fixed for the life of an application (J6). Default: fused. */
  readonly deployment?: 'fused' | 'split';
  /** Applications that run the same actors in the other deployment, or beside this one (`deployTopology`). */
  readonly siblings?: readonly string[];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  readonly actors: readonly Actor<any>[];
  /** Every event type that is handled, emitted or a reference. */
  readonly events: readonly EventDefinition[];
  readonly readModels?: readonly ReadModelDefinition[];
  readonly references?: readonly ReferenceDefinition[];
  /** What becomes of a message that a handler cannot take. Default: park. */
  readonly onFailure?: FailurePolicy;
  /** Source topic → its class; a task with a backlog takes the highest first (E-11). Default: normal. */
  readonly priorities?: Readonly<Record<string, Priority>>;
}

/**
 * park: its key waits for an operator. ladder: it is handled again after each of the pauses, in ms, its key's later
 * messages behind it; then it goes to the dead letters and the key goes on.
 */
export type FailurePolicy =
  | { readonly policy: 'park' }
  | { readonly policy: 'ladder'; readonly delaysMs?: readonly number[] };

/** Source: E-52 … E-54. */
const LADDER_MS: readonly number[] = [10_000, 60_000, 300_000];

/** A checked topology: the graph as data. */
export interface Topology {
  readonly application: string;
  readonly deployment: 'fused' | 'split';
  readonly siblings: readonly string[];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  readonly actors: readonly Actor<any>[];
  readonly events: ReadonlyMap<string, EventDefinition>;
  readonly eventsByRecord: ReadonlyMap<string, EventDefinition>;
  readonly readModels: ReadonlyMap<string, ReadModelDefinition>;
  readonly references: ReadonlyMap<string, ReferenceDefinition>;
  /** Event type → actors that handle it, in the order of definition. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  readonly consumers: ReadonlyMap<string, readonly Actor<any>[]>;
  /** Event type → the reference it feeds. */
  readonly referenceOf: ReadonlyMap<string, ReferenceDefinition>;
  /** Logical topics read. */
  readonly sources: readonly string[];
  /** Sources that only feed references: a task may skip what they no longer hold. */
  readonly lossySources: ReadonlySet<string>;
  /** Class of a source topic. */
  readonly priorityOf: (topic: string) => Priority;
  /** Logical topics written, dead letters left out. */
  readonly sinks: readonly string[];
  readonly journal: string;
  /** Topic of operators' commands, read like a source. */
  readonly control: string;
  /** Topic of dead letters that come back, read like a source. */
  readonly redrive: string;
  /** Pauses of the ladder; empty: park. */
  readonly ladderMs: readonly number[];
  readonly edgesHash: string;
  /** Of the whole graph; for those who ask what handled an event. */
  readonly hash: string;
}

/** Logical names of the topics that tell of messages on their ladder, one a rung. */
export function retryTopics(topology: Topology): readonly string[] {
  return topology.ladderMs.map((_, index) => `${topology.application}.retry.${index + 1}`);
}

/** Logical names of all topics that dead letters of this topology can go to. */
export function deadLetterTopics(topology: Topology): readonly string[] {
  const types = [...topology.consumers.keys(), ...topology.referenceOf.keys()];
  return [...types, ...topology.sources].map((name) => `dlq.${name}`);
}

/** Topics whose key is not the correlation: their records are told to an aggregate's key. */
export function isRekeyed(topic: string): boolean {
  return topic.startsWith('rk.');
}

/**
 * Whether tasks write to all partitions of a sink and not only to their own: told events do, and so do the
 * events that follow from what was told, or from a reference, because their correlation may live anywhere.
 */
export function reachesAllPartitions(topology: Topology, sink: string): boolean {
  if (topology.readModels.has(sink)) return false;
  if (isRekeyed(sink) || topology.sources.some(isRekeyed)) return true;
  return [...topology.referenceOf.keys()].some((type) => topology.consumers.has(type));
}

/**
 * Checks a definition and computes the graph.
 *
 * Throws: EngineError TOPOLOGY_INVALID (stop) that lists every problem with its remedy.
 */
export function buildTopology(definition: TopologyDefinition): Topology {
  const problems = problemsOf(definition);
  if (problems.length > 0) {
    const list = problems.map((problem) => `- ${problem}`).join('\n');
    throw new EngineError(
      'TOPOLOGY_INVALID',
      'stop',
      `Topology ${definition.application} cannot be built:\n${list}`,
    );
  }
  const deployment = definition.deployment ?? 'fused';
  const events = new Map(definition.events.map((event) => [event.type, event]));
  const references = definition.references ?? [];
  const handled = [...new Set(definition.actors.flatMap((each) => Object.keys(each.handles)))];
  const consumers = new Map(
    handled.map((type) => [type, definition.actors.filter((each) => type in each.handles)]),
  );
  const topicOf = (type: string): string => events.get(type)?.topic ?? type;
  const handledTopics = new Set(handled.map(topicOf));
  const referenceTopics = references.map((reference) => topicOf(reference.type));
  const emitted = new Set(definition.actors.flatMap((each) => each.emits));
  return {
    application: definition.application,
    deployment,
    siblings: definition.siblings ?? [],
    actors: definition.actors,
    events,
    eventsByRecord: new Map(definition.events.map((event) => [event.record, event])),
    readModels: new Map((definition.readModels ?? []).map((model) => [model.topic, model])),
    references: new Map(references.map((reference) => [reference.name, reference])),
    referenceOf: new Map(references.map((reference) => [reference.type, reference])),
    consumers,
    sources: [
      ...new Set([...handledTopics, ...referenceTopics]),
      `${definition.application}.control`,
      `${definition.application}.redrive`,
    ],
    lossySources: new Set(referenceTopics.filter((topic) => !handledTopics.has(topic))),
    priorityOf: (topic) =>
      topic === `${definition.application}.control`
        ? 'critical'
        : (definition.priorities?.[topic] ?? 'normal'),
    sinks: [...new Set([...emitted].map(topicOf))],
    journal: `${definition.application}.journal`,
    control: `${definition.application}.control`,
    redrive: `${definition.application}.redrive`,
    ladderMs: ladderOf(definition.onFailure),
    edgesHash: deployment === 'fused' ? hashOfEdges(definition) : hashOf('split'),
    hash: hashOfTopology(definition),
  };
}

function ladderOf(onFailure: FailurePolicy = { policy: 'park' }): readonly number[] {
  return onFailure.policy === 'park' ? [] : (onFailure.delaysMs ?? LADDER_MS);
}

function hashOfEdges(definition: TopologyDefinition): string {
  const edges = definition.actors.flatMap((from) =>
    from.emits.flatMap((type) =>
      definition.actors
        .filter((to) => type in to.handles)
        .map((to) => `${from.name}>${type}>${to.name}`),
    ),
  );
  return hashOf(...edges.sort());
}

function problemsOf(definition: TopologyDefinition): string[] {
  const events = new Set(definition.events.map((event) => event.type));
  const readModels = new Set((definition.readModels ?? []).map((model) => model.topic));
  const references = new Set((definition.references ?? []).map((reference) => reference.name));
  const problems = [
    ...duplicates(definition.actors.map((each) => each.name)).map(
      (name) => `two actors are named '${name}'; names stand in journals, so give one another name`,
    ),
    ...duplicates(definition.events.map((event) => event.type)).map(
      (type) => `event type '${type}' is defined twice; remove one from 'events'`,
    ),
  ];
  if (definition.actors.length === 0) problems.push(`no actors; list at least one in 'actors'`);
  for (const each of definition.actors) {
    for (const type of Object.keys(each.handles))
      if (!events.has(type))
        problems.push(`${each.name} handles unknown '${type}'; add it to 'events'`);
    for (const name of each.emits)
      if (!events.has(name) && !readModels.has(name))
        problems.push(`${each.name} emits unknown '${name}'; add it to 'events' or 'readModels'`);
    for (const name of each.references ?? [])
      if (!references.has(name))
        problems.push(`${each.name} reads unknown reference '${name}'; add it to 'references'`);
    if (each.state.version > 1 && each.state.upcast === undefined)
      problems.push(`${each.name} has state version ${each.state.version} but no upcast; add one`);
  }
  for (const reference of definition.references ?? [])
    if (!events.has(reference.type))
      problems.push(`reference '${reference.name}' needs '${reference.type}' in 'events'`);
  const { onFailure } = definition;
  const delays = onFailure?.policy === 'ladder' ? (onFailure.delaysMs ?? LADDER_MS) : [1];
  if (delays.length === 0 || delays.some((ms) => !Number.isSafeInteger(ms) || ms < 1))
    problems.push(`'onFailure.delaysMs' is [${delays.join()}]; list pauses in whole milliseconds`);
  const topics = new Set(definition.events.map(({ topic }) => topic));
  for (const topic of Object.keys(definition.priorities ?? {}))
    if (!topics.has(topic))
      problems.push(`'priorities' names '${topic}', on which no event is; correct the topic`);
  return problems;
}

function duplicates(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
