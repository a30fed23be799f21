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
const cause = { eventId: approved.eventId, sequence: 2 };
const accepted = event('intent.accepted', INTENT, { cause });
const rejected = messageOf('risk.rejected', { intentId: '1', approved: false }, { sequence: 2 });

describe('acceptance actor', () => {
  it('B-24 B-41 accepts after the approval, with the payload as submitted', () => {
    given(acceptanceActor)
      .when(submitted)
      .then({ state: { intent: INTENT, approval: null }, emit: [] })
      .when(approved)
      .then({ state: null, emit: [accepted] });
  });

  it('B-48 forgets a rejected intent without accepting it', () => {
    given(acceptanceActor).when(submitted).then({ emit: [] }).when(rejected).then({
      state: null,
      emit: [],
    });
  });

  it('B-48 keeps an approval that comes before its intent, and follows from it all the same', () => {
    given(acceptanceActor)
      .when(approved)
      .then({ state: { intent: null, approval: cause }, emit: [] })
      .when(submitted)
      .then({ state: null, emit: [accepted] });
  });
});
