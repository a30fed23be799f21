import { type Address, keccak256, numberToHex, parseEther, stringToHex } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressOfKey, giveTokens } from '../../cli/stack/local-chain.ts';
import type { BuiltTx, VenueAdapter } from '../../connectors/chain/index.ts';
import { type LocalChain, startLocalChain } from '../support/local-chain.ts';
import { venueOn } from '../support/venue-on.ts';

describe('an account that is not ready to swap', () => {
  let chain: LocalChain;
  beforeAll(async () => {
    chain = await startLocalChain();
  });
  afterAll(() => chain?.remove());

  const wait = (tx: BuiltTx, of: VenueAdapter) => of.waitReceipt(tx.txHash, 60, { tx });
  const sale = { base: 'WETH', amountIn: '2.5' };

  it('B-62 B-63 that has only ether wraps what it lacks, and approves what it sells, or all for ever', async () => {
    const key = keccak256(stringToHex('only ether'));
    await chain.rpc('anvil_setBalance', addressOfKey(key), numberToHex(parseEther('10')));
    const poor = venueOn({ ...chain, key });
    expect(await poor.preparations(sale)).toEqual([
      { kind: 'wrap', asset: 'WETH', amount: '2.5' },
      { kind: 'approve', asset: 'WETH', amount: '2.5' },
    ]);
    const wrap = await poor.buildWrap({ asset: 'WETH', amount: '1' });
    await poor.submitTx(wrap);
    await wait(wrap, poor);
    const generous = venueOn({ ...chain, key }, { approval: 'unlimited' });
    expect(await generous.preparations(sale)).toEqual([
      { kind: 'wrap', asset: 'WETH', amount: '1.5' },
      { kind: 'approve', asset: 'WETH', amount: 'unlimited' },
    ]);
  });

  it('B-60 B-63 is told when ether or anything else is too little', async () => {
    const key = keccak256(stringToHex('too little ether'));
    await chain.rpc('anvil_setBalance', addressOfKey(key), numberToHex(parseEther('2')));
    const poor = venueOn({ ...chain, key });
    const expected = { code: 'INSUFFICIENT_FUNDS', kind: 'final' };
    await expect(poor.preparations(sale)).rejects.toMatchObject({
      ...expected,
      message: expect.stringContaining('2.5 WETH too little, and 2 ether to wrap'),
    });
    const dollars = { base: 'USDC', amountIn: '1' };
    await expect(poor.preparations(dollars)).rejects.toMatchObject(expected);
  });

  it('B-62 B-63 whose allowance is enough, and not unlimited, approves all the same: it may be another swap that counts on it', async () => {
    const key = keccak256(stringToHex('an allowance that ends'));
    await giveTokens(chain.url, addressOfKey(key) as Address);
    const careful = venueOn({ ...chain, key });
    const tx = await careful.buildApproval({ asset: 'WETH', amount: '5' });
    await careful.submitTx(tx);
    await wait(tx, careful);
    expect(await careful.preparations(sale)).toEqual([
      { kind: 'approve', asset: 'WETH', amount: '2.5' },
    ]);
  });
});
