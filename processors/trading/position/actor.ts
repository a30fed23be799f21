import type { IntentEndedPayload, PositionsReadModel } from '../../../avro/index.ts';
import { actor, type Actor, type Message, readModel } from '../../../engine/actor.ts';
import { MOCK_MARKS_USD } from './mock-marks.ts';
import { add, multiply, subtract } from './signed-decimal.ts';

type Positions = Omit<PositionsReadModel, 'summary'> & {
  readonly summary: Omit<PositionsReadModel['summary'], 'mock_pnl_usd'>;
};

const NONE: Positions = {
  last_event_time: '',
  summary: { completed: 0, failed: 0, notional_usd: '0', net: {} },
};

/**
 * Adds up what the intents of a strategy come to: one actor a strategy, told by each of them when it ends. Sums,
 * counts and a maximum: correlations end in any order, and a replay in another one gives the same bytes.
 *
 * Source: B-70, B-78.
 */
export const positionActor: Actor<Positions> = actor<Positions>({
  name: 'position',
  state: { version: 1, initial: () => NONE },
  emits: ['rm.positions'],
  handles: {
    'position.intent_ended': (positions, { key, payload }: Message<IntentEndedPayload>) => {
      const next = ended(positions, payload);
      return { state: next, emit: [readModel('rm.positions', key, valueOf(next))] };
    },
  },
});

function ended({ last_event_time, summary }: Positions, end: IntentEndedPayload): Positions {
  const time = end.last_event_time > last_event_time ? end.last_event_time : last_event_time;
  if (end.outcome === 'failed')
    return { last_event_time: time, summary: { ...summary, failed: summary.failed + 1 } };
  return {
    last_event_time: time,
    summary: {
      completed: summary.completed + 1,
      failed: summary.failed,
      notional_usd: add(summary.notional_usd, end.notional_usd ?? '0'),
      net: swapped(summary.net, end),
    },
  };
}

/** Assets stand in order, so that the same sums are the same bytes. */
function swapped(net: Positions['summary']['net'], end: IntentEndedPayload): typeof net {
  const { base, quote, amount_in, amount_out } = end;
  const sums = new Map(Object.entries(net));
  if (base !== null && amount_in !== null)
    sums.set(base, subtract(sums.get(base) ?? '0', amount_in));
  if (quote !== null && amount_out !== null)
    sums.set(quote, add(sums.get(quote) ?? '0', amount_out));
  return Object.fromEntries([...sums].sort(([left], [right]) => (left < right ? -1 : 1)));
}

function valueOf({ last_event_time, summary }: Positions): PositionsReadModel {
  const mock_pnl_usd = Object.entries(summary.net)
    .map(([asset, amount]) => multiply(amount, MOCK_MARKS_USD[asset] ?? '0'))
    .reduce(add, '0');
  return { last_event_time, summary: { ...summary, mock_pnl_usd } };
}
