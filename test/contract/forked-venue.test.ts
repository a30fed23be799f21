import { afterAll, beforeAll, describe } from 'vitest';
import { FORKED, type ForkedChain, startFork } from '../support/fork.ts';
import { quotesAgree } from '../support/quotes-agree.ts';
import { venueOn } from '../support/venue-on.ts';
import { venueContract } from './venue.contract.ts';

describe(`on a fork of ${FORKED}`, () => {
  let chain: ForkedChain;
  beforeAll(async () => {
    chain = await startFork();
  });
  afterAll(() => chain?.remove());

  venueContract('uniswap', async () => ({
    venue: venueOn(chain, { contracts: chain.contracts }),
    order: { base: 'WETH', quote: 'USDC', amountIn: '0.5' },
    nowS: () => Math.floor(Date.now() / 1000),
  }));

  quotesAgree(() => ({ chain, contracts: chain.contracts, largest: { WETH: '20', USDC: '9000' } }));
});
