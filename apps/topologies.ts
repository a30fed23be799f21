import { readFileSync } from 'node:fs';
import { type ChainContracts, contractsOf } from '../connectors/chain/index.ts';
import type { Topology } from '../engine/topology.ts';
import {
  type Assets,
  type OrchestratorOptions,
  parseAssets,
  type PlannerOptions,
  selectRoute,
} from '../processors/trading/index.ts';
import { coordinatorTopology } from '../topologies/coordinator.ts';
import { orchestratorTopology } from '../topologies/orchestrator.ts';
import { tradingTopologies } from '../topologies/trading.ts';
import type { Config } from './config.ts';

const ASSETS = new URL('../config/assets.json', import.meta.url);
const CHAINS = new URL('../config/chains.json', import.meta.url);
const MAINNET = 1;

/** Throws: AssetsError (stop). */
export function loadAssets(): Assets {
  return parseAssets(JSON.parse(readFileSync(ASSETS, 'utf8')));
}

/** `warning`: what is not as configured; null when all is. */
export function plannerOptions(
  config: Config,
  assets: Assets,
): { readonly options: PlannerOptions; readonly warning: string | null } {
  const { rustEngineEnabled, poolSnapshotMaxAgeMs } = config.planning;
  const { engine, warning } = selectRoute({ rustEngineEnabled, rustEngine: null });
  return { options: { assets, maxSnapshotAgeMs: poolSnapshotMaxAgeMs, engine }, warning };
}

/** The contracts of the chain that swaps go to. Throws: ChainContractsError (stop). */
export function loadContracts({
  chainId,
  mainnetFork,
}: Pick<Config['chain'], 'chainId' | 'mainnetFork'>): ChainContracts {
  return contractsOf(mainnetFork ? MAINNET : chainId, JSON.parse(readFileSync(CHAINS, 'utf8')));
}

export function orchestratorOptions(config: Config): OrchestratorOptions {
  const { maxAttempts, retryDelaysMs } = config.execution;
  return { maxAttempts, retryDelaysMs };
}

/** The topologies of all apps, as this configuration makes them. */
export function allTopologies(config: Config): readonly Topology[] {
  const { options } = plannerOptions(config, loadAssets());
  return [
    ...tradingTopologies({ limits: config.risk, planner: options }, config.kafka.deployment),
    orchestratorTopology(orchestratorOptions(config)),
    coordinatorTopology(config.coordinator),
  ];
}
