import { encodeFunctionData, type Hex } from 'viem';
import { LOCAL_CONTRACTS } from '../../cli/stack/local-chain.ts';
import { TOKEN_ABI } from '../../connectors/chain/abi.ts';
import type { LocalChain } from './local-chain.ts';
import { eventually } from './eventually.ts';
import { venueOn } from './venue-on.ts';

/** Leaves a chain's trader its ether alone: no wrapped ether, and no allowance for it. */
export async function makeUnready(chain: LocalChain): Promise<void> {
  const { weth: to, router, factory: somebody } = LOCAL_CONTRACTS;
  const venue = venueOn(chain);
  const wei = BigInt((await chain.rpc('eth_call', balanceCall(chain.trader), 'latest')) as Hex);
  await chain.rpc('anvil_impersonateAccount', chain.trader);
  for (const data of [
    encodeFunctionData({ abi: TOKEN_ABI, functionName: 'approve', args: [router, 0n] }),
    encodeFunctionData({ abi: TOKEN_ABI, functionName: 'transfer', args: [somebody, wei] }),
  ])
    await chain.rpc('eth_sendTransaction', { from: chain.trader, to, data });
  await chain.rpc('anvil_stopImpersonatingAccount', chain.trader);
  await eventually('it has nothing', async () => {
    const left = [await venue.balance('WETH'), await venue.allowance('WETH')];
    return left.every((each) => each === '0');
  });
}

function balanceCall(owner: string): { readonly to: string; readonly data: Hex } {
  const args = [owner as Hex] as const;
  const data = encodeFunctionData({ abi: TOKEN_ABI, functionName: 'balanceOf', args });
  return { to: LOCAL_CONTRACTS.weth, data };
}
