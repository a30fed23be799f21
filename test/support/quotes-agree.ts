import * as fc from 'fast-check';
import { type Address, createPublicClient, http } from 'viem';
import { expect, it } from 'vitest';
import type { PoolSnapshotPayload } from '../../avro/index.ts';
import { QUOTER_ABI } from '../../connectors/chain/abi.ts';
import type { ChainContracts, UniswapVenue } from '../../connectors/chain/index.ts';
import {
  fromUnits,
  quoteExactInput,
  sqrtRatioAtTick,
  toUnits,
} from '../../processors/trading/index.ts';
import { ASSETS, venueOn } from './venue-on.ts';

const RUNS = 60;
const SIDES = ['WETH', 'USDC'] as const;

interface Given {
  readonly chain: { readonly url: string; readonly key: string };
  readonly contracts: ChainContracts;
  /** The most that is sold at once. Units: decimal text. */
  readonly largest: Readonly<Record<(typeof SIDES)[number], string>>;
}

/** Defines the test that a quote from a snapshot is the chain's own, wherever swaps have moved the price. */
export function quotesAgree(given: () => Given): void {
  it('B-50 B-51 a quote from a snapshot is the quoter’s to the wei, or none beyond the tick range', async () => {
    const { chain, contracts, largest } = given();
    const venue = venueOn(chain, { contracts });
    const client = createPublicClient({ transport: http(chain.url) });
    const counts = { inRange: 0, beyond: 0 };
    const most = (base: (typeof SIDES)[number]): bigint =>
      toUnits(largest[base], decimals(base)) ?? 0n;
    const amount = fc.constantFrom(...SIDES).chain((base) => {
      // Of every size from one unit on: the digits are drawn, not the number.
      const size = fc.integer({ min: 1, max: most(base).toString().length });
      const within = (digits: number): bigint => 10n ** BigInt(digits) - 1n;
      return size.chain((digits) => {
        const max = within(digits) < most(base) ? within(digits) : most(base);
        return fc.record({ base: fc.constant(base), amountIn: fc.bigInt({ min: 1n, max }) });
      });
    });
    await fc.assert(
      fc.asyncProperty(amount, fc.option(amount, { freq: 4 }), async (asked, moving) => {
        if (moving !== null) await swap(venue, moving);
        const [snapshot] = await venue.poolSnapshots();
        if (snapshot === undefined) throw new Error('the venue shows no pool');
        const { base, amountIn } = asked;
        const tokenIn = contracts.tokens.get(base) as Address;
        const tokenOut = contracts.tokens.get(other(base)) as Address;
        const params = { tokenIn, tokenOut, amountIn, fee: snapshot.fee, sqrtPriceLimitX96: 0n };
        const { result } = await client.simulateContract({
          address: contracts.quoter,
          abi: QUOTER_ABI,
          functionName: 'quoteExactInputSingle',
          args: [params],
        });
        const [amountOut, priceAfter] = result;
        const quote = quoteExactInput(snapshot, base, amountIn);
        if (quote !== null) {
          counts.inRange += 1;
          expect(quote).toBe(amountOut);
          return;
        }
        counts.beyond += 1;
        expect(isInside(snapshot, priceAfter)).toBe(false);
      }),
      { numRuns: RUNS },
    );
    expect(counts.inRange).toBeGreaterThan(RUNS / 2);
  });
}

/** Strictly inside the range around the current tick, where the liquidity is the snapshot's. */
function isInside({ tick, tickSpacing }: PoolSnapshotPayload, price: bigint): boolean {
  const lower = Math.floor(tick / tickSpacing) * tickSpacing;
  return price > sqrtRatioAtTick(lower) && price < sqrtRatioAtTick(lower + tickSpacing);
}

async function swap(
  venue: UniswapVenue,
  { base, amountIn }: { readonly base: string; readonly amountIn: bigint },
): Promise<void> {
  const built = venue.buildSwapTx({
    base,
    quote: other(base),
    amountIn: fromUnits(amountIn, decimals(base)),
    minOut: '0',
    recipient: venue.recipient,
    reference: 'to move the price',
    deadlineS: Math.floor(Date.now() / 1000) + 120,
  });
  const tx = await built.catch((error: unknown) => {
    // Sold out for now; the other side is bought back some other time.
    if ((error as { code?: string }).code === 'INSUFFICIENT_FUNDS') return null;
    throw error;
  });
  if (tx === null) return;
  await venue.submitTx(tx);
  await venue.waitReceipt(tx.txHash, 60, { tx });
}

function other(base: string): string {
  return base === 'WETH' ? 'USDC' : 'WETH';
}

function decimals(symbol: string): number {
  return ASSETS.assets.get(symbol)?.decimals ?? 0;
}
