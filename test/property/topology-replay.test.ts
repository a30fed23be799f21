import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AvroCodec, CATALOGUE_RECORDS, envelope, journalRecords } from '../../avro/index.ts';
import type { Codec } from '../../engine/codec.ts';
import type { Topology } from '../../engine/topology.ts';
import { createMockVenue } from '../../connectors/chain/index.ts';
import { parseAssets, selectRoute } from '../../processors/trading/index.ts';
import { type DriverRecord, TopologyDriver } from '../../testing/topology-driver.ts';
import { coordinatorTopology } from '../../topologies/coordinator.ts';
import { orchestratorTopology } from '../../topologies/orchestrator.ts';
import { tradingTopologies } from '../../topologies/trading.ts';
import { kept, replayed } from '../support/replayed-state.ts';
import { topologyFiles } from '../support/topology-files.ts';
import config from '../../config/assets.json' with { type: 'json' };

const NOW = 1_767_323_045_000_006;
const { engine } = selectRoute({ rustEngineEnabled: false, rustEngine: null });
const TRADING = {
  limits: { maxNotionalUsd: '10000', maxSlippage: '0.05' },
  planner: { assets: parseAssets(config), maxSnapshotAgeMs: 60_000, engine },
};

/** Every topology that is shipped; those in files of their own are in module-replay.test.ts. A new one belongs here. */
const SHIPPED = (deployment: 'fused' | 'split'): readonly Topology[] => [
  ...tradingTopologies(TRADING, deployment),
  orchestratorTopology({ maxAttempts: 3, retryDelaysMs: [10_000, 60_000] }),
  coordinatorTopology({ reorderWaitMs: 30_000 }),
];

/** Every shipped application in memory, each reading what the others write. */
class System {
  readonly parts: readonly { readonly topology: Topology; readonly driver: TopologyDriver }[];
  readonly codec: Codec;
  readonly #taken = new Map<TopologyDriver, number>();

  constructor(deployment: 'fused' | 'split') {
    const topologies = SHIPPED(deployment);
    const journals = topologies.flatMap(({ application }) => journalRecords(application));
    const codec = AvroCodec.offline({ subjects: [...CATALOGUE_RECORDS, ...journals] });
    this.codec = codec;
    this.parts = topologies.map((topology) => ({
      topology,
      driver: new TopologyDriver({ topology, codec, now: NOW }),
    }));
  }

  publish(type: string, key: string, payload: object, sequence: number | null): void {
    const event = envelope(type, payload as never, {
      correlationId: key,
      occurredAt: NOW,
      ...(sequence === null ? {} : { sequence }),
    });
    for (const { topology, driver } of this.parts)
      if (
        topology.events.get(type) !== undefined &&
        topology.sources.includes(topicOf(topology, type))
      )
        driver.publish(event);
    this.#carry();
  }

  advance(ms: number): void {
    for (const { driver } of this.parts) driver.advance(ms * 1_000);
  }

  /** Settles one open effect, well or badly. */
  act(isWell: boolean): void {
    for (const { driver } of this.parts) {
      const [effect] = driver.openEffects;
      if (effect === undefined) continue;
      const { id, name } = effect.request;
      const failure = { ok: false, id, name, code: 'TX_REVERTED', reason: 'it was' } as const;
      const value = { txHash: `0x${'ab'.repeat(32)}`, amountOut: '2499.5', status: 'filled' };
      driver.settle(effect, isWell ? { ok: true, id, name, value } : failure);
    }
    this.#carry();
  }

  /** What one writes the others read, until nothing new is written. */
  #carry(): void {
    for (let isMoving = true; isMoving;) {
      isMoving = false;
      for (const { driver } of this.parts)
        for (const record of this.#newOf(driver)) {
          isMoving = true;
          for (const other of this.parts)
            if (other.driver !== driver && other.topology.sources.includes(record.topic))
              other.driver.publishRaw(record);
        }
    }
  }

  #newOf(driver: TopologyDriver): readonly DriverRecord[] {
    const from = this.#taken.get(driver) ?? 0;
    this.#taken.set(driver, driver.batches.length);
    return driver.batches.slice(from).flatMap(({ emits }) => emits);
  }
}

function topicOf(topology: Topology, type: string): string {
  return topology.events.get(type)?.topic ?? '';
}

type Step =
  | { readonly do: 'submit'; readonly change: object }
  | { readonly do: 'snapshot' }
  | { readonly do: 'act'; readonly isWell: boolean }
  | { readonly do: 'advance'; readonly ms: number };

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('submit' as const),
        change: fc.constantFrom(
          {},
          {},
          { notional_usd: '999999' },
          { max_slippage: '0.5' },
          { quote: 'DAI' },
          { amount_in: '0.000000000000000001' },
        ),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('snapshot' as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('act' as const), isWell: fc.boolean() }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.nat({ max: 90_000 }) }),
    },
  ),
  { minLength: 4, maxLength: 25 },
);

const INTENT = {
  strategyId: 'desk-1',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '1',
  notional_usd: '2500',
  max_slippage: '0.01',
  priority: 4,
  metadata: { note: 'x' },
};

/** Runs the steps; resolves with the system, its journals filled. */
async function lived(deployment: 'fused' | 'split', moves: readonly Step[]): Promise<System> {
  const system = new System(deployment);
  const venue = createMockVenue({ assets: TRADING.planner.assets, latencyMs: 0, clock: () => NOW });
  const [snapshot] = await venue.poolSnapshots();
  let intents = 0;
  const publishSnapshot = (): void =>
    system.publish('market.pool_snapshot', snapshot?.poolId ?? '', { ...snapshot }, null);
  publishSnapshot();
  for (const move of moves) {
    if (move.do === 'snapshot') publishSnapshot();
    else if (move.do === 'advance') system.advance(move.ms);
    else if (move.do === 'act') system.act(move.isWell);
    else {
      const intentId = `550e8400-e29b-41d4-a716-${String(++intents).padStart(12, '0')}`;
      const payload = { ...INTENT, ...move.change, intentId };
      system.publish('intent.submitted', `intent-${intentId}`, payload, 1);
    }
  }
  return system;
}

describe('shipped topologies', () => {
  it('J7 are all replayed here, or by module-replay.test.ts', () => {
    const here = (['fused', 'split'] as const).flatMap((deployment) => SHIPPED(deployment));
    const replayedHere = new Set(here.map(({ application }) => application));
    for (const { path, applications, isModule } of topologyFiles()) {
      expect(applications, `${path} names its application as a literal`).not.toEqual([]);
      if (isModule) continue;
      const left = applications.filter((name) => !replayedHere.has(name));
      expect(left, `applications of ${path} that SHIPPED leaves out`).toEqual([]);
    }
  });

  it.each(['fused', 'split'] as const)(
    'J7 J8 are rebuilt from their journals byte for byte (%s)',
    { timeout: 120_000 },
    async (deployment) => {
      let events = 0;
      const property = fc.asyncProperty(steps, async (moves) => {
        const { parts, codec } = await lived(deployment, moves);
        for (const { topology, driver } of parts) {
          const again = replayed(codec, topology, driver.batches);
          expect(kept(again), topology.application).toBe(kept(driver.state));
          events += driver.emittedTypes.length;
        }
      });
      await fc.assert(property, { numRuns: 25 });
      expect(events).toBeGreaterThan(0);
    },
  );
});
