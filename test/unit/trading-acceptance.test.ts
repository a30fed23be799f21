import { describe, it } from 'vitest';
import { event } from '../../engine/actor.ts';
import { acceptanceActor } from '../../processors/trading/index.ts';
import { given, messageOf } from '../../testing/given.ts';

const INTENT = {
  intentId: '1',
  strategyId: 'desk-1',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '1',
  notional_usd: '100',
  max_slippage: '0.01',
  priority: 5,
  metadata: '{"note":"x"}',
};
const submitted = messageOf('intent.submitted', INTENT);
const approved = messageOf('risk.approved', { intentId: '1', approved: true }, { sequence: 2 });
const first = { eventId: submitted.eventId, sequence: submitted.sequence };
const second = { eventId: approved.eventId, sequence: approved.sequence };
const causes = [first, second];
const accepted = event('intent.accepted', INTENT, { causes });
const rejected = messageOf('risk.rejected', { intentId: '1', approved: false }, { sequence: 2 });

describe('acceptance actor', () => {
  it('B-24 B-41 accepts after the approval, with the payload as submitted', () => {
    given(acceptanceActor)
      .when(submitted)
      .then({
        state: { intent: INTENT, submitted: first, approved: null, rejected: false },
        emit: [],
      })
      .when(approved)
      .then({ state: null, emit: [accepted] });
  });

  it('B-48 forgets a rejected intent without accepting it', () => {
    given(acceptanceActor).when(submitted).then({ emit: [] }).when(rejected).then({
      state: null,
      emit: [],
    });
  });

  it('B-48 keeps a rejection that comes before its intent, and forgets both then', () => {
    given(acceptanceActor)
      .when(rejected)
      .then({ state: { intent: null, submitted: null, approved: null, rejected: true }, emit: [] })
      .when(submitted)
      .then({ state: null, emit: [] });
  });

  it('B-48 keeps an approval that comes before its intent, and follows from it all the same', () => {
    given(acceptanceActor)
      .when(approved)
      .then({
        state: { intent: null, submitted: null, approved: second, rejected: false },
        emit: [],
      })
      .when(submitted)
      .then({ state: null, emit: [accepted] });
  });
});
