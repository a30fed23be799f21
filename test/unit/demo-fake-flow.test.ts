import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import config from '../../config/assets.json' with { type: 'json' };
import { AvroCodec, CATALOGUE_RECORDS, eventDefinition } from '../../avro/index.ts';
import type { EventRecord } from '../../engine/event.ts';
import type { Topology } from '../../engine/topology.ts';
import { parseAssets, selectRoute } from '../../processors/trading/index.ts';
import { FAKE_FLOW_TOPICS, fakeFlow } from '../../scripts/publish-fake-flow.ts';
import { TopologyDriver } from '../../testing/topology-driver.ts';
import { coordinatorTopology } from '../../topologies/coordinator.ts';
import { orchestratorTopology } from '../../topologies/orchestrator.ts';
import { tradingTopology } from '../../topologies/trading.ts';

const NOW = 1_767_323_045_000_006;
const INTENT_ID = '550e8400-e29b-41d4-a716-446655440000';
const ASSETS = parseAssets(config);
const { engine } = selectRoute({ rustEngineEnabled: false, rustEngine: null });

const trading = tradingTopology({
  limits: { maxNotionalUsd: '10000', maxSlippage: '0.05' },
  planner: { assets: ASSETS, maxSnapshotAgeMs: 60_000, engine },
});
const orchestrator = orchestratorTopology({ maxAttempts: 1, retryDelaysMs: [0] });
const coordinator = coordinatorTopology({ reorderWaitMs: 30_000 });
const codec = AvroCodec.offline({ subjects: CATALOGUE_RECORDS });

const FLOW = fakeFlow(INTENT_ID, NOW);
const topicOf = ({ envelope }: EventRecord): string => eventDefinition(envelope.event_type).topic;

/** One application of the system: reads each topic in order, and the topics in any order. */
class Reader {
  readonly driver: TopologyDriver;
  readonly #positions = new Map<string, number>();
  readonly #own = new Set<string>();
  readonly #topics: readonly string[];
  #taken = 0;

  constructor(topology: Topology) {
    this.driver = new TopologyDriver({ topology, codec, now: NOW });
    this.#topics = topology.sources.filter((topic) => FAKE_FLOW_TOPICS.includes(topic));
  }

  /** A move for each topic that has something new; a move gives what the application writes because of it. */
  moves(log: ReadonlyMap<string, readonly EventRecord[]>): (() => readonly EventRecord[])[] {
    return this.#topics.flatMap((topic) => {
      const position = this.#positions.get(topic) ?? 0;
      const next = log.get(topic)?.[position];
      if (next === undefined) return [];
      return [
        () => {
          this.#positions.set(topic, position + 1);
          return this.#own.has(next.envelope.event_id) ? [] : this.#take(next);
        },
      ];
    });
  }

  #take(event: EventRecord): readonly EventRecord[] {
    this.driver.publish(event);
    for (const effect of this.driver.openEffects) {
      const { id, name } = effect.request;
      this.driver.settle(effect, { ok: false, id, name, code: 'WRONG_CHAIN', reason: 'no venue' });
    }
    const made = this.driver.outputs
      .slice(this.#taken)
      .filter(({ topic }) => FAKE_FLOW_TOPICS.includes(topic))
      .map(({ value }) => value as EventRecord);
    this.#taken = this.driver.outputs.length;
    for (const { envelope } of made) this.#own.add(envelope.event_id);
    return made;
  }
}

/** The script and the three applications, each step taken by whom the choices say. */
function run(choices: readonly number[]): { state: unknown; types: readonly string[] } {
  const log = new Map<string, EventRecord[]>(FAKE_FLOW_TOPICS.map((topic) => [topic, []]));
  const append = (events: readonly EventRecord[]): void => {
    for (const event of events) log.get(topicOf(event))?.push(event);
  };
  const left = [...FAKE_FLOW_TOPICS];
  const publish = (): readonly EventRecord[] => {
    const topic = left.shift();
    return FLOW.filter((event) => topicOf(event) === topic);
  };
  const readers = [trading, orchestrator, coordinator].map((topology) => new Reader(topology));
  for (let step = 0; ; step += 1) {
    const moves = [
      ...(left.length > 0 ? [publish] : []),
      ...readers.flatMap((reader) => reader.moves(log)),
    ];
    const move = moves[(choices[step] ?? 0) % Math.max(1, moves.length)];
    if (move === undefined) break;
    append(move());
  }
  const value = readers[2]?.driver.on('rm.intent').at(-1)?.value as { readonly state?: string };
  const types = [...log.values()].flat().map(({ envelope }) => envelope.event_type);
  return { state: value?.state, types };
}

describe('the fake flow among the workers', () => {
  it('B-90 is completed however the topics are read', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 30 }), { minLength: 60, maxLength: 60 }), (choices) => {
        const { state, types } = run(choices);
        // The workers did answer: without that, nothing is shown.
        expect(types).toEqual(expect.arrayContaining(['plan.rejected', 'exec.failed']));
        expect(state).toBe('Completed');
      }),
      { numRuns: 300 },
    );
  });
});
