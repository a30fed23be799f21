import { type ExecFailedPayload, type PoolSnapshotPayload } from '../avro/index.ts';
import type { VenueAdapter } from '../connectors/chain/index.ts';
import type { Codec } from '../engine/codec.ts';
import type { EventRecord } from '../engine/event.ts';
import type { ApplicationRunner } from '../kafka/application-runner.ts';
import type { RunnerObserver } from '../kafka/task-runner.ts';
import { type Assets, type Ledger, type Nonces, plannedAtS } from '../processors/trading/index.ts';
import { clockMicros } from './clock.ts';
import type { Metrics } from './metrics.ts';
import type { Reading } from './swap-metrics.ts';

/** Where the values of swap metrics come from: what the tasks of this process know when somebody scrapes. */
export function readSwaps(
  metrics: Metrics,
  runner: Pick<ApplicationRunner, 'waiting'>,
  venues: Iterable<VenueAdapter>,
  clock = clockMicros,
): void {
  metrics.noncesOpen.from(() =>
    (runner.waiting('account') as readonly Nonces[]).map(({ account, open }): Reading => [
      { account },
      open.length,
    ]),
  );
  const ledgers = () => runner.waiting('orchestrator') as readonly Ledger[];
  metrics.plansOpen.from(() => [[{}, ledgers().length]]);
  metrics.planOldest.from(() => {
    const nowS = clock() / 1_000_000;
    return [[{}, Math.max(0, ...ledgers().map((ledger) => nowS - plannedAtS(ledger)))]];
  });
  const signers = [...venues].filter(({ account }) => account !== null);
  metrics.signerBalance.from((signal) =>
    Promise.all(
      signers.map(async (venue): Promise<Reading> => {
        const { account } = venue;
        return [{ account: account ?? '' }, Number(await venue.funds(signal))];
      }),
    ),
  );
}

/** The same of the snapshots that plans are made on. */
export function readPools(
  metrics: Metrics,
  planners: readonly Pick<ApplicationRunner, 'references'>[],
  { pools }: Pick<Assets, 'pools'>,
  clock = clockMicros,
): void {
  metrics.poolSnapshotAge.from(() =>
    pools.flatMap(({ id }): readonly Reading[] => {
      const known = planners.flatMap((planner) => [...planner.references('pool').values()]);
      const seen = known.map((values) => values.get(id) as PoolSnapshotPayload | undefined);
      if (seen.length === 0 || seen.includes(undefined)) return [];
      const ages = seen.map((snapshot) => clock() - (snapshot?.observedAt ?? 0));
      return [[{ pool: id }, Math.max(0, ...ages) / 1_000_000]];
    }),
  );
}

/** Counts each exec.failed once, when it is confirmed in the journal. */
export function failureObserver(
  observer: RunnerObserver,
  metrics: Pick<Metrics, 'execFailedTotal'>,
  codec: Pick<Codec, 'decode'>,
): RunnerObserver {
  return {
    ...observer,
    appended(batch, seconds) {
      observer.appended(batch, seconds);
      for (const { headers, value } of batch.emits) {
        if (headers['event_type'] !== 'exec.failed' || value === null) continue;
        const { payload } = codec.decode(value).value as EventRecord<ExecFailedPayload>;
        metrics.execFailedTotal.inc({ code: payload.code });
      }
    },
  };
}
