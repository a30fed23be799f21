import { describe, expect, it } from 'vitest';
import { AvroCodec, CATALOGUE_RECORDS, envelope } from '../../avro/index.ts';
import { createMockVenue, swapPerformers } from '../../connectors/chain/index.ts';
import type { EventRecord } from '../../engine/event.ts';
import type { Topology } from '../../engine/topology.ts';
import { parseAssets, selectRoute } from '../../processors/trading/index.ts';
import { TopologyDriver } from '../../testing/topology-driver.ts';
import { coordinatorTopology } from '../../topologies/coordinator.ts';
import { orchestratorTopology } from '../../topologies/orchestrator.ts';
import { tradingTopology } from '../../topologies/trading.ts';
import config from '../../config/assets.json' with { type: 'json' };

const NOW = 1_767_323_045_000_006;
const INTENT_ID = '550e8400-e29b-41d4-a716-446655440000';
const CORRELATION = `intent-${INTENT_ID}`;
const ASSETS = parseAssets(config);
const { engine } = selectRoute({ rustEngineEnabled: false, rustEngine: null });

const LIFE = [
  'intent.submitted',
  'risk.approved',
  'intent.accepted',
  'plan.created',
  'exec.started',
  'exec.step_submitted',
  'exec.step_filled',
  'exec.completed',
];

/** The three applications of an intent, in memory, with the engine's own tasks and codec between them. */
class Flow {
  readonly venue = createMockVenue({ assets: ASSETS, latencyMs: 0, clock: () => NOW });
  readonly trading = driver(
    tradingTopology({
      limits: { maxNotionalUsd: '10000', maxSlippage: '0.05' },
      planner: { assets: ASSETS, maxSnapshotAgeMs: 60_000, engine },
    }),
  );
  readonly orchestrator = driver(orchestratorTopology({ maxAttempts: 3, retryDelaysMs: [0] }));
  readonly coordinator = driver(coordinatorTopology({ reorderWaitMs: 30_000 }));
  readonly events: EventRecord[] = [];

  async submit(change: object = {}): Promise<void> {
    for (const snapshot of await this.venue.poolSnapshots()) {
      const options = { correlationId: snapshot.poolId, occurredAt: NOW };
      this.trading.publish(envelope('market.pool_snapshot', { ...snapshot }, options));
    }
    const payload = { ...INTENT, ...change };
    const submitted = envelope('intent.submitted', payload, {
      correlationId: CORRELATION,
      sequence: 1,
      occurredAt: NOW,
    });
    this.events.push(submitted);
    this.trading.publish(submitted);
    this.take(this.trading);
    for (const event of this.events)
      if (event.envelope.event_type === 'plan.created') this.orchestrator.publish(event);
    this.take(this.orchestrator);
  }

  /** Performs what the orchestrator asks for; false when it asks for nothing. */
  async act(): Promise<boolean> {
    const [effect] = this.orchestrator.openEffects;
    if (effect === undefined) return false;
    const { id, name, args } = effect.request;
    const perform = swapPerformers(new Map([[this.venue.venue, this.venue]]))[name];
    const value = await perform?.(args, new AbortController().signal);
    this.orchestrator.settle(effect, { ok: true, id, name, value });
    this.take(this.orchestrator);
    return true;
  }

  coordinate(events: readonly EventRecord[] = this.events): void {
    for (const event of events) this.coordinator.publish(event);
  }

  newest(topic: string): unknown {
    return this.coordinator.on(topic).at(-1)?.value;
  }

  private take(from: TopologyDriver): void {
    const known = new Set(this.events.map(({ envelope: { event_id } }) => event_id));
    for (const { value, topic } of from.outputs) {
      const event = value as EventRecord;
      if (!topic.startsWith('dlq.') && !known.has(event.envelope.event_id)) this.events.push(event);
    }
  }
}

const INTENT = {
  intentId: INTENT_ID,
  strategyId: 'desk-1',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '1',
  notional_usd: '2500',
  max_slippage: '0.01',
  priority: 4,
  metadata: { note: 'x' },
};

function driver(topology: Topology): TopologyDriver {
  const codec = AvroCodec.offline({ subjects: CATALOGUE_RECORDS });
  return new TopologyDriver({ topology, codec, now: NOW });
}

const typesOf = (events: readonly EventRecord[]) =>
  events.map(({ envelope: { event_type } }) => event_type);

describe('an intent through all three applications', () => {
  it('B-24 B-56 B-89 goes from submitted to completed', async () => {
    const flow = new Flow();
    await flow.submit();
    while (await flow.act());
    flow.coordinate();
    expect(typesOf(flow.events)).toEqual(LIFE);
    expect(flow.newest('rm.intent')).toMatchObject({
      state: 'Completed',
      last_event_time: '2026-01-02T03:04:05.000006Z',
      summary: { amount_out: expect.stringMatching(/^2499\.\d+$/), failed_stage: null },
    });
    expect(flow.newest('rm.plan')).toMatchObject({
      status: 'completed',
      progress: { done: 1, total: 1 },
    });
    expect(flow.coordinator.emittedTypes).toEqual(['position.intent_ended']);
  });

  it('B-73 B-74 numbers its events without gaps, each after its cause', async () => {
    const flow = new Flow();
    await flow.submit();
    while (await flow.act());
    const seen = new Set<string | null>([null]);
    for (const [index, { envelope }] of flow.events.entries()) {
      expect(envelope.sequence).toBe(index + 1);
      expect(envelope.correlation_id).toBe(CORRELATION);
      expect(seen).toContain(envelope.causation_id);
      seen.add(envelope.event_id);
    }
  });

  it('B-74 B-109 gives the same read models when the events arrive backwards', async () => {
    const flow = new Flow();
    await flow.submit();
    while (await flow.act());
    flow.coordinate();
    const other = new Flow();
    other.coordinate(flow.events.toReversed());
    for (const topic of ['rm.intent', 'rm.plan', 'rm.positions'])
      expect(JSON.stringify(other.newest(topic))).toBe(JSON.stringify(flow.newest(topic)));
  });

  it('B-61 swaps once when the orchestrator is restarted before every effect', async () => {
    const flow = new Flow();
    await flow.submit();
    do flow.orchestrator.restart();
    while (await flow.act());
    expect(flow.venue.executions).toBe(1);
    expect(typesOf(flow.events)).toEqual(LIFE);
  });

  it('B-61 swaps once when each effect is performed twice, its first result lost', async () => {
    const flow = new Flow();
    await flow.submit();
    for (;;) {
      const [effect] = flow.orchestrator.openEffects;
      if (effect === undefined) break;
      const { name, args } = effect.request;
      const venues = new Map([[flow.venue.venue, flow.venue]]);
      await swapPerformers(venues)[name]?.(args, new AbortController().signal);
      flow.orchestrator.restart();
      await flow.act();
    }
    expect(flow.venue.executions).toBe(1);
    expect(typesOf(flow.events)).toEqual(LIFE);
  });

  it.each([
    [{ notional_usd: '10000.01' }, 'risk.rejected', 'risk', 'NOTIONAL_LIMIT'],
    [{ max_slippage: '0.0500001' }, 'risk.rejected', 'risk', 'SLIPPAGE_LIMIT'],
    [{ quote: 'DAI' }, 'plan.rejected', 'planning', 'UNKNOWN_PAIR'],
  ])('B-48 B-54 fails %j by %s', async (change, type, failed_stage, code) => {
    const flow = new Flow();
    await flow.submit(change);
    expect(await flow.act()).toBe(false);
    flow.coordinate();
    expect(typesOf(flow.events).at(-1)).toBe(type);
    expect(flow.newest('rm.intent')).toMatchObject({
      state: 'Failed',
      summary: { failed_stage, code },
    });
    expect(flow.newest('rm.plan')).toBeUndefined();
  });
});
