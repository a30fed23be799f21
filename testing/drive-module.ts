import { AvroCodec, moduleRecords, type TopologyModule } from '../avro/index.ts';
import { buildTopology } from '../engine/topology.ts';
import { TopologyDriver, type TopologyDriverOptions } from './topology-driver.ts';

/**
 * Drives the topology that a file of one's own exports, in memory, with its own schemas.
 *
 * Throws: EngineError TOPOLOGY_INVALID with every problem of the graph.
 */
export function driveModule(
  module: TopologyModule,
  options: Omit<TopologyDriverOptions, 'topology' | 'codec'> = {},
): TopologyDriver {
  const codec = AvroCodec.offline(moduleRecords(module));
  return new TopologyDriver({ ...options, topology: buildTopology(module.topology), codec });
}
