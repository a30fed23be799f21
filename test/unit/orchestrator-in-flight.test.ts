import { afterEach, beforeEach, expect, it } from 'vitest';
import { CATALOGUE_RECORDS, loadSchemas } from '../../avro/index.ts';
import { EffectFailure } from '../../engine/effect-failure.ts';
import type { EventRecord } from '../../engine/event.ts';
import type { Batch } from '../../engine/journal.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { SHELL_LIMITS } from '../../kafka/limits.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { orchestratorTopology } from '../../topologies/orchestrator.ts';
import { withAlteredReader } from '../support/altered-reader.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { lifeOf } from '../support/intent-life.ts';

const topology = orchestratorTopology({ maxAttempts: 1, retryDelaysMs: [0] });
const { application, actors, events } = topology;
const APPLICATION = {
  definition: { application, actors, events: [...events.values()] },
  records: CATALOGUE_RECORDS,
  schemas: loadSchemas,
};
/** Of one fetched record batch that may come on top of a full queue. */
const FETCHED_RECORDS = 2_500;

let fixture: EngineFixture;
let fetchedPlans = 0;

/** Counts the records of plans that the application has fetched. */
const counting = (client: KafkaClient): KafkaClient =>
  withAlteredReader(client, (answer) => {
    if (answer.topic.endsWith('.plans')) fetchedPlans += answer.records.length;
    return answer;
  });

beforeEach(async () => {
  fetchedPlans = 0;
  const client = counting(new MemoryKafka());
  fixture = await EngineFixture.start({ client, application: APPLICATION });
});
afterEach(() => fixture.end());

/** Plans of intents that all live in one task. */
function plansOfOneTask(count: number): readonly EventRecord[] {
  const plans: EventRecord[] = [];
  for (let index = 0; plans.length < count; index++) {
    if (fixture.partitionOf(`intent-i${index}`) !== 0) continue;
    const plan = lifeOf(`i${index}`)[3];
    if (plan !== undefined) plans.push(plan);
  }
  return plans;
}

async function publish(plans: readonly EventRecord[]): Promise<void> {
  for (let from = 0; from < plans.length; from += 1_000)
    await fixture.publish(...plans.slice(from, from + 1_000));
}

/** How many effects are open in the journal, at most and now. */
class OpenEffects {
  now = 0;
  most = 0;
  readonly note = ({ effects }: Batch): void => {
    for (const { request } of effects) this.now += request === null ? -1 : 1;
    this.most = Math.max(this.most, this.now);
  };
}

/** A venue that does nothing before it is let go, and then refuses for good. */
function heldVenue() {
  const gate = Promise.withResolvers<void>();
  const seen = { running: 0, most: 0 };
  const build = async (): Promise<never> => {
    seen.running += 1;
    seen.most = Math.max(seen.most, seen.running);
    await gate.promise;
    seen.running -= 1;
    throw new EffectFailure('WRONG_CHAIN', 'held, and then refused', 'final');
  };
  return { performers: { 'swap.build': build }, release: gate.resolve, seen };
}

it('B-101 never has more effects in flight than it may, of plans that were there before it', async () => {
  const plans = plansOfOneTask(60);
  await publish(plans);
  const open = new OpenEffects();
  const venue = heldVenue();
  const { performers } = venue;
  const limits = { openEffects: 7, effectConcurrency: 3 };
  const run = fixture.run({ topology, performers, ...limits, onAppended: open.note });
  await run.handled(7);
  venue.release();
  await run.handled(2 * plans.length);
  expect([open.most, venue.seen.most, open.now]).toEqual([7, 3, 0]);
  const [first] = await fixture.read('exec');
  expect(first?.headers['causation_id']).toBe(plans[0]?.envelope.event_id);
  await run.stop();
});

it('B-102 queues 10,000 plans in bounded memory, pauses its consumer, and loses none', async () => {
  const count = 10_000;
  const openEffects = 400;
  const plans = plansOfOneTask(count);
  await publish(plans);
  const open = new OpenEffects();
  const { performers, release } = heldVenue();
  const run = fixture.run({ topology, performers, openEffects, onAppended: open.note });
  await run.handled(openEffects);
  // What it would do wrong, it does within some rounds of the loop: the broker answers at once.
  for (let round = 0; round < 200; round++) await new Promise((resolve) => setImmediate(resolve));
  expect(run.counts.handled).toBe(openEffects);
  expect(fetchedPlans).toBeLessThan(openEffects + SHELL_LIMITS.queueRecords + FETCHED_RECORDS);
  release();
  await run.handled(2 * count, 60_000);
  expect(open.most).toBe(openEffects);
  const ended = (await fixture.read('exec')).filter(
    ({ headers }) => headers['event_type'] === 'exec.failed',
  );
  expect(new Set(ended.map(({ headers }) => headers['correlation_id'])).size).toBe(count);
  expect([ended.length, fetchedPlans, open.now]).toEqual([count, count, 0]);
  await run.stop();
}, 120_000);
