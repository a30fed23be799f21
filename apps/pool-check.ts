import type { PoolSnapshotPayload } from '../avro/index.ts';
import type { ApplicationRunner } from '../kafka/application-runner.ts';
import { type PlannerOptions, usableSnapshot } from '../processors/trading/index.ts';
import { clockMicros } from './clock.ts';
import type { HealthChecks } from './service-server.ts';

/**
 * `pool_snapshots`: every task that plans here has a snapshot of each configured pool that a plan may be made on. Until
 * then an intent would be rejected, however well the tasks run.
 */
export function poolCheck(
  planners: readonly Pick<ApplicationRunner, 'references'>[],
  { assets, maxSnapshotAgeMs }: Pick<PlannerOptions, 'assets' | 'maxSnapshotAgeMs'>,
  clock = clockMicros,
): HealthChecks {
  return {
    pool_snapshots: async () => {
      const planning = { time: clock(), maxSnapshotAgeMs };
      for (const planner of planners)
        for (const [partition, values] of planner.references('pool'))
          for (const pool of assets.pools) {
            const snapshot = values.get(pool.id) as PoolSnapshotPayload | undefined;
            const usable = usableSnapshot(pool, snapshot, planning);
            if ('ok' in usable) throw new Error(`task ${partition}: ${usable.reason}`);
          }
    },
  };
}
