import { POSITION_EVENTS, READ_MODELS, TRADING_EVENTS } from '../avro/index.ts';
import { buildTopology, type Topology } from '../engine/topology.ts';
import { intentActor, positionActor } from '../processors/trading/index.ts';

export interface CoordinatorOptions {
  /** How long an event waits for a missing one before it is set aside. */
  readonly reorderWaitMs: number;
}

/** All trading events → rm.intent and rm.plan, in the order of their sequence; what ends is told to rm.positions. */
export function coordinatorTopology({ reorderWaitMs }: CoordinatorOptions): Topology {
  return buildTopology({
    application: 'state-coordinator',
    actors: [intentActor(reorderWaitMs), positionActor],
    events: [...TRADING_EVENTS, ...POSITION_EVENTS],
    readModels: READ_MODELS,
  });
}
