import { afterAll, beforeAll, describe } from 'vitest';
import { type LocalChain, startLocalChain } from '../support/local-chain.ts';
import { quotesAgree } from '../support/quotes-agree.ts';
import { LOCAL } from '../support/venue-on.ts';

describe('on a chain of this machine', () => {
  let chain: LocalChain;
  beforeAll(async () => {
    chain = await startLocalChain();
  });
  afterAll(() => chain?.remove());

  const largest = { WETH: '40000', USDC: '100000000' };
  quotesAgree(() => ({ chain, contracts: LOCAL, largest }));
});
