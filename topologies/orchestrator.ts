import { CHAIN_EVENTS, TRADING_EVENTS } from '../avro/index.ts';
import { buildTopology, type Topology } from '../engine/topology.ts';
import {
  accountActor,
  orchestratorActor,
  type OrchestratorOptions,
} from '../processors/trading/index.ts';

/** plan.created → exec.*: an effect worker whose journal is its ledger. */
export function orchestratorTopology(options: OrchestratorOptions): Topology {
  return buildTopology({
    application: 'orchestrator.workers',
    actors: [orchestratorActor(options), accountActor()],
    events: [
      ...TRADING_EVENTS.filter(({ topic }) => topic === 'plans' || topic === 'exec'),
      ...CHAIN_EVENTS,
    ],
  });
}
