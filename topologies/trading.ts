import { MARKET_EVENTS, TRADING_EVENTS } from '../avro/index.ts';
import { buildTopology, type Topology } from '../engine/topology.ts';
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

/** intent.submitted → risk → acceptance → plan, fused: one journal entry for the whole chain. */
export function tradingTopology({ limits, planner }: TradingOptions): Topology {
  return buildTopology({
    application: 'planner.workers',
    actors: [riskActor(limits), acceptanceActor, plannerActor(planner)],
    events: [...TRADING_EVENTS.filter(({ topic }) => topic !== 'exec'), ...MARKET_EVENTS],
    references: [{ name: 'pool', type: 'market.pool_snapshot' }],
  });
}
