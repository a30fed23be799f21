import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../apps/config.ts';
import { allTopologies, orchestratorOptions } from '../../apps/topologies.ts';
import { addressOfKey, localTraderKey } from '../../cli/stack/local-chain.ts';

const KEY = localTraderKey();
const ADDRESS = addressOfKey(KEY);
const CHAIN = {
  PLATFORM_MOCK_CHAIN: 'false',
  ETH_RPC_URL: 'http://127.0.0.1:8545',
  CHAIN_ID: '31337',
};

const accounts = (env: Readonly<Record<string, string | undefined>>) =>
  orchestratorOptions(loadConfig(env)).accounts;

describe('whose transactions swaps are', () => {
  it.each([
    { SIGNER_PRIVATE_KEY: KEY },
    { SIGNER_ADDRESS: ADDRESS },
    { SIGNER_ADDRESS: ADDRESS.toLowerCase() },
    { SIGNER_PRIVATE_KEY: KEY, SIGNER_ADDRESS: ADDRESS },
  ])('B-14 B-63 is the same, however it is said: %j', (signer) => {
    expect(accounts({ ...CHAIN, ...signer })).toEqual({ uniswap_v3: `31337:${ADDRESS}` });
  });

  it('B-89 is nobody without a chain', () => {
    expect(accounts({ SIGNER_PRIVATE_KEY: KEY })).toEqual({});
  });

  it('B-14 B-63 has to be known to run handlers, and not to look at their graph', () => {
    const config = loadConfig(CHAIN);
    expect(allTopologies(config)).toHaveLength(3);
    expect(() => allTopologies(config, { decides: true })).toThrow('SIGNER_ADDRESS is not set');
  });

  it('B-14 B-63 is refused when two variables say it differently, without the key', () => {
    const other = `0x${'ab'.repeat(20)}`;
    const config = { ...CHAIN, SIGNER_PRIVATE_KEY: KEY, SIGNER_ADDRESS: other };
    expect(() => accounts(config)).toThrow(`SIGNER_ADDRESS=${other}`);
    expect(() => accounts(config)).toThrow(ADDRESS);
    expect(() => accounts(config)).not.toThrow(KEY.slice(2));
  });
});
