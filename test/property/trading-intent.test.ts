import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TRADING_EVENTS } from '../../avro/index.ts';
import type { Emit, Message } from '../../engine/actor.ts';
import { intentActor as intentActorOf, type IntentTrack } from '../../processors/trading/index.ts';
import { given, messageOf } from '../../testing/given.ts';

const intentActor = intentActorOf(30_000);
const TYPES = TRADING_EVENTS.map(({ type }) => type);
const LEGAL = [
  'intent.submitted',
  'risk.approved',
  'intent.accepted',
  'plan.created',
  'exec.started',
  'exec.step_submitted',
  'exec.step_filled',
  'exec.completed',
];
const STEP = { venue: 'uniswap_v3', base: 'WETH', quote: 'USDC', amount_in: '1', min_out: '2' };
const PAYLOAD = {
  intentId: 'i',
  strategyId: 's',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '1',
  notional_usd: '1',
  max_slippage: '0',
  planId: 'p',
  stepIndex: 0,
  steps: [STEP],
  amountOut: '2',
  txHash: '0x1',
  reason: 'why',
  code: 'CODE',
};

/** Life of an intent that begins well and may go wrong anywhere, each event caused by an earlier one. */
const histories = fc
  .record({
    good: fc.integer({ min: 0, max: LEGAL.length }),
    rest: fc.array(fc.constantFrom(...TYPES), { maxLength: 6 }),
    causes: fc.array(fc.nat(), { minLength: 20, maxLength: 20 }),
  })
  .map(({ good, rest, causes }) =>
    [...LEGAL.slice(0, good), ...rest].map((type, index) =>
      messageOf(type, PAYLOAD, {
        eventId: `e${index}`,
        causationId: index === 0 ? null : `e${(causes[index] ?? 0) % index}`,
        sequence: index + 1,
        occurredAt: 1_767_323_045_000_000 + index,
      }),
    ),
  );

/** Some order of arrival, with repeats. */
const arrivals = histories.chain((history) =>
  fc.record({
    history: fc.constant(history),
    arrived: fc
      .tuple(
        fc.shuffledSubarray(history, { minLength: history.length }),
        fc.array(fc.constantFrom(...(history.length > 0 ? history : [undefined])), {
          maxLength: 8,
        }),
        fc.shuffledSubarray(history, { minLength: history.length }),
      )
      .map(([first, again, last]) =>
        [...first.slice(0, first.length / 2), ...again, ...last].filter(
          (each) => each !== undefined,
        ),
      ),
  }),
);

function follow(messages: readonly Message[]): { track: IntentTrack; newest: Map<string, Emit> } {
  let track = intentActor.state.initial();
  const newest = new Map<string, Emit>();
  for (const message of messages) {
    const then = given(intentActor, { state: track }).when(message);
    track = then.state;
    for (const emit of then.emit)
      if (emit.kind === 'read-model') newest.set(`${emit.topic}/${emit.key}`, emit);
  }
  return { track, newest };
}

/** All of a track but which message brought the turn of what was illegal: that is the order of arrival. */
function textOf({ illegal, ...track }: IntentTrack): string {
  return JSON.stringify({ ...track, illegal: illegal.map(({ type }) => type) });
}

describe('intent actor', () => {
  it('B-73 B-74 B-109 ends the same whatever order the events arrive in', () => {
    fc.assert(
      fc.property(arrivals, ({ history, arrived }) => {
        const inOrder = follow(history);
        const shuffled = follow(arrived);
        expect(textOf(shuffled.track)).toBe(textOf(inOrder.track));
        expect(new Map([...shuffled.newest].sort())).toEqual(new Map([...inOrder.newest].sort()));
      }),
      { numRuns: 300 },
    );
  });

  it('B-74 holds at most 64 events, and loses none without saying so', () => {
    fc.assert(
      fc.property(fc.integer({ min: 60, max: 80 }), (count) => {
        const late = Array.from({ length: count }, (_, index) =>
          messageOf('exec.started', PAYLOAD, {
            eventId: `e${index}`,
            causationId: 'e',
            sequence: index + 2,
          }),
        );
        let state = intentActor.state.initial();
        let dead = 0;
        for (const message of late) {
          const then = given(intentActor, { state }).when(message);
          state = then.state;
          dead += then.emit.filter(({ kind }) => kind === 'dead-letter').length;
        }
        expect(state.order.waiting.length + dead).toBe(count);
        expect(state.order.waiting.length).toBe(Math.min(count, 64));
      }),
      { numRuns: 10 },
    );
  });
});
