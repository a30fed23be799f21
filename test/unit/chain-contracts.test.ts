import { describe, expect, it } from 'vitest';
import { LOCAL_CONTRACTS } from '../../cli/stack/local-chain.ts';
import { contractsOf } from '../../connectors/chain/index.ts';
import chains from '../../config/chains.json' with { type: 'json' };

describe('config/chains.json', () => {
  it('B-64 has the contracts of a local chain where its set-up puts them', () => {
    const { factory, router, quoter, tokens } = contractsOf(31_337, chains);
    const { usdc, weth, positions, ...same } = LOCAL_CONTRACTS;
    expect(positions).toMatch(/^0x/);
    expect({ factory, router, quoter }).toEqual(same);
    expect(Object.fromEntries(tokens)).toEqual({ USDC: usdc, WETH: weth });
  });

  it('B-64 has every address of every chain in its checked form', () => {
    for (const chainId of Object.keys(chains)) {
      const { tokens, wrapped } = contractsOf(Number(chainId), chains);
      expect(tokens.get(wrapped)).toBeDefined();
    }
  });

  it.each([
    [{}, 'no chain 5, only '],
    [{ 5: 7 }, 'chain 5 is no object'],
    [{ 5: {} }, 'tokens is no object'],
    [{ 5: { tokens: { A: '0x1' } } }, 'token A is "0x1"'],
    [{ 5: { tokens: {} } }, 'factory is undefined'],
    [{ 5: { ...chains[1], wrapped: 'ETH' } }, 'wrapped is ETH'],
  ])('B-64 says what is wrong with %j', (file, words) => {
    expect(() => contractsOf(5, file)).toThrow(words);
  });
});
