import { createPublicClient, createWalletClient, type Hex, http, parseUnits } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { ROUTER_ABI, TOKEN_ABI } from '../../connectors/chain/abi.ts';
import { LOCAL_CHAIN_ID } from '../../cli/stack/anvil.ts';
import { LOCAL_CONTRACTS } from '../../cli/stack/local-chain.ts';
import { VoidRunError } from '../latency/audit.ts';
import { openLoop } from '../latency/open-loop.ts';
import { Latencies, type Percentiles } from '../latency/summary.ts';

const POLL_MS = 25;
const GAS = 400_000n;
const FEE = 500;
const AMOUNT = parseUnits('0.1', 18);
const DEADLINE_S = 600n;
const FOREVER = 2n ** 256n - 1n;

/**
 * The floor of a swap: the bare library signs `exactInputSingle` under the next nonce, sends it and asks for the receipt. No plan,
 * no quote, no ledger. Order: nobody else uses the account meanwhile.
 *
 * Throws: VoidRunError when a swap is not mined, or fails.
 */
export async function runRawSwaps(
  { url, key }: { readonly url: string; readonly key: string },
  load: { readonly rate: number; readonly count: number },
): Promise<Percentiles> {
  const account = privateKeyToAccount(key as Hex);
  const transport = http(url);
  const chain = {
    ...{ id: LOCAL_CHAIN_ID, name: 'local', rpcUrls: { default: { http: [url] } } },
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  };
  const reader = createPublicClient({ chain, transport, pollingInterval: POLL_MS });
  const writer = createWalletClient({ account, chain, transport });
  const { weth, usdc, router } = LOCAL_CONTRACTS;
  const approve = { address: weth, abi: TOKEN_ABI, functionName: 'approve' } as const;
  const hash = await writer.writeContract({ ...approve, args: [router, FOREVER] });
  await reader.waitForTransactionReceipt({ hash });
  let nonce = await reader.getTransactionCount({ address: account.address });
  const { timestamp } = await reader.getBlock();
  const { maxFeePerGas, maxPriorityFeePerGas } = await reader.estimateFeesPerGas();
  const swap = async (dueAt: number, own: number): Promise<number> => {
    const sent = await writer.writeContract({
      ...{ address: router, abi: ROUTER_ABI, functionName: 'exactInputSingle', nonce: own },
      ...{ gas: GAS, maxFeePerGas: maxFeePerGas * 2n, maxPriorityFeePerGas },
      args: [
        {
          ...{ tokenIn: weth, tokenOut: usdc, fee: FEE, recipient: account.address },
          ...{ deadline: timestamp + DEADLINE_S, amountIn: AMOUNT },
          ...{ amountOutMinimum: 0n, sqrtPriceLimitX96: 0n },
        },
      ],
    });
    const receipt = await reader.waitForTransactionReceipt({ hash: sent });
    if (receipt.status !== 'success') throw new VoidRunError(`Swap ${sent} failed: it is void.`);
    return performance.now() - dueAt;
  };
  const swaps: Promise<number>[] = [];
  await openLoop(load, (_index, dueAt) => {
    const one = swap(dueAt, nonce++);
    one.catch(() => undefined);
    swaps.push(one);
  });
  return Latencies.of(await Promise.all(swaps));
}
