import { READ_MODELS, TRADING_EVENTS } from '../avro/index.ts';
import { buildTopology, type Topology } from '../engine/topology.ts';
import { intentActor } from '../processors/trading/index.ts';

/** All trading events → rm.intent and rm.plan, in the order of their sequence. */
export function coordinatorTopology(): Topology {
  return buildTopology({
    application: 'state-coordinator',
    actors: [intentActor],
    events: TRADING_EVENTS,
    readModels: READ_MODELS,
  });
}
