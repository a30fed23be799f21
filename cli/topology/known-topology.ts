import type { Config } from '../../apps/config.ts';
import { allTopologies } from '../../apps/topologies.ts';
import { loadTopologyFile } from '../../apps/topology-file.ts';
import { loadSchemas, type Schemas } from '../../avro/index.ts';
import type { Topology } from '../../engine/topology.ts';

/**
 * Today's graph and its schemas: those of this repository, or of a topology file. `decides`: handlers are to be run, so
 * they have to be those of the apps.
 *
 * Throws: TopologyFileError; ConfigError when `decides` and a setting that handlers depend on is missing.
 */
export async function knownTopology(
  config: Config,
  file: string | undefined,
  { decides = false } = {},
): Promise<{ readonly topologies: readonly Topology[]; readonly schemas: Schemas }> {
  if (file === undefined)
    return { topologies: allTopologies(config, { decides }), schemas: loadSchemas() };
  const { topologies, schemas } = await loadTopologyFile(file, config.kafka.deployment);
  return { topologies, schemas };
}
