import type { Schemas } from '../../avro/index.ts';
import type { Topology } from '../../engine/topology.ts';
import { TOPIC_CONFIGS, type TopicKind } from '../../kafka/topics.ts';
import { topicsOf } from '../../topologies/topics.ts';

/** The graph with its schemas and settings as a value: what `topology export` writes and `topology import` compares. */
export interface ExportedTopology {
  readonly format: typeof FORMAT;
  readonly partitions: number;
  readonly applications: Readonly<Record<string, ExportedApplication>>;
  /** Logical topics, without TOPIC_PREFIX. */
  readonly topics: Readonly<
    Record<
      string,
      { readonly kind: TopicKind; readonly settings: Readonly<Record<string, string>> }
    >
  >;
  /** Event type → where it stands and how it is encoded. */
  readonly events: Readonly<
    Record<
      string,
      {
        readonly topic: string;
        readonly record: string;
        readonly family: string;
        readonly version: number;
      }
    >
  >;
  /** Avro records of events and read models, by full name. */
  readonly schemas: Readonly<Record<string, unknown>>;
}

export interface ExportedApplication {
  readonly deployment: string;
  readonly edges: string;
  readonly actors: Readonly<Record<string, ExportedActor>>;
  /** Reference name → event type that feeds it. */
  readonly references: Readonly<Record<string, string>>;
  /** Read-model topic → record. */
  readonly readModels: Readonly<Record<string, string>>;
}

export interface ExportedActor {
  readonly state: number;
  readonly handles: readonly string[];
  readonly effects: readonly string[];
  readonly emits: readonly string[];
  readonly references: readonly string[];
}

export const FORMAT = 'millrace-topology/1';

export function exportTopology(
  topologies: readonly Topology[],
  { schemas, partitions }: { readonly schemas: Schemas; readonly partitions: number },
): ExportedTopology {
  const events = new Map(topologies.flatMap((each) => [...each.events]));
  const readModels = new Map(topologies.flatMap((each) => [...each.readModels]));
  const records = [...events.values(), ...readModels.values()].map(({ record }) => record);
  return {
    format: FORMAT,
    partitions,
    applications: named(topologies, (each) => [each.application, applicationOf(each)]),
    topics: named(topicsOf(topologies), ({ name, kind }) => [
      name,
      { kind, settings: TOPIC_CONFIGS[kind] },
    ]),
    events: named([...events.values()], ({ type, topic, record, family, version }) => [
      type,
      { topic, record, family, version },
    ]),
    schemas: named([...new Set(records)], (record) => [record, schemas.get(record)]),
  };
}

function applicationOf(topology: Topology): ExportedApplication {
  return {
    deployment: topology.deployment,
    edges: topology.edgesHash,
    actors: named(topology.actors, (actor) => [
      actor.name,
      {
        state: actor.state.version,
        handles: Object.keys(actor.handles).sort(),
        effects: Object.keys(actor.effects ?? {}).sort(),
        emits: actor.emits.toSorted(),
        references: (actor.references ?? []).toSorted(),
      },
    ]),
    references: named([...topology.references.values()], ({ name, type }) => [name, type]),
    readModels: named([...topology.readModels.values()], ({ topic, record }) => [topic, record]),
  };
}

/** By name, in the order of the names: two exports of the same graph are the same text. */
function named<Item, Value>(
  items: readonly Item[],
  entry: (item: Item) => readonly [string, Value],
): Record<string, Value> {
  const entries = items.map(entry);
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}
