import { describe, expect, it } from 'vitest';
import type { IntentSubmittedPayload } from '../../avro/index.ts';
import { event } from '../../engine/actor.ts';
import { decompose, evaluateRisk, priorityOf, riskActor } from '../../processors/trading/index.ts';
import { given, messageOf } from '../../testing/given.ts';

const LIMITS = { maxNotionalUsd: '10000', maxSlippage: '0.05' };

const INTENT: IntentSubmittedPayload = {
  intentId: '1',
  strategyId: 'desk-1',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '1',
  notional_usd: '100',
  max_slippage: '0.01',
  priority: 5,
  metadata: null,
};

const evaluate = (notional_usd: string, max_slippage: string) =>
  evaluateRisk({ notional_usd, max_slippage }, LIMITS);

describe('evaluateRisk', () => {
  it.each(['10000', '10000.000', '0', '9999.99999999999999999999'])(
    'B-45 B-92 approves a notional of %s at a limit of 10000',
    (notional) => {
      expect(evaluate(notional, '0')).toEqual({ approved: true });
    },
  );

  it.each(['10000.01', '10000.000000000000000000000000000000000001', '1000000'])(
    'B-45 B-92 rejects a notional of %s at a limit of 10000',
    (notional) => {
      const reason = `notional_usd must be a decimal from 0 to 10000, and is ${notional}.`;
      expect(evaluate(notional, '0')).toEqual({ approved: false, code: 'NOTIONAL_LIMIT', reason });
    },
  );

  it.each(['0.05', '0.0500', '0', '0.0499999'])(
    'B-46 B-92 approves a slippage of %s at a limit of 0.05',
    (slippage) => {
      expect(evaluate('1', slippage)).toEqual({ approved: true });
    },
  );

  it.each(['0.0500001', '0.05000000000000000000000000000000000001', '0.5'])(
    'B-46 B-92 rejects a slippage of %s at a limit of 0.05',
    (slippage) => {
      const reason = `max_slippage must be a decimal from 0 to 0.05, and is ${slippage}.`;
      expect(evaluate('1', slippage)).toEqual({ approved: false, code: 'SLIPPAGE_LIMIT', reason });
    },
  );

  it.each(['-1', 'NaN', 'Infinity', '1e3', '', '0x10'])(
    'B-45 B-92 B-46 rejects %j, which is no decimal of at least 0',
    (text) => {
      expect(evaluate(text, '0')).toMatchObject({ approved: false, code: 'NOTIONAL_LIMIT' });
      expect(evaluate('1', text)).toMatchObject({ approved: false, code: 'SLIPPAGE_LIMIT' });
    },
  );

  it('B-47 gives the same answer every time, and no reason for an approval', () => {
    expect(evaluate('10000.01', '0.06')).toEqual(evaluate('10000.01', '0.06'));
    expect(evaluate('1', '0')).not.toHaveProperty('reason');
  });
});

describe('risk actor', () => {
  const risk = given(riskActor(LIMITS));

  it('B-41 B-48 approves what is within the limits', () => {
    risk.when(messageOf('intent.submitted', INTENT)).then({
      emit: [event('risk.approved', { intentId: '1', approved: true })],
      effects: [],
    });
  });

  it('B-48 rejects with the reason and its code', () => {
    risk.when(messageOf('intent.submitted', { ...INTENT, notional_usd: '10000.01' })).then({
      emit: [
        event('risk.rejected', {
          intentId: '1',
          approved: false,
          reason: 'notional_usd must be a decimal from 0 to 10000, and is 10000.01.',
          code: 'NOTIONAL_LIMIT',
        }),
      ],
    });
  });
});

describe('heuristics', () => {
  it.each([
    ['0.01', 5],
    ['100', 5],
    ['1999.99', 5],
    ['2000', 4],
    ['4000', 3],
    ['6000', 2],
    ['7999.99', 2],
    ['8000', 1],
    ['10000', 1],
    ['1000000', 1],
  ])('B-18 gives a notional of %s the priority %i', (notional, priority) => {
    expect(priorityOf(notional, '10000')).toBe(priority);
  });

  it('B-19 leaves an intent whole', () => {
    expect(decompose(INTENT)).toEqual([INTENT]);
  });
});
