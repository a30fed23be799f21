import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../apps/metrics.ts';
import { failureObserver, readPools, readSwaps } from '../../apps/swap-readings.ts';
import { loadAssets } from '../../apps/topologies.ts';
import { AvroCodec, CATALOGUE_RECORDS, envelope } from '../../avro/index.ts';
import { createMockVenue } from '../../connectors/chain/index.ts';
import type { Batch } from '../../engine/journal.ts';
import type { RunnerObserver } from '../../kafka/task-runner.ts';

const SECOND = 1_000_000;
const NOW = 1_000 * SECOND;
const clock = (): number => NOW;
const ACCOUNT = '31337:0xabc';
const metrics = createMetrics();

/** The lines of one metric, without their comments. */
async function lines(name: string): Promise<readonly string[]> {
  const text = await metrics.registry.getSingleMetricAsString(name);
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('the metrics of swaps', () => {
  it('B-82 have the oldest snapshot of each pool, and none while a task has none', async () => {
    const [pool] = loadAssets().pools;
    const id = pool?.id ?? '';
    const tasks = new Map<number, ReadonlyMap<string, unknown>>();
    readPools(metrics, [{ references: () => tasks }], loadAssets(), clock);
    const name = 'millrace_pool_snapshot_age_seconds';
    expect(await lines(name)).toEqual([]);
    tasks.set(0, new Map([[id, { observedAt: NOW - 2 * SECOND }]]));
    tasks.set(1, new Map([[id, { observedAt: NOW - 7 * SECOND }]]));
    expect(await lines(name)).toEqual([`${name}{pool="${id}"} 7`]);
    tasks.set(2, new Map());
    expect(await lines(name)).toEqual([]);
  });

  it('B-82 have what is under way, and nothing of a node that does not answer', async () => {
    const states: Record<string, readonly unknown[]> = {
      account: [{ account: ACCOUNT, open: [{}, {}, {}] }],
      orchestrator: [{ deadlineS: 1_110 }, { deadlineS: 1_090 }],
    };
    let isAway = false;
    const venue = createMockVenue({ assets: loadAssets(), latencyMs: 0 });
    const funds = (): Promise<string> =>
      isAway ? Promise.reject(new Error('away')) : Promise.resolve('2.5');
    const signer = Object.assign(Object.create(venue), { account: ACCOUNT, funds });
    readSwaps(metrics, { waiting: (actor) => states[actor] ?? [] }, [venue, signer], clock);
    expect(await lines('millrace_nonces_open')).toEqual([
      `millrace_nonces_open{account="${ACCOUNT}"} 3`,
    ]);
    expect(await lines('millrace_plans_open')).toEqual(['millrace_plans_open 2']);
    expect(await lines('millrace_plan_oldest_seconds')).toEqual([
      'millrace_plan_oldest_seconds 30',
    ]);
    const balance = 'millrace_signer_balance_ether';
    expect(await lines(balance)).toEqual([`${balance}{account="${ACCOUNT}"} 2.5`]);
    isAway = true;
    expect(await lines(balance)).toEqual([]);
    states['orchestrator'] = [];
    expect(await lines('millrace_plan_oldest_seconds')).toEqual(['millrace_plan_oldest_seconds 0']);
  });

  it('B-60 B-82 count executions that failed by their code, once each is journaled', async () => {
    const codec = AvroCodec.offline({ subjects: CATALOGUE_RECORDS });
    const failed = envelope(
      'exec.failed',
      { planId: 'p', intentId: 'i', stepIndex: 0, reason: 'why', code: 'TX_REVERTED' },
      { correlationId: 'intent-i', sequence: 7 },
    );
    const value = codec.encode('exec', 'millrace.trading.v1.ExecFailed', failed);
    const emit = { index: 0, topic: 'exec', partition: 0, key: null };
    const emits = [
      { ...emit, headers: { event_type: 'exec.failed' }, value },
      { ...emit, headers: { event_type: 'exec.started' }, value: new Uint8Array() },
    ];
    let passedOn = 0;
    const inner = { appended: () => (passedOn += 1) } as unknown as RunnerObserver;
    failureObserver(inner, metrics, codec).appended({ emits } as unknown as Batch, 0.1);
    expect(passedOn).toBe(1);
    expect(await lines('millrace_exec_failed_total')).toEqual([
      'millrace_exec_failed_total{code="TX_REVERTED"} 1',
    ]);
  });
});
