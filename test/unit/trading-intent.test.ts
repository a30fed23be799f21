import { describe, expect, it } from 'vitest';
import { TRADING_EVENTS } from '../../avro/index.ts';
import type { Message } from '../../engine/actor.ts';
import { deadLetter, readModel } from '../../engine/actor.ts';
import { intentActor as intentActorOf, type IntentTrack } from '../../processors/trading/index.ts';
import { given, messageOf } from '../../testing/given.ts';

const intentActor = intentActorOf(30_000);
const STEP = { venue: 'uniswap_v3', base: 'WETH', quote: 'USDC', amount_in: '1', min_out: '2475' };
const exec = { planId: 'p', intentId: 'i', stepIndex: 0 };
const INTENT = {
  intentId: 'i',
  strategyId: 'desk-1',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '1.50',
  notional_usd: '2500',
  max_slippage: '0.01',
  priority: 5,
  metadata: null,
};
const PAYLOADS: Readonly<Record<string, object>> = {
  'intent.submitted': INTENT,
  'intent.accepted': INTENT,
  'risk.approved': { intentId: 'i', approved: true },
  'risk.rejected': { intentId: 'i', approved: false, reason: 'too much', code: 'NOTIONAL_LIMIT' },
  'plan.created': { planId: 'p', intentId: 'i', steps: [STEP] },
  'plan.rejected': { intentId: 'i', reason: 'no pool', code: 'UNKNOWN_PAIR' },
  'exec.started': exec,
  'exec.step_submitted': { ...exec, txHash: '0xabc', attempt: 1, replaces: null },
  'exec.step_filled': { ...exec, amountOut: '2499', txHash: '0xabc' },
  'exec.completed': { ...exec, amountOut: '2499', txHash: '0xabc' },
  'exec.failed': { ...exec, reason: 'reverted', code: 'TX_REVERTED' },
};
const SECOND = 1_000_000;
const START = 1_767_323_045_000_006;

/** Events of one correlation, each caused by the one before. */
function chain(...types: string[]): Message[] {
  return types.map((type, index) =>
    messageOf(type, PAYLOADS[type], {
      eventId: `e${index + 1}`,
      causationId: index === 0 ? null : `e${index}`,
      sequence: index + 1,
      occurredAt: START + index * SECOND,
    }),
  );
}

function follow(messages: readonly Message[], state?: IntentTrack): IntentTrack {
  let track = state ?? intentActor.state.initial();
  for (const message of messages) track = given(intentActor, { state: track }).when(message).state;
  return track;
}

const HAPPY = [
  'intent.submitted',
  'risk.approved',
  'intent.accepted',
  'plan.created',
  'exec.started',
  'exec.step_submitted',
  'exec.step_filled',
  'exec.completed',
];

/** How each state is reached, and what each event then leads to; every other event is illegal there. */
const TABLE: readonly { state: string; by: string[]; legal: Record<string, string> }[] = [
  { state: 'None', by: [], legal: { 'intent.submitted': 'Submitted' } },
  {
    state: 'Submitted',
    by: HAPPY.slice(0, 1),
    legal: {
      'risk.approved': 'Submitted',
      'risk.rejected': 'Failed',
      'intent.accepted': 'Accepted',
    },
  },
  {
    state: 'Accepted',
    by: HAPPY.slice(0, 3),
    legal: { 'plan.created': 'Planned', 'plan.rejected': 'Failed' },
  },
  {
    state: 'Planned',
    by: HAPPY.slice(0, 4),
    legal: { 'exec.started': 'Executing', 'exec.failed': 'Failed' },
  },
  {
    state: 'Executing',
    by: HAPPY.slice(0, 5),
    legal: {
      'exec.step_submitted': 'Executing',
      'exec.step_filled': 'Executing',
      'exec.completed': 'Completed',
      'exec.failed': 'Failed',
    },
  },
  { state: 'Completed', by: HAPPY, legal: {} },
  { state: 'Failed', by: ['intent.submitted', 'risk.rejected'], legal: {} },
];

const PAIRS = TABLE.flatMap(({ state, by, legal }) =>
  TRADING_EVENTS.map(({ type }) => ({ state, by, type, to: legal[type] })),
);
const isLegal = ({ to }: { to: string | undefined }) => to !== undefined;

describe('state machine', () => {
  it.each(PAIRS.filter(isLegal))('B-67 B-93 goes from $state by $type to $to', (pair) => {
    const track = follow(chain(...pair.by, pair.type));
    expect(track.intent?.value.state).toBe(pair.to);
    expect(track.ignored).toBe(0);
  });

  it.each(PAIRS.filter((pair) => !isLegal(pair)))(
    'B-68 B-93 ignores and counts $type in $state',
    (pair) => {
      const messages = chain(...pair.by, pair.type);
      const before = follow(messages.slice(0, -1));
      const then = given(intentActor, { state: before }).when(messages.at(-1) as Message);
      expect(then.state.intent).toEqual(before.intent);
      expect(then.state.plan).toEqual(before.plan);
      expect(then.state.ignored).toBe(1);
      expect(then.emit).toEqual([]);
    },
  );

  it('B-68 leaves a completed intent alone when a plan comes late', () => {
    const track = follow(chain(...HAPPY, 'plan.created', 'exec.failed'));
    expect(track.intent?.value.state).toBe('Completed');
    expect(track.ignored).toBe(2);
  });

  it('B-68 ignores events of another intent or plan', () => {
    const strange = chain(...HAPPY.slice(0, 5)).map((message) =>
      message.type === 'exec.started'
        ? { ...message, payload: { ...exec, planId: 'other' } }
        : message,
    );
    expect(follow(strange)).toMatchObject({ ignored: 1, intent: { value: { state: 'Planned' } } });
  });
});

describe('read models', () => {
  it('B-67 B-76 hold exactly the fields of the interface, in its order', () => {
    const value = follow(chain(...HAPPY)).intent?.value;
    expect(JSON.stringify(value)).toBe(
      '{"state":"Completed","last_event_time":"2026-01-02T03:04:12.000006Z","latest_plan_id":"p",' +
        '"summary":{"strategy_id":"desk-1","base":"WETH","quote":"USDC","amount_in":"1.50",' +
        '"notional_usd":"2500","max_slippage":"0.01","amount_out":"2499","tx_hash":"0xabc",' +
        '"reason":null,"code":null,"failed_stage":null}}',
    );
  });

  it.each([
    [['intent.submitted', 'risk.rejected'], 'risk', 'NOTIONAL_LIMIT', 'too much'],
    [[...HAPPY.slice(0, 3), 'plan.rejected'], 'planning', 'UNKNOWN_PAIR', 'no pool'],
    [[...HAPPY.slice(0, 6), 'exec.failed'], 'execution', 'TX_REVERTED', 'reverted'],
  ] as const)('B-67 X-14 say of %j that it failed at %s', (types, failed_stage, code, reason) => {
    expect(follow(chain(...types)).intent?.value).toMatchObject({
      state: 'Failed',
      summary: { failed_stage, code, reason },
    });
  });

  it('B-69 B-77 show the progress of a plan', () => {
    const seen = HAPPY.map((_, index) => follow(chain(...HAPPY.slice(0, index + 1))).plan?.value);
    expect(seen.map((plan) => plan && `${plan.status} ${JSON.stringify(plan.progress)}`)).toEqual([
      undefined,
      undefined,
      undefined,
      'created {"done":0,"total":1}',
      'executing {"done":0,"total":1}',
      'executing {"done":0,"total":1}',
      'completed {"done":1,"total":1}',
      'completed {"done":1,"total":1}',
    ]);
    expect(JSON.stringify(seen.at(-1))).toBe(
      `{"status":"completed","steps":${JSON.stringify([STEP])},"progress":{"done":1,"total":1}}`,
    );
  });

  it('B-69 X-14 fail a plan with its execution', () => {
    const { plan } = follow(chain(...HAPPY.slice(0, 5), 'exec.failed'));
    expect(plan?.value).toMatchObject({ status: 'failed', progress: { done: 0, total: 1 } });
  });

  it('B-76 B-77 are emitted under their ids when they change, and only then', () => {
    const messages = chain(...HAPPY);
    const emitted = messages.map((message, index) => {
      const then = given(intentActor, { state: follow(messages.slice(0, index)) }).when(message);
      const { intent, plan } = then.state;
      const expected = [readModel('rm.intent', 'i', intent?.value)];
      const models = then.emit.filter((emit) => emit.kind === 'read-model');
      if (models.length === 2) expected.push(readModel('rm.plan', 'p', plan?.value));
      expect(models).toEqual(expected);
      return models.map(({ topic }) => topic).join();
    });
    const both = 'rm.intent,rm.plan';
    const one = 'rm.intent';
    expect(emitted).toEqual([one, one, one, both, both, one, both, one]);
  });
});

describe('order', () => {
  it('B-74 applies 1,3,2 in the order 1,2,3', () => {
    const [first, second, third] = chain(...HAPPY.slice(0, 3)) as [Message, Message, Message];
    const waiting = given(intentActor).when(first).then({}).when(third);
    waiting.then({ emit: [] });
    expect(waiting.state.intent?.value.state).toBe('Submitted');
    const after = waiting.then({}).when(second).state;
    expect(after).toEqual(follow([first, second, third]));
    expect(after.intent?.value.state).toBe('Accepted');
    expect(after.order.waiting).toEqual([]);
  });

  it('B-74 ignores a sequence that was applied, whatever its event_id', () => {
    const messages = chain(...HAPPY.slice(0, 3));
    const state = follow(messages);
    for (const eventId of ['e2', 'other']) {
      const again = { ...(messages[1] as Message), eventId };
      given(intentActor, { state }).when(again).then({ state, emit: [] });
    }
  });

  it('B-73 holds an event until its cause has been applied', () => {
    const [first, second] = chain('intent.submitted', 'risk.approved') as [Message, Message];
    const stray = { ...second, eventId: 'stray', causationId: 'unknown', payload: {} };
    const held = given(intentActor).when(first).then({}).when(stray);
    held.then({ emit: [] });
    expect(held.state.order.waiting).toEqual([stray]);
    const after = held.then({}).when(second).state;
    expect(after.order).toEqual({ next: 3, applied: ['e1', 'e2'], waiting: [], until: null });
  });

  it('B-73 lets nothing but the first event be without a cause', () => {
    const [first, second] = chain('intent.submitted', 'risk.approved') as [Message, Message];
    const state = follow([first]);
    const orphan = { ...second, causationId: null };
    const then = given(intentActor, { state }).when(orphan);
    expect(then.state.order).toMatchObject({ next: 2, waiting: [orphan] });
    const early = given(intentActor).when({ ...first, causationId: 'e0' });
    expect(early.state.intent).toBeNull();
  });

  it('B-74 sends the 65th waiting event to the dead letters and keeps the 64', () => {
    const late = Array.from({ length: 65 }, (_, index) =>
      messageOf('exec.started', exec, {
        eventId: `late${index}`,
        causationId: 'e1',
        sequence: index + 3,
      }),
    );
    const state = follow(late.slice(0, 64));
    expect(state.order.waiting).toHaveLength(64);
    const overflow = late[64] as Message;
    const then = given(intentActor, { state }).when(overflow);
    const reason =
      '64 events wait for sequence 1 of intent-1 already; find the missing event, then redrive this one.';
    then.then({ state, emit: [deadLetter(overflow, 'SEQUENCE_GAP', reason)] });
    const [first] = chain('intent.submitted') as [Message];
    expect(given(intentActor, { state }).when(first).state.intent?.value.state).toBe('Submitted');
  });

  it('B-74 sends an event without a sequence to the dead letters', () => {
    const message = messageOf('intent.submitted', INTENT, { sequence: null });
    given(intentActor)
      .when(message)
      .then({ emit: [deadLetter(message, 'SEQUENCE_GAP', 'It has no sequence; number it.')] });
  });
});
