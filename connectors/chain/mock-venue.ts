import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { PoolSnapshotPayload } from '../../avro/index.ts';
import type { Micros } from '../../engine/event.ts';
import {
  type Assets,
  fromUnits,
  quoteExactInput,
  sqrtRatioAtTick,
  toUnits,
} from '../../processors/trading/index.ts';
import {
  type BuiltTx,
  type NonceState,
  type Preparation,
  type Quote,
  type QuoteRequest,
  type SwapOrder,
  type SwapPreparation,
  type TxReceipt,
  type TxTerms,
  type VenueAdapter,
  VenueError,
  type VenueErrorCode,
  type WaitOptions,
} from './venue.ts';

/** A fault to be injected: the calls of one method that fail, from the first on. */
export interface InjectedFailure {
  readonly code: VenueErrorCode;
  /** Default: all of them. */
  readonly times?: number;
}

export type FailingMethod = 'buildSwapTx' | 'submitTx' | 'waitReceipt';

export interface MockVenueOptions {
  readonly assets: Assets;
  /** Equal seeds give equal hashes. Default `mock`. */
  readonly seed?: string;
  /** Default: an address that nobody has. */
  readonly recipient?: string;
  /** Default 31337, that of a local chain. */
  readonly chainId?: number;
  /** Of each call. Default 20. */
  readonly latencyMs?: number;
  readonly failures?: Readonly<Partial<Record<FailingMethod, InjectedFailure>>>;
  readonly clock?: () => Micros;
}

/** About 2,501 USDC a WETH, in the middle of its tick range; deep enough for 90,000 WETH in one swap. */
const TICK = -198_075;
const TICK_SPACING = 10;
const LIQUIDITY = '20000000000000000000000';
const BLOCK_MICROS = 12_000_000;
const POOL_ID = 'WETH/USDC';
/** Transactions whose hash alone is enough to answer for. */
const REMEMBERED = 10_000;
const NOBODY = `0x${'0'.repeat(39)}1`;

/** What anybody has who has not traded yet, and what nobody will ever use up. */
const WEALTH = 10n ** 12n;
const UNLIMITED = 2n ** 256n - 1n;

interface SwapTx {
  readonly order: SwapOrder;
  readonly amountOut: string;
}

type MockTx =
  | SwapTx
  | { readonly approval: Preparation; readonly place: number }
  | { readonly wrap: Preparation; readonly place: number }
  | { readonly fill: true; readonly place: number };

/**
 * A venue without a chain: every answer follows from the seed and the arguments. Its account may trade everything at
 * first, and what it has only counts: no swap is refused for it.
 *
 * Limits: it remembers the last 10,000 transactions of its process; for any other hash, after a restart for
 * instance, it answers from the transaction it is shown.
 * Source: B-89.
 */
export class MockVenue implements VenueAdapter {
  readonly venue = 'uniswap_v3';
  readonly chain: string;
  readonly recipient: string;
  readonly account = null;
  readonly #options: MockVenueOptions;
  readonly #latencyMs: number;
  readonly #executed = new Map<string, BuiltTx>();
  /** By symbol, in smallest units; absent: as at first. */
  readonly #balances = new Map<string, bigint>();
  readonly #allowances = new Map<string, bigint>();
  #executions = 0;
  #built = 0;
  readonly #failed = new Map<FailingMethod, number>();

  constructor(options: MockVenueOptions) {
    this.#options = options;
    this.#latencyMs = options.latencyMs ?? 20;
    this.recipient = options.recipient ?? NOBODY;
    this.chain = `mock-${this.#chainId}`;
  }

  /** Transactions that took effect. */
  get executions(): number {
    return this.#executions;
  }

  get #chainId(): number {
    return this.#options.chainId ?? 31_337;
  }

  async priceQuote(request: QuoteRequest, signal?: AbortSignal): Promise<Quote> {
    await this.#take(signal);
    return { amountOut: this.#amountOut(request) };
  }

  /** Whatever it sells it has; it may have to approve it. */
  async preparations(
    { base, amountIn }: Pick<QuoteRequest, 'base' | 'amountIn'>,
    signal?: AbortSignal,
  ): Promise<readonly SwapPreparation[]> {
    await this.#take(signal);
    if (!this.#allowances.has(base) || this.#allowances.get(base) === UNLIMITED) return [];
    return [{ kind: 'approve', asset: base, amount: amountIn }];
  }

  async buildSwapTx(order: SwapOrder, signal?: AbortSignal): Promise<BuiltTx> {
    await this.#take(signal);
    this.#failWhereInjected('buildSwapTx');
    this.#refuseLate(order);
    const amountOut = this.#amountOut(order);
    this.#refuseUnapproved(order);
    return this.#signed({ order, amountOut }, order.nonce);
  }

  async submitTx(tx: BuiltTx, signal?: AbortSignal): Promise<string> {
    await this.#take(signal);
    this.#failWhereInjected('submitTx');
    if (this.#hashOf(tx.raw) !== tx.txHash)
      throw new VenueError('TX_DROPPED', `transaction ${tx.txHash} was altered; build it again`);
    if (!this.#executed.has(tx.txHash)) this.#execute(tx);
    return tx.txHash;
  }

  async waitReceipt(txHash: string, timeoutS: number, options: WaitOptions = {}) {
    await this.#take(options.signal);
    this.#failWhereInjected('waitReceipt');
    const tx = this.#executed.get(txHash) ?? options.tx;
    if (tx !== undefined) return receiptOf(tx);
    await pause(timeoutS * 1000, undefined, { signal: options.signal });
    throw timeout(txHash, timeoutS);
  }

  async head(signal?: AbortSignal): Promise<number> {
    await this.#take(signal);
    return this.#snapshot().blockNumber;
  }

  async nonceState(signal?: AbortSignal): Promise<NonceState> {
    await this.#take(signal);
    return { mined: this.#executions, pending: this.#executions };
  }

  /** Its transactions cost nothing. */
  async funds(signal?: AbortSignal): Promise<string> {
    await this.#take(signal);
    return WEALTH.toString();
  }

  async balance(asset: string, signal?: AbortSignal): Promise<string> {
    await this.#take(signal);
    return fromUnits(this.#balanceOf(asset), this.#decimals(asset));
  }

  async allowance(asset: string, signal?: AbortSignal): Promise<string> {
    await this.#take(signal);
    return fromUnits(this.#allowances.get(asset) ?? UNLIMITED, this.#decimals(asset));
  }

  async buildApproval(approval: Preparation, signal?: AbortSignal): Promise<BuiltTx> {
    await this.#take(signal);
    return this.#signed({ approval, place: (this.#built += 1) }, approval.nonce);
  }

  async buildWrap(wrap: Preparation, signal?: AbortSignal): Promise<BuiltTx> {
    await this.#take(signal);
    if (wrap.asset !== 'WETH' || wrap.amount === 'unlimited')
      throw new VenueError(
        'TX_REVERTED',
        `only an amount of WETH can be wrapped, not ${wrap.amount} of ${wrap.asset}`,
      );
    return this.#signed({ wrap, place: (this.#built += 1) }, wrap.nonce);
  }

  async buildFill({ nonce }: TxTerms, signal?: AbortSignal): Promise<BuiltTx> {
    await this.#take(signal);
    return this.#signed({ fill: true, place: (this.#built += 1) }, nonce);
  }

  async poolSnapshots(signal?: AbortSignal): Promise<readonly PoolSnapshotPayload[]> {
    await this.#take(signal);
    return [this.#snapshot()];
  }

  #signed(tx: MockTx, nonce: number | undefined): BuiltTx {
    const raw = JSON.stringify(tx);
    return { txHash: this.#hashOf(raw), raw, ...(nonce === undefined ? {} : { nonce }) };
  }

  #execute(tx: BuiltTx): void {
    if (tx.nonce !== undefined && tx.nonce < this.#executions)
      throw new VenueError(
        'NONCE_TOO_LOW',
        `nonce ${tx.nonce} of ${tx.txHash} is taken, ${this.#executions} is the next; build it again`,
      );
    this.#executions += 1;
    this.#book(tx);
    this.#executed.set(tx.txHash, tx);
    const [oldest] = this.#executed.keys();
    if (this.#executed.size > REMEMBERED && oldest !== undefined) this.#executed.delete(oldest);
  }

  #book(built: BuiltTx): void {
    const tx = JSON.parse(built.raw) as MockTx;
    if ('approval' in tx) {
      const { asset, amount } = tx.approval;
      const units = amount === 'unlimited' ? UNLIMITED : this.#units(asset, amount);
      this.#allowances.set(asset, units);
      return;
    }
    if ('fill' in tx) return;
    if ('wrap' in tx) return this.#move(tx.wrap.asset, tx.wrap.amount, 1n);
    const receipt = receiptOf(built);
    if (receipt.status === 0) return;
    this.#move(tx.order.base, tx.order.amountIn, -1n);
    this.#move(tx.order.quote, receipt.amountOut, 1n);
  }

  #move(asset: string, amount: string, sign: bigint): void {
    this.#balances.set(asset, this.#balanceOf(asset) + sign * this.#units(asset, amount));
  }

  #balanceOf(asset: string): bigint {
    return this.#balances.get(asset) ?? WEALTH * 10n ** BigInt(this.#decimals(asset));
  }

  #units(asset: string, amount: string): bigint {
    return toUnits(amount, this.#decimals(asset)) ?? 0n;
  }

  #decimals(asset: string): number {
    return this.#options.assets.assets.get(asset)?.decimals ?? 0;
  }

  #refuseLate({ deadlineS, reference }: SwapOrder): void {
    const nowS = Math.floor((this.#options.clock ?? wallClock)() / 1_000_000);
    if (nowS >= deadlineS)
      throw new VenueError(
        'DEADLINE_PASSED',
        `the swap ${reference} had to be done before ${deadlineS} (seconds since 1970), and it is ${nowS}; plan it again`,
      );
  }

  #refuseUnapproved({ base, amountIn }: SwapOrder): void {
    if ((this.#allowances.get(base) ?? UNLIMITED) < this.#units(base, amountIn))
      throw new VenueError('ALLOWANCE_TOO_LOW', `${amountIn} ${base} is not approved; approve it`);
  }

  #snapshot(): PoolSnapshotPayload {
    const observedAt = (this.#options.clock ?? wallClock)();
    return {
      poolId: POOL_ID,
      base: 'WETH',
      quote: 'USDC',
      chainId: this.#chainId,
      fee: this.#options.assets.pools.find(({ id }) => id === POOL_ID)?.fee ?? 500,
      sqrtPriceX96: sqrtRatioAtTick(TICK).toString(),
      liquidity: LIQUIDITY,
      tick: TICK,
      tickSpacing: TICK_SPACING,
      blockNumber: Math.floor(observedAt / BLOCK_MICROS),
      observedAt,
    };
  }

  /** Throws: VenueError TX_REVERTED, as a chain's estimate would for a swap that cannot be done. */
  #amountOut({ base, quote, amountIn }: QuoteRequest): string {
    const { assets } = this.#options.assets;
    const [from, to] = [assets.get(base), assets.get(quote)];
    const units = from && toUnits(amountIn, from.decimals);
    const pair = [base, quote].sort().join();
    const out =
      pair === 'USDC,WETH' && units ? quoteExactInput(this.#snapshot(), base, units) : null;
    if (to !== undefined && out !== null && out > 0n) return fromUnits(out, to.decimals);
    throw new VenueError(
      'TX_REVERTED',
      `${POOL_ID} cannot swap ${amountIn} ${base} for ${quote}; plan another amount or pair`,
    );
  }

  #hashOf(raw: string): string {
    const seed = this.#options.seed ?? 'mock';
    return `0x${createHash('sha256')
      .update(JSON.stringify([seed, raw]))
      .digest('hex')}`;
  }

  async #take(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#latencyMs > 0) await pause(this.#latencyMs, undefined, { signal });
  }

  #failWhereInjected(method: FailingMethod): void {
    const failure = this.#options.failures?.[method];
    const failed = this.#failed.get(method) ?? 0;
    if (failure === undefined || failed >= (failure.times ?? Number.POSITIVE_INFINITY)) return;
    this.#failed.set(method, failed + 1);
    throw new VenueError(failure.code, `${method} fails as the mock was told; call ${failed + 1}`);
  }
}

/** A venue for PLATFORM_MOCK_CHAIN, tests and demonstrations. */
export function createMockVenue(options: MockVenueOptions): MockVenue {
  return new MockVenue(options);
}

/** As the pool's contract: a swap that gives less than the least accepted is reverted. */
function receiptOf({ txHash, raw }: BuiltTx): TxReceipt {
  const tx = JSON.parse(raw) as MockTx;
  if ('wrap' in tx) return { status: 1, txHash, amountOut: tx.wrap.amount };
  if ('approval' in tx || 'fill' in tx) return { status: 1, txHash, amountOut: '0' };
  const { order, amountOut } = tx;
  const enough = (toUnits(amountOut, 36) ?? 0n) >= (toUnits(order.minOut, 36) ?? 0n);
  return enough ? { status: 1, txHash, amountOut } : { status: 0, txHash, amountOut: null };
}

function timeout(txHash: string, timeoutS: number): VenueError {
  return new VenueError(
    'TX_TIMEOUT',
    `transaction ${txHash} has no receipt after ${timeoutS} s; look it up on the chain`,
  );
}

function wallClock(): Micros {
  return Date.now() * 1000;
}
