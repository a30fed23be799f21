import { MARKET_EVENTS, TRADING_EVENTS } from '../avro/index.ts';
import { type Deployment, deployTopology } from '../engine/deployment.ts';
import type { Topology, TopologyDefinition } from '../engine/topology.ts';
import {
  acceptanceActor,
  plannerActor,
  type PlannerOptions,
  riskActor,
  type RiskLimits,
} from '../processors/trading/index.ts';

export interface TradingOptions {
  readonly limits: RiskLimits;
  readonly planner: PlannerOptions;
}

/** Consumer groups of the split deployment. Source: docs/reference/interfaces.md. */
const SPLIT_NAMES = {
  risk: 'risk.workers',
  acceptance: 'acceptance.workers',
  planner: 'planner.workers',
};

/** intent.submitted → risk → acceptance → plan: one application, or one per actor. */
export function tradingTopologies(
  options: TradingOptions,
  deployment: Deployment,
): readonly Topology[] {
  return deployTopology(definitionOf(options), deployment, SPLIT_NAMES);
}

/** The same, fused: one journal entry for the whole chain. */
export function tradingTopology(options: TradingOptions): Topology {
  const [topology] = tradingTopologies(options, 'fused');
  return topology as Topology;
}

function definitionOf({ limits, planner }: TradingOptions): TopologyDefinition {
  return {
    application: 'planner.workers',
    actors: [riskActor(limits), acceptanceActor, plannerActor(planner)],
    events: [...TRADING_EVENTS.filter(({ topic }) => topic !== 'exec'), ...MARKET_EVENTS],
    references: [{ name: 'pool', type: 'market.pool_snapshot' }],
  };
}
