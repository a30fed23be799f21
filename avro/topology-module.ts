import { type Deployment, deployTopology } from '../engine/deployment.ts';
import type { TopologyDefinition } from '../engine/topology.ts';
import { journalRecords } from './catalogue.ts';
import type { OfflineOptions } from './codec.ts';
import { extendSchemas, loadSchemas, type NamedSchema } from './schemas.ts';

/** A topology that somebody wrote in a file of theirs, with the Avro records of its events and read models. */
export interface TopologyModule {
  readonly topology: TopologyDefinition;
  /** Those that are not in avro/schemas/; `eventSchema` makes them. */
  readonly schemas?: readonly NamedSchema[];
}

/**
 * What a codec has to know to write and read the records of such a topology, its journals' included. `deployment`: of a
 * topology that names none.
 *
 * Throws: EngineError TOPOLOGY_INVALID with every problem of the graph.
 */
export function moduleRecords(
  { topology, schemas = [] }: TopologyModule,
  deployment: Deployment = 'fused',
): Required<OfflineOptions> {
  const described = [...topology.events, ...(topology.readModels ?? [])];
  const deployed = deployTopology(topology, topology.deployment ?? deployment);
  return {
    subjects: [
      ...described.map(({ topic, record }) => ({ topic, record })),
      ...deployed.flatMap(({ application }) => journalRecords(application)),
    ],
    schemas: extendSchemas(loadSchemas(), schemas),
  };
}
