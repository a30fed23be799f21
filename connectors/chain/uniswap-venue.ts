import type { Address, Hex } from 'viem';
import { encodeFunctionData, isAddressEqual, keccak256, numberToHex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { PoolSnapshotPayload } from '../../avro/index.ts';
import {
  type Assets,
  findPool,
  fromUnits,
  type Pool,
  toUnits,
} from '../../processors/trading/index.ts';
import { ROUTER_ABI, TOKEN_ABI } from './abi.ts';
import { ChainReader } from './chain-reader.ts';
import type { ChainContracts } from './chain-contracts.ts';
import { NonceBook } from './nonce-book.ts';
import { ETHER, preparationsOf } from './preparations.ts';
import { watchReceipt } from './receipt-watch.ts';
import { refusedCall, remedyOf } from './refusals.ts';
import { ChainRpc, RpcRefusal } from './rpc.ts';
import { parseSigned, type SignedTx } from './signed-tx.ts';
import { refuseLate, Submission } from './submission.ts';
import { swapReceipt } from './swap-receipt.ts';
import {
  type BuiltTx,
  type NonceState,
  type Preparation,
  type Quote,
  type QuoteRequest,
  type SwapOrder,
  type SwapPreparation,
  type TxTerms,
  type VenueAdapter,
  VenueError,
  type WaitOptions,
} from './venue.ts';
import { accountOf, UNISWAP } from './venue-account.ts';

export interface UniswapVenueOptions {
  readonly assets: Assets;
  readonly contracts: ChainContracts;
  readonly rpcUrl: string;
  readonly chainId: number;
  /** Of the account that swaps. It is in nothing that this venue says, throws or returns. */
  readonly privateKey: string;
  /** Default: the account's own address. */
  readonly recipient?: string;
  /** Blocks after which a receipt counts. Default 1. */
  readonly confirmations?: number;
  /** What the router may take for a swap: its amount, by an approval right before it, or once all there will ever be. Default exact. */
  readonly approval?: 'exact' | 'unlimited';
  readonly rpcTimeoutMs?: number;
  readonly nowMs?: () => number;
}

/** Over what the node estimates: the pool may have moved by the time the transaction is mined. */
const GAS_MARGIN_PERCENT = 150n;
/** Times what is usual: nodes take one in another's place for a tenth more at least. */
const FILL_FEES = 2n;
const UNLIMITED = 2n ** 256n - 1n;

interface Call {
  readonly to: Address;
  readonly data: Hex;
  readonly value?: bigint;
}

/**
 * Uniswap V3 on a chain: `exactInputSingle` on the pools of the configuration, signed here, sent to one node.
 *
 * Source: B-63, B-64.
 */
export class UniswapVenue implements VenueAdapter {
  readonly venue = UNISWAP;
  readonly chain: string;
  readonly recipient: Address;
  readonly account: string;
  readonly #options: UniswapVenueOptions;
  readonly #account: ReturnType<typeof privateKeyToAccount>;
  readonly #rpc: ChainRpc;
  readonly #reader: ChainReader;
  readonly #submission: Submission;
  readonly #nonces = new NonceBook();
  /** Null until the node has said that it is of the right chain. */
  #rightChain: Promise<void> | null = null;

  constructor(options: UniswapVenueOptions) {
    const { rpcUrl, chainId, privateKey, recipient, rpcTimeoutMs, assets, contracts } = options;
    this.#options = options;
    this.#account = privateKeyToAccount(privateKey as Hex);
    this.#rpc = new ChainRpc(rpcUrl, rpcTimeoutMs);
    this.#reader = new ChainReader({ rpc: this.#rpc, assets, contracts, chainId });
    this.#submission = new Submission(this.#rpc, () => this.#nowMs());
    this.chain = `eip155-${chainId}`;
    this.account = accountOf(chainId, this.#account.address);
    this.recipient = (recipient ?? this.#account.address) as Address;
  }

  /** The address that signs and pays. */
  get address(): Address {
    return this.#account.address;
  }

  async priceQuote(request: QuoteRequest, signal?: AbortSignal): Promise<Quote> {
    await this.#checkChain(signal);
    const { pool, tokenIn, tokenOut, amountIn } = this.#swapOf(request);
    const swap = { tokenIn, tokenOut, fee: pool.fee, amountIn };
    const amountOut = await this.#reader.quote(swap, signal);
    return { amountOut: this.#text(request.quote, amountOut) };
  }

  async preparations(
    { base, amountIn }: Pick<QuoteRequest, 'base' | 'amountIn'>,
    signal?: AbortSignal,
  ): Promise<readonly SwapPreparation[]> {
    await this.#checkChain(signal);
    const account = { reader: this.#reader, owner: this.address };
    const { wrapped } = this.#options.contracts;
    return preparationsOf(
      { ...account, token: this.#token(base), isWrapped: base === wrapped, signal },
      { asset: base, amount: amountIn, units: this.#units(base, amountIn) },
      { approval: this.#options.approval ?? 'exact', text: (units) => this.#text(base, units) },
    );
  }

  async buildSwapTx(order: SwapOrder, signal?: AbortSignal): Promise<BuiltTx> {
    await this.#checkChain(signal);
    refuseLate(order.deadlineS, this.#nowMs(), `the swap ${order.reference}`);
    const { pool, tokenIn, tokenOut, amountIn } = this.#swapOf(order);
    const params = {
      tokenIn,
      tokenOut,
      fee: pool.fee,
      recipient: order.recipient as Address,
      deadline: BigInt(order.deadlineS),
      amountIn,
      amountOutMinimum: this.#units(order.quote, order.minOut),
      sqrtPriceLimitX96: 0n,
    };
    const data = encodeFunctionData({
      abi: ROUTER_ABI,
      functionName: 'exactInputSingle',
      args: [params],
    });
    const call = { to: this.#options.contracts.router, data };
    const what = `the swap of ${order.amountIn} ${order.base} for at least ${order.minOut} ${order.quote}`;
    return this.#build(call, order, { what, asset: order.base, amount: amountIn }, signal);
  }

  async buildApproval(preparation: Preparation, signal?: AbortSignal): Promise<BuiltTx> {
    await this.#checkChain(signal);
    const { asset, amount } = preparation;
    const units = amount === 'unlimited' ? UNLIMITED : this.#units(asset, amount);
    const args = [this.#options.contracts.router, units] as const;
    const data = encodeFunctionData({ abi: TOKEN_ABI, functionName: 'approve', args });
    const call = { to: this.#token(asset), data };
    const what = `the approval of ${amount} ${asset}`;
    return this.#build(call, preparation, { what, asset, amount: 0n }, signal);
  }

  async buildWrap(preparation: Preparation, signal?: AbortSignal): Promise<BuiltTx> {
    await this.#checkChain(signal);
    const { asset, amount } = preparation;
    const { wrapped } = this.#options.contracts;
    if (asset !== wrapped || amount === 'unlimited')
      throw new VenueError(
        'TX_REVERTED',
        `only an amount of ${wrapped} can be wrapped, not ${amount} of ${asset}`,
      );
    const data = encodeFunctionData({ abi: TOKEN_ABI, functionName: 'deposit' });
    const call = { to: this.#token(asset), data, value: this.#units(asset, amount) };
    return this.#build(
      call,
      preparation,
      { what: `the wrapping of ${amount} ${asset}`, asset, amount: 0n },
      signal,
    );
  }

  async buildFill(terms: TxTerms, signal?: AbortSignal): Promise<BuiltTx> {
    await this.#checkChain(signal);
    const fees = terms.fees ?? (await this.#reader.fees(signal, FILL_FEES));
    const nothing = { what: 'a transfer of nothing', asset: this.#options.contracts.wrapped };
    const call = { to: this.address, data: '0x' } as const;
    return this.#build(call, { ...terms, fees }, { ...nothing, amount: 0n }, signal);
  }

  async submitTx(tx: BuiltTx, signal?: AbortSignal): Promise<string> {
    const signed = parseSigned(tx);
    await this.#checkChain(signal);
    try {
      await this.#submission.handIn(signed, signal);
    } catch (error) {
      // Taken all the same, by an earlier call for instance: then the refusal means nothing.
      if (await this.#submission.knows(signed, signal)) return signed.txHash;
      this.#settleWhenFinal(signed.nonce, error);
      throw error;
    }
    return signed.txHash;
  }

  async waitReceipt(txHash: string, timeoutS: number, options: WaitOptions = {}) {
    const { tx, signal } = options;
    await this.#checkChain(signal);
    const watch = {
      rpc: this.#rpc,
      account: this.address,
      confirmations: this.#options.confirmations ?? 1,
      nowMs: () => this.#nowMs(),
      resend: (lost: SignedTx) => this.#submission.resend(lost, signal),
    };
    const of = { txHash, timeoutS, ...(tx === undefined ? {} : { tx }) };
    try {
      const mined = await watchReceipt(watch, of, signal);
      if (tx?.nonce !== undefined) this.#nonces.settle(tx.nonce);
      await this.#reader.findPools();
      return swapReceipt(txHash, mined, {
        wrapped: this.#options.contracts.wrapped,
        isWrapped: (address) =>
          isAddressEqual(address, this.#token(this.#options.contracts.wrapped)),
        sidesOf: (address) => this.#reader.sidesOf(address),
        text: (symbol, units) => this.#text(symbol, units),
      });
    } catch (error) {
      this.#settleWhenFinal(tx?.nonce, error);
      throw error;
    }
  }

  async head(signal?: AbortSignal): Promise<number> {
    await this.#checkChain(signal);
    return this.#reader.head(signal);
  }

  async nonceState(signal?: AbortSignal): Promise<NonceState> {
    await this.#checkChain(signal);
    const count = async (block: string): Promise<number> =>
      Number(await this.#rpc.quantity('eth_getTransactionCount', [this.address, block], signal));
    const [mined, pending] = await Promise.all([count('latest'), count('pending')]);
    return { mined, pending };
  }

  async funds(signal?: AbortSignal): Promise<string> {
    await this.#checkChain(signal);
    return fromUnits(await this.#reader.funds(this.address, signal), ETHER);
  }

  async balance(asset: string, signal?: AbortSignal): Promise<string> {
    await this.#checkChain(signal);
    const token = this.#token(asset);
    return this.#text(asset, await this.#reader.balance(token, this.address, signal));
  }

  async allowance(asset: string, signal?: AbortSignal): Promise<string> {
    await this.#checkChain(signal);
    const token = this.#token(asset);
    return this.#text(asset, await this.#reader.allowance(token, this.address, signal));
  }

  async poolSnapshots(signal?: AbortSignal): Promise<readonly PoolSnapshotPayload[]> {
    await this.#checkChain(signal);
    return this.#reader.snapshots(() => this.#nowMs(), signal);
  }

  #settleWhenFinal(nonce: number | undefined, error: unknown): void {
    if (nonce !== undefined && error instanceof VenueError && error.kind === 'final')
      this.#nonces.settle(nonce);
  }

  async #build(
    call: Call,
    terms: TxTerms,
    sold: { readonly what: string; readonly asset: string; readonly amount: bigint },
    signal?: AbortSignal,
  ): Promise<BuiltTx> {
    const [gas, fees] = await Promise.all([
      this.#gas(call, sold, signal),
      terms.fees ?? this.#reader.fees(signal),
    ]);
    // Last of all: what cannot be done takes no place in the account's order.
    const readPending = async (): Promise<number> => (await this.nonceState(signal)).pending;
    const nonce = terms.nonce ?? (await this.#nonces.take(readPending));
    const raw = await this.#account.signTransaction({
      type: 'eip1559',
      chainId: this.#options.chainId,
      ...call,
      nonce,
      gas,
      maxFeePerGas: BigInt(fees.maxFeePerGas),
      maxPriorityFeePerGas: BigInt(fees.maxPriorityFeePerGas),
    });
    return { txHash: keccak256(raw), raw, nonce, fees };
  }

  /** Tries the call on the node. Throws: VenueError with what it would be reverted for. */
  async #gas(
    call: Call,
    {
      what,
      asset,
      amount,
    }: { readonly what: string; readonly asset: string; readonly amount: bigint },
    signal?: AbortSignal,
  ): Promise<bigint> {
    const { value = 0n, ...rest } = call;
    const request = { from: this.address, ...rest, value: numberToHex(value) };
    try {
      const gas = await this.#rpc.quantity('eth_estimateGas', [request], signal);
      return (gas * GAS_MARGIN_PERCENT) / 100n;
    } catch (error) {
      if (!(error instanceof RpcRefusal)) throw error;
      const { code, words } = refusedCall(error);
      if (code === 'NOT_TAKEN') throw await this.#notTaken({ what, asset, amount }, signal);
      const message = `${what} would be reverted by the chain: ${words}. ${remedyOf(code) ?? 'Look at the pool and the account on the chain'}`;
      throw new VenueError(code, message);
    }
  }

  async #notTaken(
    {
      what,
      asset,
      amount,
    }: { readonly what: string; readonly asset: string; readonly amount: bigint },
    signal?: AbortSignal,
  ): Promise<VenueError> {
    const balance = await this.#reader.balance(this.#token(asset), this.address, signal);
    if (balance < amount) {
      const message = `${this.address} has ${this.#text(asset, balance)} ${asset}, too little for ${what}; send it more`;
      return new VenueError('INSUFFICIENT_FUNDS', message);
    }
    const allowance = await this.#reader.allowance(this.#token(asset), this.address, signal);
    const message = `the router may take ${this.#text(asset, allowance)} ${asset} of ${this.address}, too little for ${what}; approve more`;
    return new VenueError('ALLOWANCE_TOO_LOW', message);
  }

  /** Throws: VenueError TX_REVERTED: what is asked for can be done on no pool here. */
  #swapOf({ base, quote, amountIn }: QuoteRequest): {
    readonly pool: Pool;
    readonly tokenIn: Address;
    readonly tokenOut: Address;
    readonly amountIn: bigint;
  } {
    const pool = findPool(this.#options.assets, base, quote);
    const units = this.#units(base, amountIn);
    if (pool === undefined || units === 0n) {
      const message = `no pool of ${this.chain} swaps ${amountIn} ${base} for ${quote}; plan another amount or pair`;
      throw new VenueError('TX_REVERTED', message);
    }
    return { pool, tokenIn: this.#token(base), tokenOut: this.#token(quote), amountIn: units };
  }

  #token(symbol: string): Address {
    const token = this.#options.contracts.tokens.get(symbol);
    if (token !== undefined) return token;
    const message = `${symbol} has no address on ${this.chain}; add it to config/chains.json`;
    throw new VenueError('TX_REVERTED', message);
  }

  #units(symbol: string, text: string): bigint {
    const decimals = this.#options.assets.assets.get(symbol)?.decimals;
    const units = decimals === undefined ? null : toUnits(text, decimals);
    if (units !== null) return units;
    throw new VenueError('TX_REVERTED', `${text} is no amount of ${symbol}; plan another`);
  }

  #text(symbol: string, units: bigint): string {
    return fromUnits(units, this.#options.assets.assets.get(symbol)?.decimals ?? 0);
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? Date.now)();
  }

  /** Asked until it was answered once. Throws: VenueError WRONG_CHAIN, and what the node's absence gives. */
  #checkChain(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#rightChain ??= this.#askChain().catch((error: unknown) => {
      this.#rightChain = null;
      throw error;
    });
    return this.#rightChain;
  }

  async #askChain(): Promise<void> {
    const { chainId } = this.#options;
    const found = await this.#rpc.quantity('eth_chainId', []);
    if (found === BigInt(chainId)) return;
    const message = `the node is of chain ${found}, and this process of ${chainId}; set ETH_RPC_URL or CHAIN_ID to the other's`;
    throw new VenueError('WRONG_CHAIN', message);
  }
}
