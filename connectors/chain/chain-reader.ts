import {
  type Abi,
  type Address,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type ContractFunctionReturnType,
  decodeFunctionResult,
  encodeFunctionData,
  type EncodeFunctionDataParameters,
  type DecodeFunctionResultParameters,
  type Hex,
  isAddressEqual,
  numberToHex,
  zeroAddress,
} from 'viem';
import type { PoolSnapshotPayload } from '../../avro/index.ts';
import type { Assets, Pool } from '../../processors/trading/index.ts';
import { FACTORY_ABI, POOL_ABI, QUOTER_ABI, TOKEN_ABI } from './abi.ts';
import type { ChainContracts } from './chain-contracts.ts';
import { refusedCall } from './refusals.ts';
import { type ChainRpc, RpcRefusal } from './rpc.ts';
import { type Fees, VenueError } from './venue.ts';

export interface ChainReaderOptions {
  readonly rpc: ChainRpc;
  readonly assets: Assets;
  readonly contracts: ChainContracts;
  readonly chainId: number;
}

/** A pool as it stands on the chain. Never changes there. */
interface PoolPlace {
  readonly pool: Pool;
  readonly address: Address;
  /** Symbols of token0 and token1. */
  readonly sides: readonly [string, string];
  readonly tickSpacing: number;
}

/** A node that knows no tip: what is usual. */
const USUAL_TIP = 1_000_000_000n;

/** What is read from the chain, and changes nothing there. Throws: VenueError. */
export class ChainReader {
  readonly #options: ChainReaderOptions;
  #places: Promise<readonly PoolPlace[]> | null = null;
  readonly #sides = new Map<string, readonly [string, string]>();

  constructor(options: ChainReaderOptions) {
    this.#options = options;
  }

  async head(signal?: AbortSignal): Promise<number> {
    return Number(await this.#options.rpc.quantity('eth_blockNumber', [], signal));
  }

  /** Twice the base fee, so that six full blocks in a row do not outbid it. */
  async fees(signal?: AbortSignal, times = 1n): Promise<Fees> {
    const { rpc } = this.#options;
    const block = rpc.request('eth_getBlockByNumber', ['latest', false], signal);
    const tip = rpc.quantity('eth_maxPriorityFeePerGas', [], signal).catch((error: unknown) => {
      if (error instanceof RpcRefusal) return USUAL_TIP;
      throw error;
    });
    const [answer, priority] = await Promise.all([block, tip]);
    const { baseFeePerGas } = (answer ?? {}) as { readonly baseFeePerGas?: unknown };
    if (typeof baseFeePerGas !== 'string') throw rpc.garbage('eth_getBlockByNumber', answer);
    return {
      maxFeePerGas: String((BigInt(baseFeePerGas) * 2n + priority) * times),
      maxPriorityFeePerGas: String(priority * times),
    };
  }

  async quote(
    swap: {
      readonly tokenIn: Address;
      readonly tokenOut: Address;
      readonly fee: number;
      readonly amountIn: bigint;
    },
    signal?: AbortSignal,
  ): Promise<bigint> {
    const [amountOut] = await this.#call(
      this.#options.contracts.quoter,
      {
        abi: QUOTER_ABI,
        functionName: 'quoteExactInputSingle',
        args: [{ ...swap, sqrtPriceLimitX96: 0n }],
      },
      { signal },
    );
    return amountOut;
  }

  /** Units: wei. */
  funds(owner: Address, signal?: AbortSignal): Promise<bigint> {
    return this.#options.rpc.quantity('eth_getBalance', [owner, 'latest'], signal);
  }

  balance(token: Address, owner: Address, signal?: AbortSignal): Promise<bigint> {
    return this.#call(
      token,
      { abi: TOKEN_ABI, functionName: 'balanceOf', args: [owner] },
      { signal },
    );
  }

  allowance(token: Address, owner: Address, signal?: AbortSignal): Promise<bigint> {
    const args = [owner, this.#options.contracts.router] as const;
    return this.#call(token, { abi: TOKEN_ABI, functionName: 'allowance', args }, { signal });
  }

  /** All pools at one block: what belongs together was true at the same time. */
  async snapshots(
    nowMs: () => number,
    signal?: AbortSignal,
  ): Promise<readonly PoolSnapshotPayload[]> {
    const places = await this.#poolPlaces();
    const blockNumber = await this.head(signal);
    const observedAt = nowMs() * 1000;
    return Promise.all(
      places.map(async ({ pool, address, sides, tickSpacing }) => {
        const at = { block: numberToHex(blockNumber), signal };
        const [[sqrtPriceX96, tick], liquidity] = await Promise.all([
          this.#call(address, { abi: POOL_ABI, functionName: 'slot0' }, at),
          this.#call(address, { abi: POOL_ABI, functionName: 'liquidity' }, at),
        ]);
        return {
          poolId: pool.id,
          base: sides[0],
          quote: sides[1],
          chainId: this.#options.chainId,
          fee: pool.fee,
          sqrtPriceX96: sqrtPriceX96.toString(),
          liquidity: liquidity.toString(),
          tick,
          tickSpacing,
          blockNumber,
          observedAt,
        };
      }),
    );
  }

  /** Symbols of a pool's token0 and token1; null when it is none of ours, or not looked for yet. */
  sidesOf(address: string): readonly [string, string] | null {
    return this.#sides.get(address.toLowerCase()) ?? null;
  }

  /** Finds the pools, so that `sidesOf` knows them. */
  async findPools(): Promise<void> {
    await this.#poolPlaces();
  }

  #poolPlaces(): Promise<readonly PoolPlace[]> {
    const { assets } = this.#options;
    this.#places ??= Promise.all(assets.pools.map((pool) => this.#placeOf(pool))).catch(
      (error: unknown) => {
        this.#places = null;
        throw error;
      },
    );
    return this.#places;
  }

  async #placeOf(pool: Pool): Promise<PoolPlace> {
    const { contracts } = this.#options;
    const [base, quote] = [this.#token(pool.base), this.#token(pool.quote)];
    const args = [base, quote, pool.fee] as const;
    const address = await this.#call(
      contracts.factory,
      { abi: FACTORY_ABI, functionName: 'getPool', args },
      {},
    );
    if (isAddressEqual(address, zeroAddress)) {
      const message = `chain ${this.#options.chainId} has no pool ${pool.id} with fee ${pool.fee}; correct config/assets.json`;
      throw new VenueError('WRONG_CHAIN', message);
    }
    const tickSpacing = await this.#call(
      address,
      { abi: POOL_ABI, functionName: 'tickSpacing' },
      {},
    );
    const isBaseFirst = BigInt(base) < BigInt(quote);
    const sides = isBaseFirst
      ? ([pool.base, pool.quote] as const)
      : ([pool.quote, pool.base] as const);
    this.#sides.set(address.toLowerCase(), sides);
    return { pool, address, sides, tickSpacing };
  }

  #token(symbol: string): Address {
    const token = this.#options.contracts.tokens.get(symbol);
    if (token !== undefined) return token;
    const message = `${symbol} has no address on chain ${this.#options.chainId}; add it to config/chains.json`;
    throw new VenueError('WRONG_CHAIN', message);
  }

  async #call<
    const abi extends Abi,
    name extends ContractFunctionName<abi>,
    const args extends ContractFunctionArgs<abi, 'pure' | 'view' | 'nonpayable' | 'payable', name>,
  >(
    to: Address,
    call: { readonly abi: abi; readonly functionName: name; readonly args?: args },
    {
      block = 'latest',
      signal,
    }: { readonly block?: string; readonly signal?: AbortSignal | undefined },
  ): Promise<
    ContractFunctionReturnType<abi, 'pure' | 'view' | 'nonpayable' | 'payable', name, args>
  > {
    const { rpc } = this.#options;
    const data = encodeFunctionData(call as unknown as EncodeFunctionDataParameters);
    const answer = await this.#ask({ to, data }, block, signal);
    try {
      const { abi, functionName } = call;
      const result = { abi, functionName, data: answer as Hex };
      return decodeFunctionResult(result as unknown as DecodeFunctionResultParameters) as never;
    } catch {
      throw rpc.garbage(`eth_call ${String(call.functionName)}`, answer);
    }
  }

  async #ask(
    call: { readonly to: Address; readonly data: Hex },
    block: string,
    signal?: AbortSignal,
  ): Promise<unknown> {
    try {
      return await this.#options.rpc.request('eth_call', [call, block], signal);
    } catch (error) {
      if (!(error instanceof RpcRefusal)) throw error;
      const { words } = refusedCall(error);
      const message = `${call.to} refuses the call: ${words}. Look at the contract on the chain`;
      throw new VenueError('TX_REVERTED', message);
    }
  }
}
