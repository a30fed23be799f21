import { describe, expect, it } from 'vitest';
import { poolCheck } from '../../apps/pool-check.ts';
import { loadAssets } from '../../apps/topologies.ts';
import type { PoolSnapshotPayload } from '../../avro/index.ts';

const SECOND = 1_000_000;
const NOW = 1_000 * SECOND;
const SNAPSHOT: PoolSnapshotPayload = {
  poolId: 'WETH/USDC',
  base: 'WETH',
  quote: 'USDC',
  chainId: 31_337,
  fee: 500,
  sqrtPriceX96: '79228162514264337593543950336',
  liquidity: '1000000000000000000',
  tick: 0,
  tickSpacing: 10,
  blockNumber: 1,
  observedAt: NOW,
};

/** Checks tasks that know these snapshots, one after another. */
async function check(...known: readonly (PoolSnapshotPayload | null)[]): Promise<void> {
  const tasks = known.map((snapshot, partition): [number, ReadonlyMap<string, unknown>] => [
    partition,
    new Map(snapshot === null ? [] : [[snapshot.poolId, snapshot]]),
  ]);
  const planner = { references: () => new Map(tasks) };
  const options = { assets: loadAssets(), maxSnapshotAgeMs: 120_000 };
  await poolCheck([planner], options, () => NOW)['pool_snapshots']?.();
}

describe('the health of what plans', () => {
  it('B-50 is well when each task has a usable snapshot of each pool', async () => {
    await check(SNAPSHOT, SNAPSHOT);
    await check({ ...SNAPSHOT, observedAt: NOW - 120 * SECOND });
    await check();
  });

  it('B-50 names the task that has none yet', async () => {
    await expect(check(SNAPSHOT, null)).rejects.toThrow(
      'task 1: There is no usable snapshot of pool WETH/USDC yet.',
    );
  });

  it('B-50 names the snapshot that is too old to plan on', async () => {
    const old = { ...SNAPSHOT, observedAt: NOW - 121 * SECOND };
    await expect(check(old)).rejects.toThrow(
      'task 0: The snapshot of pool WETH/USDC is 121000 ms old; the limit is 120000 ms.',
    );
  });
});
