import { afterEach, describe, expect, it } from 'vitest';
import { PoolWatcher } from '../../apps/pool-watcher.ts';
import type { PoolSnapshotPayload } from '../../avro/index.ts';
import { eventually } from '../support/eventually.ts';

const POOL: PoolSnapshotPayload = {
  poolId: 'WETH/USDC',
  base: 'USDC',
  quote: 'WETH',
  chainId: 31_337,
  fee: 500,
  sqrtPriceX96: '1',
  liquidity: '1',
  tick: 0,
  tickSpacing: 10,
  blockNumber: 1,
  observedAt: 1,
};

/** A chain of one number, which the test moves on. */
class Chain {
  block = 1;
  price = 1;
  asked = 0;
  read = 0;
  isAway = false;
  nowMs = 0;
  readonly published: string[] = [];
  readonly warnings: unknown[] = [];
  readonly watcher = new PoolWatcher({
    venue: {
      head: async () => {
        this.asked += 1;
        if (this.isAway) throw new Error('the node is away');
        return this.block;
      },
      poolSnapshots: async () => {
        this.read += 1;
        return [{ ...POOL, sqrtPriceX96: String(this.price), blockNumber: this.block }];
      },
    },
    publish: async ({ sqrtPriceX96, blockNumber }) =>
      void this.published.push(`${sqrtPriceX96} at ${blockNumber}`),
    log: { warn: (...what: unknown[]) => void this.warnings.push(what) },
    lookEveryMs: 1,
    againAfterMs: 1_000,
    nowMs: () => this.nowMs,
  });

  /** Settles when the watcher has looked twice since: whatever it does about now is done. */
  async looked(): Promise<void> {
    const asked = this.asked;
    await eventually('it looks', () => this.asked > asked + 2);
  }
}

describe('the pool watcher', () => {
  const chains: Chain[] = [];
  const watched = (): Chain => {
    const chain = new Chain();
    chains.push(chain);
    return chain;
  };
  afterEach(async () => {
    await Promise.all(chains.splice(0).map(({ watcher }) => watcher.stop()));
  });

  it('B-50 publishes a pool at first, and once for each block in which it changed', async () => {
    const chain = watched();
    await chain.looked();
    expect(chain.published).toEqual(['1 at 1']);
    chain.price = 2;
    chain.block = 2;
    await chain.looked();
    chain.block = 3;
    await chain.looked();
    chain.price = 3;
    chain.block = 4;
    await chain.looked();
    expect(chain.published).toEqual(['1 at 1', '2 at 2', '3 at 4']);
  });

  it('B-50 reads no pool while there is no new block', async () => {
    const chain = watched();
    await chain.looked();
    const { read } = chain;
    await chain.looked();
    await chain.looked();
    expect(chain.read).toBe(read);
  });

  it('B-50 publishes a pool that the chain took back', async () => {
    const chain = watched();
    chain.block = 7;
    chain.price = 7;
    await chain.looked();
    chain.block = 6;
    chain.price = 6;
    await chain.looked();
    expect(chain.published.at(-1)).toBe('6 at 6');
  });

  it('B-50 says of a pool that does not change that it is still so', async () => {
    const chain = watched();
    await chain.looked();
    chain.nowMs = 1_000;
    await chain.looked();
    chain.nowMs = 1_999;
    await chain.looked();
    expect(chain.published).toEqual(['1 at 1', '1 at 1']);
  });

  it('B-50 is unhealthy until it has published for the first time', async () => {
    const chain = watched();
    chain.isAway = true;
    expect(() => chain.watcher.check()).toThrow('no pool snapshot has been published yet');
    chain.isAway = false;
    await eventually('it publishes', () => chain.published.length === 1);
    await chain.looked();
    chain.watcher.check();
  });

  it('B-50 is unhealthy while the node is away, and well again after it', async () => {
    const chain = watched();
    await chain.looked();
    chain.watcher.check();
    chain.isAway = true;
    chain.nowMs = 3_000;
    await eventually('it says so', () => chain.warnings.length > 0);
    expect(() => chain.watcher.check()).toThrow('no pool snapshot has been published for 3 s');
    chain.isAway = false;
    await chain.looked();
    chain.watcher.check();
  });
});
