import { describe, expect, it } from 'vitest';
import { MockVenue } from '../../connectors/chain/mock-venue.ts';
import {
  createMockVenue,
  type MockVenueOptions,
  swapPerformers,
  VenueError,
} from '../../connectors/chain/index.ts';
import { failureOf } from '../../engine/effect-failure.ts';
import { type BuiltTx, parseAssets } from '../../processors/trading/index.ts';
import config from '../../config/assets.json' with { type: 'json' };
import { venueContract } from '../contract/venue.contract.ts';

const ASSETS = parseAssets(config);
const NOW = 1_767_323_045_000_006;
const NOW_S = Math.floor(NOW / 1_000_000);
const mock = (options: Partial<MockVenueOptions> = {}) =>
  createMockVenue({ assets: ASSETS, latencyMs: 0, clock: () => NOW, ...options });

const ORDER = {
  base: 'WETH',
  quote: 'USDC',
  amountIn: '4',
  minOut: '9900',
  recipient: `0x${'0'.repeat(39)}1`,
  reference: 'p/step-0/attempt-1',
  deadlineS: NOW_S + 120,
};

venueContract('mock', async () => ({
  venue: mock(),
  order: { base: 'WETH', quote: 'USDC', amountIn: '0.5' },
  nowS: () => NOW_S,
}));

describe('mock venue', () => {
  it('B-89 gives the same hash and amount for the same seed and order', async () => {
    const [one, two] = [await mock().buildSwapTx(ORDER), await mock().buildSwapTx(ORDER)];
    expect(one).toEqual(two);
    const receipts = [mock(), mock()].map((venue) => venue.waitReceipt(one.txHash, 1, { tx: one }));
    const [left, right] = await Promise.all(receipts);
    expect(left).toEqual(right);
    expect(Number(left?.amountOut)).toBeGreaterThan(9_990);
  });

  it('B-89 gives another hash for another seed, plan, step or attempt', async () => {
    const txs = await Promise.all([
      mock().buildSwapTx(ORDER),
      mock({ seed: 'other' }).buildSwapTx(ORDER),
      mock().buildSwapTx({ ...ORDER, reference: 'q/step-0/attempt-1' }),
      mock().buildSwapTx({ ...ORDER, reference: 'p/step-1/attempt-1' }),
      mock().buildSwapTx({ ...ORDER, reference: 'p/step-0/attempt-2' }),
    ]);
    expect(new Set(txs.map(({ txHash }) => txHash)).size).toBe(txs.length);
  });

  it('B-61 B-89 executes a transaction once, however often it is submitted', async () => {
    const venue = mock();
    const tx = await venue.buildSwapTx(ORDER);
    await venue.submitTx(tx);
    await venue.submitTx(tx);
    expect(venue.executions).toBe(1);
    await venue.submitTx(await venue.buildSwapTx({ ...ORDER, reference: 'another' }));
    expect(venue.executions).toBe(2);
  });

  it('B-61 B-89 answers for a transaction of before its restart', async () => {
    const before = mock();
    const tx = await before.buildSwapTx(ORDER);
    await before.submitTx(tx);
    const receipt = await before.waitReceipt(tx.txHash, 1);
    expect(await mock().waitReceipt(tx.txHash, 1, { tx })).toEqual(receipt);
  });

  it('B-60 B-89 reverts a swap that gives too little', async () => {
    const venue = mock();
    const tx = await venue.buildSwapTx({ ...ORDER, minOut: '100000' });
    await venue.submitTx(tx);
    expect(await venue.waitReceipt(tx.txHash, 1)).toEqual({
      status: 0,
      txHash: tx.txHash,
      amountOut: null,
    });
  });

  it.each([
    { quote: 'DAI' },
    { base: 'DOGE' },
    { quote: 'WETH' },
    { amountIn: '0' },
    { amountIn: '1e3' },
    { amountIn: '10000000' },
  ])('B-60 B-89 does not build %j', async (change) => {
    await expect(mock().buildSwapTx({ ...ORDER, ...change })).rejects.toMatchObject({
      code: 'TX_REVERTED',
    });
  });

  it('B-75 B-89 fails as often as it is told to', async () => {
    const venue = mock({ failures: { submitTx: { code: 'RPC_AWAY', times: 2 } } });
    const tx = await venue.buildSwapTx(ORDER);
    const refused = { code: 'RPC_AWAY', retriable: true };
    await expect(venue.submitTx(tx)).rejects.toMatchObject(refused);
    await expect(venue.submitTx(tx)).rejects.toMatchObject(refused);
    expect(await venue.submitTx(tx)).toBe(tx.txHash);
    expect(venue.executions).toBe(1);
  });

  it('B-61 B-89 refuses a transaction that was altered', async () => {
    const tx = await mock().buildSwapTx(ORDER);
    const altered = { ...tx, raw: tx.raw.replace('9900', '1') };
    await expect(mock().submitTx(altered)).rejects.toMatchObject({ code: 'TX_DROPPED' });
  });
});

describe('swap performers', () => {
  const { signal } = new AbortController();
  const STEP = {
    planId: 'p',
    stepIndex: 0,
    attempt: 1,
    venue: 'uniswap_v3',
    base: 'WETH',
    quote: 'USDC',
    amountIn: '4',
    minOut: '9900',
    deadlineS: NOW_S + 120,
  };

  it('B-57 B-58 B-64 build for the recipient, submit, and wait 120 s at most', async () => {
    const waited: number[] = [];
    const observed = new (class extends MockVenue {
      override async waitReceipt(hash: string, timeoutS: number) {
        waited.push(timeoutS);
        return super.waitReceipt(hash, timeoutS);
      }
    })({ assets: ASSETS, latencyMs: 0, clock: () => NOW, recipient: `0x${'a'.repeat(40)}` });
    const perform = swapPerformers(new Map([['uniswap_v3', observed]]));
    const tx = await perform['swap.build'](STEP, signal);
    expect(JSON.parse(tx.raw)).toMatchObject({
      order: {
        recipient: observed.recipient,
        deadlineS: NOW_S + 120,
        minOut: '9900',
        reference: 'p/step-0/attempt-1',
      },
    });
    const args = { venue: 'uniswap_v3', tx };
    expect(await perform['swap.submit'](args, signal)).toBe(tx.txHash);
    const receipt = await perform['swap.wait']({ ...args, timeoutS: 120 }, signal);
    expect(receipt).toMatchObject({ status: 1, txHash: tx.txHash });
    expect(waited).toEqual([120]);
  });

  it('B-62 refuse a venue that they do not have', async () => {
    const perform = swapPerformers(new Map([['uniswap_v3', mock()]]));
    const tx: BuiltTx = { txHash: '0x1', raw: '' };
    const calls = [
      perform['swap.build']({ ...STEP, venue: 'other' }, signal),
      perform['swap.submit']({ venue: 'other', tx }, signal),
      perform['swap.wait']({ venue: 'other', tx, timeoutS: 1 }, signal),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'WRONG_CHAIN' });
  });
});

it.each([
  ['TX_REVERTED', 'final'],
  ['TX_TIMEOUT', 'final'],
  ['TX_DROPPED', 'final'],
  ['WRONG_CHAIN', 'final'],
  ['DEADLINE_PASSED', 'final'],
  ['SLIPPAGE_EXCEEDED', 'final'],
  ['INSUFFICIENT_FUNDS', 'final'],
  ['ALLOWANCE_TOO_LOW', 'final'],
  ['NONCE_TOO_LOW', 'final'],
  ['REPLACEMENT_UNDERPRICED', 'retry'],
  ['TX_REFUSED', 'retry'],
  ['RPC_TIMEOUT', 'target-down'],
  ['RPC_GARBAGE', 'target-down'],
  ['RPC_AWAY', 'target-down'],
] as const)('an answer of a venue opens no circuit, its absence does: %s', (code, kind) => {
  expect(failureOf(new VenueError(code, 'why'))).toEqual({ code, reason: 'why', kind });
});
