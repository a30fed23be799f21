import { describe, expect, it } from 'vitest';
import { completionObserver } from '../../apps/completion-observer.ts';
import { createMetrics } from '../../apps/metrics.ts';
import { redriveHeaders } from '../../cli/dlq/redrive-plan.ts';
import { AvroCodec, CATALOGUE_RECORDS, envelope, eventDefinition } from '../../avro/index.ts';
import type { EventRecord } from '../../engine/event.ts';
import type { RunnerObserver } from '../../kafka/task-runner.ts';
import { intentActor, type IntentTrack } from '../../processors/trading/index.ts';
import { given, messageOf } from '../../testing/given.ts';
import { type DriverOutput, TopologyDriver } from '../../testing/topology-driver.ts';
import { coordinatorTopology } from '../../topologies/coordinator.ts';

const INTENT_ID = '550e8400-e29b-41d4-a716-446655440000';
const KEY = `intent-${INTENT_ID}`;
const WAIT_MS = 500;
const WAIT = WAIT_MS * 1000;
const codec = AvroCodec.offline({ subjects: CATALOGUE_RECORDS });

const ORDER = {
  ...{ intentId: INTENT_ID, strategyId: 'desk', base: 'WETH', quote: 'USDC', amount_in: '1' },
  ...{ notional_usd: '2500', max_slippage: '0.01', priority: 5, metadata: null },
};
const STEP = { venue: 'uniswap_v3', base: 'WETH', quote: 'USDC', amount_in: '1', min_out: '1' };
const exec = { planId: 'plan', intentId: INTENT_ID, stepIndex: 0 };

/** One life, of which a test may leave out, hold back or double what it likes. */
const LIFE: readonly EventRecord[] = (
  [
    ['intent.submitted', ORDER],
    ['risk.approved', { intentId: INTENT_ID, approved: true }],
    ['intent.accepted', ORDER],
    ['plan.created', { planId: 'plan', intentId: INTENT_ID, steps: [STEP] }],
    ['exec.started', exec],
    ['exec.failed', { ...exec, reason: 'no', code: 'TX_REVERTED' }],
  ] as const
).map(([type, payload], at) =>
  envelope(type, payload, {
    eventId: `e${at + 1}`,
    correlationId: KEY,
    causationId: at === 0 ? null : `e${at}`,
    sequence: at + 1,
    occurredAt: 1_767_323_045_000_000 + at,
  }),
);
const [first, second, third, fourth, fifth] = LIFE as readonly EventRecord[] as [
  EventRecord,
  EventRecord,
  EventRecord,
  EventRecord,
  EventRecord,
];

function coordinator(): TopologyDriver {
  return new TopologyDriver({ topology: coordinatorTopology({ reorderWaitMs: WAIT_MS }), codec });
}

function track(driver: TopologyDriver): IntentTrack {
  return JSON.parse(driver.state.states.get('intent')?.get(KEY)?.json ?? 'null') as IntentTrack;
}

function letters(driver: TopologyDriver): readonly DriverOutput[] {
  return driver.outputs.filter(({ topic }) => topic.startsWith('dlq.'));
}

/** Sends a letter back, as `millrace dlq redrive` does. */
function redrive(driver: TopologyDriver, letter: DriverOutput, place = 0): void {
  const { key, value, headers, topic } = letter;
  driver.publishRaw({
    topic: 'state-coordinator.redrive',
    key: Buffer.from(key),
    value: value as Uint8Array,
    headers: redriveHeaders({ id: `${topic}/0/${place}` }, headers),
  });
}

describe('an event that waits for a missing one', () => {
  it('B-74 goes to the dead letters as SEQUENCE_GAP, with the bytes that came, after REORDER_WAIT_MS', () => {
    const driver = coordinator();
    const known = { ...third, payload_extra: { later: '"kept"' } };
    driver.publish(first);
    driver.publish(known);
    driver.advance(WAIT - 1);
    expect(letters(driver)).toEqual([]);
    driver.restart();
    driver.advance(1);
    const [letter, ...rest] = letters(driver);
    expect(rest).toEqual([]);
    expect(letter).toMatchObject({ topic: 'dlq.intent.accepted', key: KEY });
    expect(letter?.headers).toMatchObject({
      event_id: 'e3',
      'x-error': 'SEQUENCE_GAP',
      'x-error-message': expect.stringContaining(`Sequence 2 of ${KEY} did not come within 500 ms`),
      'x-actor': 'intent',
      'x-original-topic': 'intents',
      'x-original-offset': '1',
    });
    const { topic, record } = eventDefinition('intent.accepted');
    expect(Buffer.from(letter?.value as Uint8Array)).toEqual(codec.encode(topic, record, known));
    expect(track(driver).order).toMatchObject({ next: 2, waiting: [], until: null });
    expect(track(driver).intent?.value.state).toBe('Submitted');
    expect(driver.state.timers.size).toBe(0);
  });

  it('B-74 is applied by a redrive once the missing one has come, or before it', () => {
    for (const redriveFirst of [false, true]) {
      const driver = coordinator();
      for (const event of [first, third, fourth]) driver.publish(event);
      driver.advance(WAIT);
      const dead = letters(driver);
      expect(dead.map(({ headers }) => headers['event_id'])).toEqual(['e3', 'e4']);
      if (!redriveFirst) driver.publish(second);
      // In any order: the later one waits for the other.
      for (const letter of dead.toReversed()) redrive(driver, letter);
      if (redriveFirst) driver.publish(second);
      expect(track(driver).intent?.value.state).toBe('Planned');
      expect(track(driver).order).toMatchObject({ next: 5, waiting: [], until: null });
      driver.publish(fifth);
      driver.advance(WAIT);
      expect(track(driver).intent?.value.state).toBe('Executing');
      expect(letters(driver)).toHaveLength(2);
    }
  });

  it('B-74 waits anew for each gap, and for none that was filled', () => {
    const driver = coordinator();
    for (const event of [first, third, fifth]) driver.publish(event);
    driver.advance(WAIT - 1);
    driver.publish(second);
    expect(track(driver).order).toMatchObject({ next: 4, waiting: [{ eventId: 'e5' }] });
    driver.advance(WAIT - 1);
    expect(letters(driver)).toEqual([]);
    driver.publish(fourth);
    driver.advance(WAIT);
    expect([letters(driver), driver.state.timers.size]).toEqual([[], 0]);
    expect(track(driver).intent?.value.state).toBe('Executing');
  });

  it('B-74 is set aside again while its gap is open, and comes back from there', () => {
    const driver = coordinator();
    driver.publish(first);
    driver.publish(third);
    driver.advance(WAIT);
    redrive(driver, letters(driver)[0] as DriverOutput);
    expect(track(driver).order.waiting).toHaveLength(1);
    driver.advance(WAIT);
    expect(letters(driver)).toHaveLength(2);
    driver.publish(second);
    redrive(driver, letters(driver)[1] as DriverOutput, 1);
    expect(track(driver).intent?.value.state).toBe('Accepted');
  });

  it('B-73 goes to the dead letters as CAUSE_MISSING where only its cause is unknown', () => {
    const driver = coordinator();
    const stray = { ...second, envelope: { ...second.envelope, causation_id: 'nobody' } };
    driver.publish(first);
    driver.publish(stray);
    driver.publish(third);
    driver.advance(WAIT);
    const codes = letters(driver).map(({ headers }) => [headers['event_id'], headers['x-error']]);
    expect(codes).toEqual([
      ['e2', 'CAUSE_MISSING'],
      ['e3', 'SEQUENCE_GAP'],
    ]);
    expect(letters(driver)[0]?.headers['x-error-message']).toContain('Its cause nobody');
  });
});

describe('state of an older version', () => {
  it('B-74 waits for the next event of its correlation, then for its time', () => {
    const actor = intentActor(WAIT_MS);
    const late = messageOf('intent.accepted', ORDER, { sequence: 3, causationId: 'e2' });
    const stored = {
      order: { next: 1, applied: [], waiting: [late] },
      ...{ intent: null, plan: null, ignored: 2 },
    };
    const state = actor.state.upcast?.(1, stored) as IntentTrack;
    expect(state).toMatchObject({ order: { until: null }, ignored: 2, illegal: [] });
    const later = messageOf('plan.created', {}, { sequence: 4, causationId: 'e3' });
    const due = given(actor, { state, time: 7 }).when(later).timers;
    expect(due).toEqual([{ name: 'gap', due: 7 + WAIT }]);
  });
});

describe('illegal transitions', () => {
  it('B-68 are counted by type, once, when they are confirmed', async () => {
    const metrics = createMetrics();
    const observer = completionObserver(
      { appended: () => {} } as unknown as RunnerObserver,
      metrics,
    );
    const driver = coordinator();
    for (const event of LIFE) driver.publish(event);
    const late = (sequence: number): EventRecord => ({
      ...fourth,
      envelope: {
        ...fourth.envelope,
        event_id: `e${sequence}`,
        causation_id: `e${sequence - 1}`,
        sequence,
      },
    });
    // The eighth waits for the seventh: both turns come with one message.
    for (const sequence of [8, 7, 9]) driver.publish(late(sequence));
    expect(track(driver).intent?.value.state).toBe('Failed');
    for (const batch of driver.batches) observer.appended(batch, 0);
    const text = await metrics.registry.metrics();
    expect(text).toMatch(/^millrace_illegal_transitions_total\{type="plan.created"\} 3$/m);
    expect(text).toMatch(/^intents_completed\{status="failed"\} 1$/m);
    expect(track(driver)).toMatchObject({ ignored: 3, illegal: [{ by: 'e7' }, { by: 'e7' }, {}] });
  });
});
