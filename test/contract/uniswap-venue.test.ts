import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Address,
  decodeFunctionData,
  getAddress,
  type Hex,
  keccak256,
  parseTransaction,
  stringToHex,
} from 'viem';
import {
  addressOfKey,
  fundTrader,
  giveTokens,
  LOCAL_CONTRACTS,
} from '../../cli/stack/local-chain.ts';
import { ROUTER_ABI } from '../../connectors/chain/abi.ts';
import { freePort } from '../../cli/stack/ports.ts';
import {
  type BuiltTx,
  type Fees,
  type SwapOrder,
  swapPerformers,
  type VenueAdapter,
} from '../../connectors/chain/index.ts';
import { eventually } from '../support/eventually.ts';
import { type LocalChain, startLocalChain } from '../support/local-chain.ts';
import { type RpcProxy, startRpcProxy, type Treatment } from '../support/rpc-proxy.ts';
import { venueOn } from '../support/venue-on.ts';
import { venueContract } from './venue.contract.ts';

const nowS = (): number => Math.floor(Date.now() / 1000);
const SELL = { base: 'WETH', quote: 'USDC', amountIn: '0.5' };

describe('on a chain of this machine', () => {
  let chain: LocalChain;
  let proxy: RpcProxy;
  let venue: VenueAdapter;
  beforeAll(async () => {
    chain = await startLocalChain();
  });
  afterAll(() => chain?.remove());
  beforeEach(async () => {
    proxy = await startRpcProxy(chain.url);
    venue = venueOn({ ...chain, url: proxy.url });
  });
  afterEach(async () => {
    await proxy.close();
    await chain.rpc('evm_setAutomine', true);
    await mine();
  });

  const mine = (): Promise<unknown> => chain.rpc('anvil_mine', '0x1');
  const stopMining = (): Promise<unknown> => chain.rpc('evm_setAutomine', false);
  const order = (changes: Partial<SwapOrder> = {}): SwapOrder => ({
    ...SELL,
    minOut: '0.000001',
    recipient: venue.recipient,
    reference: 'p/step-0/attempt-1',
    deadlineS: nowS() + 120,
    ...changes,
  });
  const wait = (tx: BuiltTx, of = venue) => of.waitReceipt(tx.txHash, 60, { tx });
  const isOut = async (tx: BuiltTx): Promise<boolean> =>
    (await chain.rpc('eth_getTransactionReceipt', tx.txHash)) === null;

  venueContract('uniswap', async () => ({ venue: venueOn(chain), order: SELL, nowS }));

  it('B-63 B-64 signs exactInputSingle on the known pool, for the configured recipient', async () => {
    const recipient = `0x${'ab'.repeat(20)}`;
    const own = venueOn(chain, { recipient });
    const deadlineS = nowS() + 120;
    const swap = { base: 'USDC', quote: 'WETH', amountIn: '12.5', minOut: '0.0049', deadlineS };
    const tx = await own.buildSwapTx(order({ ...swap, recipient: own.recipient }));
    const { to, data, value = 0n, chainId } = parseTransaction(tx.raw as Hex);
    const { usdc, weth, router } = LOCAL_CONTRACTS;
    expect({ to, value, chainId }).toEqual({
      to: router.toLowerCase(),
      value: 0n,
      chainId: 31_337,
    });
    const call = decodeFunctionData({ abi: ROUTER_ABI, data: data ?? '0x' });
    expect(call.functionName).toBe('exactInputSingle');
    expect(call.args).toEqual([
      {
        tokenIn: usdc,
        tokenOut: weth,
        fee: 500,
        recipient: getAddress(recipient),
        deadline: BigInt(deadlineS),
        amountIn: 12_500_000n,
        amountOutMinimum: 4_900_000_000_000_000n,
        sqrtPriceLimitX96: 0n,
      },
    ]);
  });

  describe('a node that is not well', () => {
    const calls: readonly (readonly [string, (of: VenueAdapter) => Promise<unknown>])[] = [
      ['priceQuote', (of) => of.priceQuote(SELL)],
      ['preparations', (of) => of.preparations({ base: 'WETH', amountIn: '1' })],
      ['buildSwapTx', (of) => of.buildSwapTx(order())],
      ['waitReceipt', (of) => of.waitReceipt(`0x${'1'.repeat(64)}`, 60)],
      ['nonceState', (of) => of.nonceState()],
      ['balance', (of) => of.balance('WETH')],
      ['poolSnapshots', (of) => of.poolSnapshots()],
    ];
    const trouble: readonly (readonly [string, Treatment, string])[] = [
      ['hangs', 'hang', 'RPC_TIMEOUT'],
      ['breaks off', 'lose', 'RPC_AWAY'],
      ['says 503', { status: 503, body: 'later' }, 'RPC_AWAY'],
      ['says 429', { status: 429, body: '{}' }, 'RPC_AWAY'],
      ['talks HTML', { body: '<html></html>' }, 'RPC_GARBAGE'],
      ['says nothing', { body: '{}' }, 'RPC_GARBAGE'],
      ['says something else', { body: result({ really: 'no' }) }, 'RPC_GARBAGE'],
      ['says text', { body: result('yes') }, 'RPC_GARBAGE'],
    ];

    it.each(calls)('B-60 B-63 %s says that nobody is there', async (_name, call) => {
      const away = venueOn({ ...chain, url: `http://127.0.0.1:${await freePort()}` });
      const expected = { name: 'VenueError', code: 'RPC_AWAY', kind: 'target-down' };
      await expect(call(away)).rejects.toMatchObject(expected);
    });

    it.each(calls)('B-60 B-63 %s says what is wrong with the node', async (_name, call) => {
      for (const [, treatment, code] of trouble) {
        // Short only where it is meant to run out.
        const limits = treatment === 'hang' ? { rpcTimeoutMs: 100 } : {};
        const sick = venueOn({ ...chain, url: proxy.url }, limits);
        proxy.treat(() => treatment);
        const expected = { name: 'VenueError', code, kind: 'target-down' };
        await expect(call(sick)).rejects.toMatchObject(expected);
        if (treatment === 'hang') continue;
        proxy.treat(({ method }) => (method === 'eth_chainId' ? 'pass' : treatment));
        await expect(call(sick)).rejects.toMatchObject(expected);
      }
    });

    it('B-60 B-63 is asked again after it was away', async () => {
      proxy.treat(() => ({ status: 503, body: '' }));
      await expect(venue.poolSnapshots()).rejects.toMatchObject({ code: 'RPC_AWAY' });
      proxy.treat(() => 'pass');
      expect(await venue.poolSnapshots()).toHaveLength(1);
    });

    it('B-60 B-63 of another chain is refused before anything is signed', async () => {
      const other = venueOn(chain, { chainId: 1 });
      const expected = { name: 'VenueError', code: 'WRONG_CHAIN', kind: 'final' };
      for (const [, call] of calls) await expect(call(other)).rejects.toMatchObject(expected);
      const tx = await venue.buildSwapTx(order());
      await expect(other.submitTx(tx)).rejects.toMatchObject(expected);
    });

    it('B-63 gets a transaction again whose answer was lost, and does it once', async () => {
      const sold = Number(await venue.balance('WETH'));
      const tx = await venue.buildSwapTx(order({ amountIn: '1' }));
      proxy.treat(({ method }) => (method === 'eth_sendRawTransaction' ? 'lose' : 'pass'));
      expect(await venue.submitTx(tx)).toBe(tx.txHash);
      expect(await wait(tx)).toMatchObject({ status: 1 });
      expect(sold - Number(await venue.balance('WETH'))).toBe(1);
    });

    it('B-63 gets a transaction again that it never saw, while it is waited for', async () => {
      const tx = await venue.buildSwapTx(order());
      proxy.treat(({ method }) => (method === 'eth_sendRawTransaction' ? 'cut' : 'pass'));
      expect(await venue.submitTx(tx)).toBe(tx.txHash);
      expect(await isOut(tx)).toBe(true);
      proxy.treat(() => 'pass');
      expect(await wait(tx)).toMatchObject({ status: 1 });
    });

    it('B-63 does not get a transaction from a venue that knows it is away', async () => {
      const tx = await venue.buildSwapTx(order());
      proxy.treat(({ method }) =>
        method === 'eth_sendRawTransaction' ? { status: 429, body: '' } : 'pass',
      );
      const expected = { code: 'RPC_AWAY', kind: 'target-down' };
      await expect(venue.submitTx(tx)).rejects.toMatchObject(expected);
      proxy.treat(() => 'pass');
      await venue.submitTx(tx);
      expect(await wait(tx)).toMatchObject({ status: 1 });
    });
  });

  describe('what a chain refuses', () => {
    it('B-60 B-63 no ether for the gas', async () => {
      const key = keccak256(stringToHex('no ether for the gas'));
      await fundTrader(chain.url, addressOfKey(key) as Address);
      const poor = venueOn({ ...chain, key });
      const tx = await poor.buildSwapTx(order());
      await chain.rpc('anvil_setBalance', addressOfKey(key), '0x1');
      const expected = { code: 'INSUFFICIENT_FUNDS', kind: 'final' };
      await expect(poor.submitTx(tx)).rejects.toMatchObject(expected);
    });

    it('B-60 B-63 nothing to sell', async () => {
      const key = keccak256(stringToHex('nothing to sell'));
      await giveTokens(chain.url, addressOfKey(key) as Address);
      const poor = venueOn({ ...chain, key });
      const all = await poor.balance('WETH');
      const tx = await poor.buildApproval({ asset: 'WETH', amount: 'unlimited' });
      await poor.submitTx(tx);
      await wait(tx, poor);
      const tooMuch = order({ amountIn: String(BigInt(all) + 1n) });
      await expect(poor.buildSwapTx(tooMuch)).rejects.toMatchObject({
        code: 'INSUFFICIENT_FUNDS',
        kind: 'final',
        message: expect.stringContaining(`has ${all} WETH`),
      });
    });

    it('B-60 B-63 another transaction of the same nonce for the same fees; for more it takes its place', async () => {
      await stopMining();
      const { pending: nonce } = await venue.nonceState();
      const first = await venue.buildSwapTx(order({ nonce }));
      expect(await venue.submitTx(first)).toBe(first.txHash);
      expect(await venue.submitTx(first)).toBe(first.txHash);
      expect((await venue.nonceState()).pending).toBe(nonce + 1);
      const same = await venue.buildSwapTx(order({ nonce, amountIn: '0.4', ...feesOf(first) }));
      await expect(venue.submitTx(same)).rejects.toMatchObject({
        code: 'REPLACEMENT_UNDERPRICED',
        kind: 'retry',
      });
      const fees = doubled(first);
      const more = await venue.buildSwapTx(order({ nonce, fees }));
      expect(more.fees).toEqual(fees);
      await venue.submitTx(more);
      await mine();
      expect(await wait(more)).toMatchObject({ status: 1 });
      const expected = { code: 'TX_DROPPED', kind: 'final' };
      await expect(wait(first)).rejects.toMatchObject(expected);
      await expect(venue.submitTx(first)).rejects.toMatchObject({ code: 'NONCE_TOO_LOW' });
    });

    it('B-57 B-63 the receipt of whichever is mined, of all that were to take one place', async () => {
      await stopMining();
      const { pending: nonce } = await venue.nonceState();
      const first = await venue.buildSwapTx(order({ nonce }));
      const fees = doubled(first);
      const more = await venue.buildSwapTx(order({ nonce, fees }));
      await venue.submitTx(first);
      const { 'swap.wait': wait } = swapPerformers(new Map([[venue.venue, venue]]));
      const args = { venue: venue.venue, tx: more, earlier: [first], timeoutS: 30 };
      const receipt = wait(args, new AbortController().signal);
      await mine();
      expect(await receipt).toMatchObject({ status: 1, txHash: first.txHash });
    });

    it('B-60 B-63 a swap that gives too little by the time it is mined', async () => {
      const { amountOut: minOut } = await venue.priceQuote(SELL);
      await stopMining();
      const before = await venue.buildSwapTx(order({ amountIn: '50000' }));
      const after = await venue.buildSwapTx(order({ minOut }));
      expect(after.nonce).toBe((before.nonce ?? 0) + 1);
      await venue.submitTx(before);
      await venue.submitTx(after);
      await mine();
      expect(await wait(before)).toMatchObject({ status: 1 });
      expect(await wait(after)).toEqual({ status: 0, txHash: after.txHash, amountOut: null });
      await expect(venue.buildSwapTx(order({ minOut }))).rejects.toMatchObject({
        code: 'SLIPPAGE_EXCEEDED',
        kind: 'final',
      });
    });

    it('B-60 B-63 a transaction whose deadline has passed, unless the chain has it', async () => {
      let late = false;
      const clocked = venueOn(chain, { nowMs: () => Date.now() + (late ? 600_000 : 0) });
      const [mined, kept] = [
        await clocked.buildSwapTx(order()),
        await clocked.buildSwapTx(order()),
      ];
      await clocked.submitTx(mined);
      await wait(mined, clocked);
      late = true;
      expect(await clocked.submitTx(mined)).toBe(mined.txHash);
      const expected = { code: 'DEADLINE_PASSED', kind: 'final' };
      await expect(clocked.submitTx(kept)).rejects.toMatchObject(expected);
    });
  });

  describe('a receipt', () => {
    it('B-58 B-63 counts after as many blocks as are asked for', async () => {
      const patient = venueOn({ ...chain, url: proxy.url }, { confirmations: 3 });
      const tx = await patient.buildSwapTx(order());
      await patient.submitTx(tx);
      let settled = false;
      const receipt = wait(tx, patient).finally(() => (settled = true));
      for (const blocks of [1, 2]) {
        const asked = proxy.count('eth_blockNumber');
        await eventually('asked', () => proxy.count('eth_blockNumber') >= asked + 3);
        expect(settled, `after ${blocks} blocks`).toBe(false);
        await mine();
      }
      expect(await receipt).toMatchObject({ status: 1, txHash: tx.txHash });
    });

    it('B-58 B-63 that does not count yet is no time-out, of whichever was mined; one taken back is', async () => {
      await stopMining();
      const { pending: nonce } = await venue.nonceState();
      const first = await venue.buildSwapTx(order({ nonce }));
      const more = await venue.buildSwapTx(order({ nonce, fees: doubled(first) }));
      await venue.submitTx(first);
      await mine();
      const patient = venueOn(chain, { confirmations: 3 });
      const { 'swap.wait': wait } = swapPerformers(new Map([[venue.venue, patient]]));
      const outcome = (timeoutS: number) =>
        wait(
          { venue: venue.venue, tx: more, earlier: [first], timeoutS },
          new AbortController().signal,
        );
      const unconfirmed = { name: 'VenueError', code: 'TX_UNCONFIRMED', kind: 'retry' };
      await expect(outcome(0.1)).rejects.toMatchObject(unconfirmed);
      await chain.rpc('anvil_reorg', 1, []);
      await chain.rpc('anvil_dropAllTransactions');
      expect(await isOut(first)).toBe(true);
      await expect(outcome(0.1)).rejects.toMatchObject({ code: 'TX_TIMEOUT', kind: 'final' });
      await venue.submitTx(first);
      await chain.rpc('anvil_mine', '0x3');
      expect(await outcome(30)).toMatchObject({ status: 1, txHash: first.txHash });
    });

    it('B-58 B-63 of a block that the chain takes back is waited for again', async () => {
      const patient = venueOn({ ...chain, url: proxy.url }, { confirmations: 2 });
      const tx = await patient.buildSwapTx(order());
      await patient.submitTx(tx);
      let settled = false;
      const receipt = wait(tx, patient).finally(() => (settled = true));
      const asked = proxy.count('eth_blockNumber');
      await eventually('seen mined', () => proxy.count('eth_blockNumber') > asked);
      await stopMining();
      await chain.rpc('anvil_reorg', 1, []);
      expect(await isOut(tx)).toBe(true);
      const sent = proxy.count('eth_sendRawTransaction');
      await eventually('shown again', () => proxy.count('eth_sendRawTransaction') > sent);
      expect(settled).toBe(false);
      await mine();
      await mine();
      expect(await receipt).toMatchObject({ status: 1, txHash: tx.txHash });
    });
  });

  it('B-63 shows the key to nobody', async () => {
    const said: unknown[] = [venue];
    const fails = async (promise: Promise<unknown>): Promise<void> => {
      said.push(await promise.catch((error: unknown) => error));
    };
    const tx = await venue.buildSwapTx(order());
    said.push(tx);
    await fails(venueOn(chain, { chainId: 1 }).buildSwapTx(order()));
    await fails(venue.submitTx({ ...tx, raw: '0x' }));
    for (const treatment of [
      'hang',
      'lose',
      { body: '<html>' },
      { status: 500, body: '' },
    ] as const) {
      const sick = venueOn({ ...chain, url: proxy.url }, { rpcTimeoutMs: 50 });
      proxy.treat(() => treatment);
      await fails(sick.buildSwapTx(order()));
      await fails(sick.submitTx(tx));
    }
    await fails((async () => venueOn({ ...chain, key: `${chain.key}00` }))());
    await fails((async () => venueOn({ ...chain, key: chain.key.slice(2) }))());
    const words = said.map((each) =>
      [
        inspect(each, { depth: Infinity, showHidden: true }),
        JSON.stringify(each),
        String(each),
        each instanceof Error ? each.stack : '',
      ].join('\n'),
    );
    for (const text of words) expect(text.toLowerCase()).not.toContain(chain.key.slice(2));
  });
});

function result(value: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 1, result: value });
}

function doubled({ fees }: BuiltTx): Fees {
  return {
    maxFeePerGas: String(BigInt(fees?.maxFeePerGas ?? 0) * 2n),
    maxPriorityFeePerGas: String(BigInt(fees?.maxPriorityFeePerGas ?? 0) * 2n),
  };
}

function feesOf({ fees }: BuiltTx): Pick<SwapOrder, 'fees'> {
  return fees === undefined ? {} : { fees };
}
