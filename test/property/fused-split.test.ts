import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AvroCodec, CATALOGUE_RECORDS, envelope, journalRecords } from '../../avro/index.ts';
import { createMockVenue } from '../../connectors/chain/index.ts';
import type { Codec } from '../../engine/codec.ts';
import { type Deployment, deployTopology } from '../../engine/deployment.ts';
import type { EventRecord } from '../../engine/event.ts';
import { deadLetterTopics, type Topology } from '../../engine/topology.ts';
import { parseAssets, selectRoute } from '../../processors/trading/index.ts';
import { tradingTopologies } from '../../topologies/trading.ts';
import { add, COUNTER, COUNTER_APPLICATION } from '../support/counter.ts';
import { TaskMesh } from '../support/task-mesh.ts';
import { offlineCodec } from '../support/test-application.ts';
import config from '../../config/assets.json' with { type: 'json' };

const PARTITIONS = 2;
const NOW = 1_700_000_000_000_000;
const ASSETS = parseAssets(config);
const { engine } = selectRoute({ rustEngineEnabled: false, rustEngine: null });
const SNAPSHOTS = await createMockVenue({
  assets: ASSETS,
  latencyMs: 0,
  clock: () => NOW,
}).poolSnapshots();

type Move = readonly [what: 'take' | 'seal' | 'flush' | 'crash', owner: number, detail: number];

const moves: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.tuple(
    fc.constantFrom(...(['take', 'take', 'take', 'take', 'seal', 'flush', 'crash'] as const)),
    fc.nat({ max: 5 }),
    fc.nat({ max: 4 }),
  ),
  { maxLength: 80, size: 'max' },
);

/** Runs a script with a schedule, lets time pass as `rungsMs` says, and tells everything that can be seen of it from outside. */
function outcome(
  topologies: readonly Topology[],
  codec: Codec,
  script: {
    readonly first: readonly EventRecord[];
    readonly then: readonly EventRecord[];
    readonly rungsMs?: readonly number[];
  },
  schedule: readonly Move[],
) {
  const mesh = new TaskMesh({ topologies, codec, partitions: PARTITIONS });
  for (const event of script.first)
    for (let partition = 0; partition < PARTITIONS; partition++) mesh.publish(event, partition);
  mesh.finish();
  for (const event of script.then) mesh.publish(event);
  const sources = [...new Set(topologies.flatMap((topology) => topology.sources))];
  for (const [what, owner, detail] of schedule) {
    const number = owner % mesh.owners;
    if (what === 'take') mesh.take(number, sources[detail % sources.length] ?? '');
    else if (what === 'crash') mesh.crash(number, detail);
    else mesh[what](number);
  }
  mesh.finish();
  for (const ms of script.rungsMs ?? []) {
    mesh.advance(ms * 1_000);
    mesh.finish();
  }
  const topics = new Set(
    topologies.flatMap((topology) => [
      ...topology.sources,
      ...topology.sinks,
      ...deadLetterTopics(topology),
    ]),
  );
  const events = [...topics].sort().flatMap((topic) =>
    mesh
      .read(topic)
      .map(({ key, value }) => ({ topic, key, value: withoutProducer(value) }))
      // Keys of a partition interleave as they like; within a key the order is kept by the stable sort.
      .sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0)),
  );
  const actors = topologies.flatMap((topology) => topology.actors.map(({ name }) => name));
  const states = actors.sort().map((name) => [name, [...mesh.states(name)].sort(byKey)]);
  return { events, states, parked: [...mesh.parked()].sort(byKey) };
}

/** An application says its name in what it produces; the deployments differ in nothing else. */
function withoutProducer(value: unknown): unknown {
  const { envelope: known } = value as Partial<EventRecord>;
  return known === undefined
    ? value
    : { ...(value as object), envelope: { ...known, producer: '' } };
}

function byKey(left: readonly [string, unknown], right: readonly [string, unknown]): number {
  return left[0] < right[0] ? -1 : 1;
}

describe('fused and split', () => {
  it('J6 make the same trading events, ids and numbers included, states and parked keys', () => {
    const groups = ['planner.workers', 'risk.workers', 'acceptance.workers'];
    const subjects = [...CATALOGUE_RECORDS, ...groups.flatMap(journalRecords)];
    const codec = AvroCodec.offline({ subjects });
    const trading = (deployment: Deployment) =>
      tradingTopologies(
        {
          limits: { maxNotionalUsd: '10000', maxSlippage: '0.05' },
          planner: { assets: ASSETS, maxSnapshotAgeMs: 60_000, engine },
        },
        deployment,
      );
    const first = SNAPSHOTS.map((snapshot) =>
      envelope(
        'market.pool_snapshot',
        { ...snapshot },
        { correlationId: snapshot.poolId, occurredAt: NOW },
      ),
    );
    const intents = fc.array(
      fc.record({
        id: fc.integer({ min: 1, max: 8 }),
        notional: fc.constantFrom('2500', '20000'),
        quote: fc.constantFrom('USDC', 'USDC', 'DAI'),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(intents, moves, moves, (wanted, one, other) => {
        const then = wanted.map(({ id, notional, quote }, index) =>
          submitted(wanted.findIndex((each) => each.id === id) === index ? id : 100 + index, {
            notional_usd: notional,
            quote,
          }),
        );
        const script = { first, then: [...then, ...then.slice(0, 2)] };
        const split = outcome(trading('split'), codec, script, other);
        expect(split).toEqual(outcome(trading('fused'), codec, script, one));
      }),
      { numRuns: 60 },
    );
  });

  it('J6 J8a park the same keys of the same actors with the same messages behind them', () => {
    const codec = offlineCodec(COUNTER_APPLICATION);
    const additions = fc.array(
      fc.record({
        id: fc.integer({ min: 1, max: 40 }),
        key: fc.constantFrom('a', 'b', 'c'),
        amount: fc.constantFrom(1, 2, 664, 666),
        fail: fc.constantFrom('', '', '', '', 'throw', 'dead', 'huge'),
      }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(additions, moves, moves, (wanted, one, other) => {
        const then = wanted.map(({ id, key, amount, fail }) =>
          add(key, `e${id}`, { amount, fail }),
        );
        const script = { first: [], then };
        const split = outcome(deployTopology(COUNTER, 'split'), codec, script, other);
        expect(split).toEqual(outcome(deployTopology(COUNTER, 'fused'), codec, script, one));
      }),
      { numRuns: 60 },
    );
  });

  it('J6 E-55 E-57 take the same keys down the ladder, in the same order, to the same dead letters', () => {
    const codec = offlineCodec(COUNTER_APPLICATION);
    const additions = fc.array(
      fc.record({
        key: fc.constantFrom('a', 'b', 'c'),
        amount: fc.constantFrom(1, 2, 664, 666),
        fail: fc.constantFrom('', '', '', 'throw', 'dead'),
      }),
      { maxLength: 12 },
    );
    const rung = [1_000, 2_000];
    const definition = { ...COUNTER, onFailure: { policy: 'ladder', delaysMs: rung } } as const;
    fc.assert(
      fc.property(additions, moves, moves, (wanted, one, other) => {
        const then = wanted.map(({ key, amount, fail }, index) =>
          add(key, `e${index}`, { amount, fail }),
        );
        const rungsMs = then.flatMap(() => rung);
        const script = { first: [], then, rungsMs };
        const split = outcome(deployTopology(definition, 'split'), codec, script, other);
        expect(split).toEqual(outcome(deployTopology(definition, 'fused'), codec, script, one));
        expect(split.parked).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

function submitted(id: number, change: object): EventRecord {
  const intentId = `550e8400-e29b-41d4-a716-4466554400${String(id).padStart(2, '0').slice(-2)}`;
  const event = envelope(
    'intent.submitted',
    {
      intentId,
      strategyId: 'desk-1',
      base: 'WETH',
      quote: 'USDC',
      amount_in: '1',
      notional_usd: '2500',
      max_slippage: '0.01',
      priority: 4,
      metadata: '{}',
      ...change,
    },
    { correlationId: `intent-${id}-${intentId}`, sequence: 1, occurredAt: NOW },
  );
  return event;
}
