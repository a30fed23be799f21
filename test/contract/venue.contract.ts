import { describe, expect, it } from 'vitest';
import type { SwapOrder, VenueAdapter } from '../../connectors/chain/index.ts';

export interface VenueUnderTest {
  readonly venue: VenueAdapter;
  /** A swap that the venue can do. */
  readonly order: Omit<SwapOrder, 'reference' | 'minOut' | 'recipient'>;
  close?(): Promise<void>;
}

/**
 * What every VenueAdapter does, whatever chain stands behind it.
 *
 * Source: B-62.
 */
export function venueContract(name: string, create: () => Promise<VenueUnderTest>): void {
  const run = async (body: (test: VenueUnderTest) => Promise<void>) => {
    const test = await create();
    try {
      await body(test);
    } finally {
      await test.close?.();
    }
  };
  const orderOf = ({ venue, order }: VenueUnderTest, reference: string, minOut = '0.000001') => ({
    ...order,
    minOut,
    recipient: venue.recipient,
    reference,
  });

  describe(`venue ${name}`, () => {
    it('B-62 says which venue and chain it is', () =>
      run(async ({ venue }) => {
        expect(venue.venue).toBe('uniswap_v3');
        expect(venue.chain).not.toBe('');
        expect(venue.recipient).toMatch(/^0x[0-9a-fA-F]{40}$/);
      }));

    it('B-62 quotes a swap, builds it, submits it and gets its receipt', () =>
      run(async (test) => {
        const { venue } = test;
        const quote = await venue.priceQuote(test.order);
        const tx = await venue.buildSwapTx(orderOf(test, 'p/step-0/attempt-1', quote.amountOut));
        expect(tx.txHash).toMatch(/^0x[0-9a-f]{64}$/);
        expect(JSON.parse(JSON.stringify(tx))).toEqual(tx);
        expect(await venue.submitTx(tx)).toBe(tx.txHash);
        const receipt = await venue.waitReceipt(tx.txHash, 30);
        expect(receipt).toEqual({ status: 1, txHash: tx.txHash, amountOut: quote.amountOut });
      }));

    it('B-61 B-62 takes the same transaction again without doing it again', () =>
      run(async (test) => {
        const { venue } = test;
        const tx = await venue.buildSwapTx(orderOf(test, 'p/step-0/attempt-1'));
        const hashes = [await venue.submitTx(tx), await venue.submitTx(tx)];
        const receipt = await venue.waitReceipt(tx.txHash, 30);
        hashes.push(await venue.submitTx(tx));
        expect(hashes).toEqual([tx.txHash, tx.txHash, tx.txHash]);
        expect(await venue.waitReceipt(tx.txHash, 30)).toEqual(receipt);
      }));

    it('B-62 has no receipt for a hash that was never submitted', () =>
      run(async ({ venue }) => {
        const unknown = `0x${'1'.repeat(64)}`;
        await expect(venue.waitReceipt(unknown, 0.05)).rejects.toMatchObject({
          name: 'VenueError',
          code: 'TX_TIMEOUT',
          retriable: false,
        });
      }));

    it('B-60 B-62 does not give less than the least accepted', () =>
      run(async (test) => {
        const { venue } = test;
        const outcome = async () => {
          const tx = await venue.buildSwapTx(orderOf(test, 'p/step-0/attempt-1', '1000000000'));
          await venue.submitTx(tx);
          return venue.waitReceipt(tx.txHash, 30);
        };
        const result = await outcome().catch((error: unknown) => error);
        expect(result).toSatisfy(
          (value: { status?: number; code?: string }) =>
            value.status === 0 || value.code === 'TX_REVERTED',
        );
      }));

    it('B-50 B-62 shows its pools as the planner needs them', () =>
      run(async ({ venue }) => {
        const [pool, ...others] = await venue.poolSnapshots();
        expect(others).toEqual([]);
        expect(pool).toMatchObject({ poolId: 'WETH/USDC', fee: 500 });
        expect([pool?.base, pool?.quote].sort()).toEqual(['USDC', 'WETH']);
        expect(pool?.sqrtPriceX96).toMatch(/^[1-9]\d*$/);
        expect(pool?.liquidity).toMatch(/^[1-9]\d*$/);
        expect(pool?.observedAt).toSatisfy(Number.isSafeInteger);
      }));

    it('B-62 gives up when told to', () =>
      run(async ({ venue }) => {
        const stop = new AbortController();
        const waiting = venue.waitReceipt(`0x${'1'.repeat(64)}`, 600, { signal: stop.signal });
        stop.abort();
        await expect(waiting).rejects.toThrow();
      }));
  });
}
