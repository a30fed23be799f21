import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployLocalChain, LOCAL_CONTRACTS } from '../../cli/stack/local-chain.ts';
import { eventually } from '../support/eventually.ts';
import { type LocalChain, startLocalChain } from '../support/local-chain.ts';

describe('a chain on this machine', () => {
  let chain: LocalChain;
  beforeAll(async () => (chain = await startLocalChain()));
  afterAll(() => chain?.remove());

  const height = async (): Promise<number> => Number(await chain.rpc('eth_blockNumber'));
  const codeSizes = () =>
    Promise.all(
      Object.values(LOCAL_CONTRACTS).map(
        async (address) => String(await chain.rpc('eth_getCode', address, 'latest')).length,
      ),
    );
  const mine = () => chain.rpc('anvil_mine', '0x1');

  it('has every contract at its address', async () => {
    for (const size of await codeSizes()) expect(size).toBeGreaterThan(1_000);
  });

  it('is set up once, however often it is asked for', async () => {
    const before = await height();
    await deployLocalChain(chain);
    expect(await height()).toBe(before);
  });

  it('is kept over an end in order and a new start', async () => {
    await mine();
    const before = await chain.rpc('eth_getBlockByNumber', 'latest', false);
    await chain.stop();
    await chain.start();
    expect(await chain.rpc('eth_getBlockByNumber', 'latest', false)).toEqual(before);
  });

  it('goes back over a kill to what was saved, and no further', async () => {
    const saved = await height();
    await mine();
    await chain.kill();
    await chain.start();
    expect([saved, saved + 1]).toContain(await height());
    for (const size of await codeSizes()) expect(size).toBeGreaterThan(1_000);
  });

  it('begins anew, with the same addresses, when its state was torn', async () => {
    await chain.stop();
    await truncate(join(chain.folder, 'state.json'), 1_000);
    await chain.start();
    for (const size of await codeSizes()) expect(size).toBeGreaterThan(1_000);
    await eventually('saved again', async () => {
      await chain.stop();
      await chain.start();
      return (await height()) > 10;
    });
  });

  it('finishes a set-up that was cut off', async () => {
    await chain.stop();
    await writeFile(join(chain.folder, 'state.json'), '');
    await chain.start();
    const whole = await height();
    await chain.rpc('anvil_reset');
    const step = { from: '0xa0Ee7A142d267C1f36714E4a8F75612F20a79720', gas: '0x1c9c380' };
    await chain.rpc('eth_sendTransaction', { ...step, data: await firstCreation() });
    await deployLocalChain(chain);
    expect(await height()).toBe(whole);
    for (const size of await codeSizes()) expect(size).toBeGreaterThan(1_000);
  });

  async function firstCreation(): Promise<string> {
    const tokens = await import('../../connectors/chain/contracts/local-tokens.json', {
      with: { type: 'json' },
    });
    return tokens.default.bytecodes.LocalDollar;
  }
});
