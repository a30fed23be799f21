import {
  contractsOf,
  UniswapVenue,
  type UniswapVenueOptions,
} from '../../connectors/chain/index.ts';
import assets from '../../config/assets.json' with { type: 'json' };
import chains from '../../config/chains.json' with { type: 'json' };
import { parseAssets } from '../../processors/trading/index.ts';
import { LOCAL_CHAIN_ID } from '../../cli/stack/anvil.ts';

export const ASSETS = parseAssets(assets);

/** Where the contracts of a chain of this machine stand. */
export const LOCAL = contractsOf(LOCAL_CHAIN_ID, chains);

/** The venue of a local chain, for the account with this key. */
export function venueOn(
  chain: { readonly url: string; readonly key: string },
  changes: Partial<UniswapVenueOptions> = {},
): UniswapVenue {
  return new UniswapVenue({
    assets: ASSETS,
    contracts: LOCAL,
    rpcUrl: chain.url,
    chainId: LOCAL_CHAIN_ID,
    privateKey: chain.key,
    ...changes,
  });
}
