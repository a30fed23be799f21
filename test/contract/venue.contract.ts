import { describe, expect, it } from 'vitest';
import type {
  BuiltTx,
  QuoteRequest,
  SwapOrder,
  VenueAdapter,
} from '../../connectors/chain/index.ts';

export interface VenueUnderTest {
  readonly venue: VenueAdapter;
  /** A swap that the venue can do. */
  readonly order: QuoteRequest;
  /** The venue's own time, seconds since 1970. */
  readonly nowS: () => number;
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
  const orderOf = (
    { venue, order, nowS }: VenueUnderTest,
    changes: Partial<SwapOrder> = {},
  ): SwapOrder => ({
    ...order,
    minOut: '0.000001',
    recipient: venue.recipient,
    reference: 'p/step-0/attempt-1',
    deadlineS: nowS() + 120,
    ...changes,
  });
  const through = async (venue: VenueAdapter, tx: BuiltTx) => {
    await venue.submitTx(tx);
    return venue.waitReceipt(tx.txHash, 30, { tx });
  };

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
        const tx = await venue.buildSwapTx(orderOf(test, { minOut: quote.amountOut }));
        expect(tx.txHash).toMatch(/^0x[0-9a-f]{64}$/);
        expect(JSON.parse(JSON.stringify(tx))).toEqual(tx);
        expect(await venue.submitTx(tx)).toBe(tx.txHash);
        const receipt = await venue.waitReceipt(tx.txHash, 30);
        expect(receipt).toEqual({ status: 1, txHash: tx.txHash, amountOut: quote.amountOut });
      }));

    it('B-61 B-62 takes the same transaction again without doing it again', () =>
      run(async (test) => {
        const { venue } = test;
        const tx = await venue.buildSwapTx(orderOf(test));
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
        const outcome = async () =>
          through(venue, await venue.buildSwapTx(orderOf(test, { minOut: '1000000000' })));
        const result = await outcome().catch((error: unknown) => error);
        expect(result).toSatisfy(
          (value: { status?: number; code?: string }) =>
            value.status === 0 || value.code === 'SLIPPAGE_EXCEEDED',
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

    it.each(['as it is', 'the other way'])('B-62 moves both balances: the order %s', (way) =>
      run(async (test) => {
        const { venue, order } = test;
        const { amountOut: back } = await venue.priceQuote(order);
        const swap =
          way === 'as it is' ? order : { base: order.quote, quote: order.base, amountIn: back };
        const { amountOut: minOut } = await venue.priceQuote(swap);
        const both = async () =>
          Promise.all([exact(venue.balance(swap.base)), exact(venue.balance(swap.quote))]);
        const [soldBefore, boughtBefore] = await both();
        const receipt = await through(
          venue,
          await venue.buildSwapTx(orderOf(test, { ...swap, minOut })),
        );
        const [soldAfter, boughtAfter] = await both();
        expect(receipt.status).toBe(1);
        expect(soldBefore - soldAfter).toBe(units(swap.amountIn));
        expect(boughtAfter - boughtBefore).toBe(units(receipt.amountOut ?? '0'));
        expect(boughtAfter - boughtBefore).toBeGreaterThanOrEqual(units(minOut));
      }),
    );

    it('B-60 B-62 does nothing after the deadline, by name', () =>
      run(async (test) => {
        const late = orderOf(test, { deadlineS: test.nowS() - 1 });
        const refused = { name: 'VenueError', code: 'DEADLINE_PASSED', kind: 'final' };
        await expect(test.venue.buildSwapTx(late)).rejects.toMatchObject(refused);
      }));

    it('B-60 B-62 swaps nothing that it may not take, and says so', () =>
      run(async (test) => {
        const { venue, order } = test;
        const before = await venue.allowance(order.base);
        await through(venue, await venue.buildApproval({ asset: order.base, amount: '0' }));
        expect(await venue.allowance(order.base)).toBe('0');
        const { base, amountIn } = order;
        const approval = { kind: 'approve', asset: base, amount: amountIn };
        expect(await venue.preparations({ base, amountIn })).toEqual([approval]);
        const refused = { name: 'VenueError', code: 'ALLOWANCE_TOO_LOW', kind: 'final' };
        await expect(venue.buildSwapTx(orderOf(test))).rejects.toMatchObject(refused);
        const receipt = await through(
          venue,
          await venue.buildApproval({ asset: order.base, amount: 'unlimited' }),
        );
        expect(receipt).toMatchObject({ status: 1, amountOut: '0' });
        expect(await venue.preparations({ base, amountIn })).toEqual([]);
        expect(units(await venue.allowance(order.base))).toBeGreaterThanOrEqual(units(before));
        expect(await through(venue, await venue.buildSwapTx(orderOf(test)))).toMatchObject({
          status: 1,
        });
      }));

    it('B-62 wraps ether', () =>
      run(async ({ venue }) => {
        const before = await exact(venue.balance('WETH'));
        const amount = '1.000000000000000001';
        const receipt = await through(venue, await venue.buildWrap({ asset: 'WETH', amount }));
        expect(receipt).toMatchObject({ status: 1, amountOut: amount });
        expect((await exact(venue.balance('WETH'))) - before).toBe(units(amount));
        const refused = venue.buildWrap({ asset: 'USDC', amount });
        await expect(refused).rejects.toMatchObject({ code: 'TX_REVERTED' });
      }));

    it('B-62 has something to pay its transactions with', () =>
      run(async ({ venue }) => {
        const funds = await venue.funds();
        expect(funds).toMatch(/^\d+(\.\d+)?$/);
        expect(Number(funds)).toBeGreaterThan(0);
      }));

    it('B-61 B-62 counts its transactions, and gives no place twice', () =>
      run(async (test) => {
        const { venue } = test;
        const before = await venue.nonceState();
        expect(before.pending).toBe(before.mined);
        const first = await venue.buildSwapTx(orderOf(test, { nonce: before.pending }));
        const other = await venue.buildSwapTx(
          orderOf(test, { nonce: before.pending, reference: 'q/step-0/attempt-1' }),
        );
        expect(first.nonce).toBe(before.pending);
        await through(venue, first);
        expect((await venue.nonceState()).mined).toBe(before.mined + 1);
        if (other.txHash === first.txHash) return;
        const refused = { code: 'NONCE_TOO_LOW', kind: 'final' };
        await expect(venue.submitTx(other)).rejects.toMatchObject(refused);
      }));

    it('B-61 B-62 fills a place with nothing, which nobody else can have then', () =>
      run(async (test) => {
        const { venue } = test;
        const { pending: nonce } = await venue.nonceState();
        const [before, swap] = [await venue.balance('USDC'), orderOf(test, { nonce })];
        const late = await venue.buildSwapTx(swap);
        expect(await through(venue, await venue.buildFill({ nonce }))).toMatchObject({ status: 1 });
        expect(await venue.nonceState()).toEqual({ mined: nonce + 1, pending: nonce + 1 });
        await expect(venue.submitTx(late)).rejects.toMatchObject({ code: 'NONCE_TOO_LOW' });
        expect(await venue.balance('USDC')).toBe(before);
      }));

    it('B-61 B-62 submits nothing but what was built', () =>
      run(async (test) => {
        const { venue } = test;
        const tx = await venue.buildSwapTx(orderOf(test));
        for (const raw of [`${tx.raw}00`, 'no transaction', '0x'])
          await expect(venue.submitTx({ ...tx, raw })).rejects.toMatchObject({
            code: 'TX_DROPPED',
            kind: 'final',
          });
      }));

    it.each([
      { quote: 'DAI' },
      { base: 'DOGE' },
      { quote: 'WETH', base: 'WETH' },
      { amountIn: '0' },
      { amountIn: '1e3' },
      { amountIn: '-1' },
    ])('B-60 B-62 neither quotes nor builds what no pool swaps: %j', (change) =>
      run(async (test) => {
        const refused = { name: 'VenueError', code: 'TX_REVERTED', kind: 'final' };
        const order = orderOf(test, change);
        await expect(test.venue.priceQuote(order)).rejects.toMatchObject(refused);
        await expect(test.venue.buildSwapTx(order)).rejects.toMatchObject(refused);
      }),
    );

    it('B-62 knows the newest block', () =>
      run(async ({ venue }) => {
        const head = await venue.head();
        expect(head).toSatisfy(Number.isSafeInteger);
        const [pool] = await venue.poolSnapshots();
        expect(pool?.blockNumber).toBeGreaterThanOrEqual(head);
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

/** Decimal text as an integer, whatever the asset: all amounts by the same factor. */
function units(amount: string): bigint {
  const [whole = '', fraction = ''] = amount.split('.');
  return BigInt(whole + fraction.padEnd(36, '0'));
}

async function exact(amount: Promise<string>): Promise<bigint> {
  return units(await amount);
}
