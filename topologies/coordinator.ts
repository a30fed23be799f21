import { READ_MODELS, TRADING_EVENTS } from '../avro/index.ts';
import { buildTopology, type Topology } from '../engine/topology.ts';
import { intentActor } from '../processors/trading/index.ts';

export interface CoordinatorOptions {
  /** How long an event waits for a missing one before it is set aside. */
  readonly reorderWaitMs: number;
}

/** All trading events → rm.intent and rm.plan, in the order of their sequence. */
export function coordinatorTopology({ reorderWaitMs }: CoordinatorOptions): Topology {
  return buildTopology({
    application: 'state-coordinator',
    actors: [intentActor(reorderWaitMs)],
    events: TRADING_EVENTS,
    readModels: READ_MODELS,
  });
}
