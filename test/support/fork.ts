import { keccak256, stringToHex } from 'viem';
import { LOCAL_CHAIN_ID } from '../../cli/stack/anvil.ts';
import { type ChainContracts, contractsOf } from '../../connectors/chain/index.ts';
import chains from '../../config/chains.json' with { type: 'json' };
import { type LocalChain, startLocalChain } from './local-chain.ts';

const MAINNET = 1;

/** A node of mainnet that tests may fork; without one they fork a chain of this machine, and skip nothing. */
export const FORK_URL = process.env['FORK_RPC_URL']?.trim() || null;

/** What is forked, for the names of tests. */
export const FORKED = FORK_URL === null ? 'a chain of this machine' : 'mainnet';

export interface ForkedChain extends LocalChain {
  readonly contracts: ChainContracts;
}

/** A fork of FORK_RPC_URL, or of a chain that is started for it, with an account that has only just been funded. */
export async function startFork(): Promise<ForkedChain> {
  const origin = FORK_URL === null ? await startLocalChain() : null;
  const url = FORK_URL ?? origin?.url ?? '';
  const contracts = contractsOf(FORK_URL === null ? LOCAL_CHAIN_ID : MAINNET, chains);
  const key = keccak256(stringToHex('trader on a fork'));
  const chain = await startLocalChain({ fork: { url, contracts }, key });
  const remove = async (): Promise<void> => {
    await chain.remove();
    await origin?.remove();
  };
  return { ...chain, contracts, remove };
}
