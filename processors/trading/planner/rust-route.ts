import type { PoolSnapshotPayload } from '../../../avro/index.ts';
import { quoteExactInput } from './quote.ts';

/**
 * Something that quotes a swap. Deterministic: the same arguments give the same quote on every replay.
 *
 * Units: smallest units of the tokens.
 */
export interface RouteEngine {
  /** Null when the swap cannot be quoted. */
  quote(snapshot: PoolSnapshotPayload, base: string, amountIn: bigint): bigint | null;
}

export interface SelectedRoute {
  readonly route: 'rust' | 'pool';
  readonly engine: RouteEngine;
  /** To be logged by whoever starts the planner; null when all is as configured. */
  readonly warning: string | null;
}

const POOL: RouteEngine = { quote: quoteExactInput };

/**
 * The route that plans are quoted by: the native engine when it is wanted and there, else the pool itself.
 *
 * Source: B-52.
 */
export function selectRoute(options: {
  readonly rustEngineEnabled: boolean;
  readonly rustEngine: RouteEngine | null;
}): SelectedRoute {
  const { rustEngineEnabled, rustEngine } = options;
  if (!rustEngineEnabled) return { route: 'pool', engine: POOL, warning: null };
  if (rustEngine !== null) return { route: 'rust', engine: rustEngine, warning: null };
  const warning =
    'RUST_ENGINE_ENABLED is true, but no native engine is installed: plans are quoted by the pool itself. ' +
    'Set RUST_ENGINE_ENABLED=false, or install the engine.';
  return { route: 'pool', engine: POOL, warning };
}
