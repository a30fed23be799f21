import { readFileSync } from 'node:fs';
import {
  accountOf,
  addressOf,
  type ChainContracts,
  contractsOf,
  UNISWAP,
} from '../connectors/chain/index.ts';
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
import { type Config, ConfigError, type ConfigProblem } from './config.ts';

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

const NO_ACCOUNT: ConfigProblem = {
  variable: 'SIGNER_ADDRESS',
  value: null,
  problem: 'needed to know what the orchestrator decides, while PLATFORM_MOCK_CHAIN is false',
  remedy: 'Set it to the address of the account that swaps, or give its SIGNER_PRIVATE_KEY',
};

/**
 * What executes plans, as this configuration makes it. Whose transactions swaps are is part of what it decides.
 *
 * Throws: ConfigError (stop) when swaps go to a chain and nobody says whose they are, or two variables say it differently.
 */
export function orchestratorOptions(config: Config): OrchestratorOptions {
  const account = accountFrom(config.chain);
  if (account === null && !config.chain.mock) throw new ConfigError([NO_ACCOUNT]);
  return withAccount(config, account);
}

/** The topologies of all apps, as this configuration makes them; handlers are as theirs only if `decides`. */
export function allTopologies(config: Config, { decides = false } = {}): readonly Topology[] {
  const { options } = plannerOptions(config, loadAssets());
  const orchestrator = decides
    ? orchestratorOptions(config)
    : withAccount(config, accountFrom(config.chain));
  return [
    ...tradingTopologies({ limits: config.risk, planner: options }, config.kafka.deployment),
    orchestratorTopology(orchestrator),
    coordinatorTopology(config.coordinator),
  ];
}

function withAccount({ execution, chain }: Config, account: string | null): OrchestratorOptions {
  const { maxAttempts, retryDelaysMs } = execution;
  const accounts: Readonly<Record<string, string>> = account === null ? {} : { [UNISWAP]: account };
  return { maxAttempts, retryDelaysMs, accounts, bumpAfterS: chain.bumpAfterS };
}

/** Null: no account's, or not known. */
function accountFrom({ mock, chainId, signerKey, signerAddress }: Config['chain']): string | null {
  if (mock) return null;
  const given = signerAddress === null ? null : accountOf(chainId, signerAddress);
  const own = signerKey === null ? null : accountOf(chainId, addressOf(signerKey.reveal()));
  if (given === null || own === null || given === own) return own ?? given;
  throw new ConfigError([
    {
      variable: 'SIGNER_ADDRESS',
      value: signerAddress,
      problem: `not the address of SIGNER_PRIVATE_KEY, which is ${own.slice(own.indexOf(':') + 1)}`,
      remedy: 'Leave one of them out',
    },
  ]);
}
