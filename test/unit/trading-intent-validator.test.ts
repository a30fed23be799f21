import { describe, expect, it } from 'vitest';
import { AssetsError, parseAssets, validateIntent } from '../../processors/trading/index.ts';
import config from '../../config/assets.json' with { type: 'json' };

const ASSETS = parseAssets(config);
const BODY = {
  strategyId: 'desk-1',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '1.5',
  notional_usd: '2500.00',
  max_slippage: '0.01',
};

function errorsOf(body: unknown): string[] {
  const result = validateIntent(body, ASSETS);
  return result.ok ? [] : result.errors.map(({ field, code }) => `${field} ${code}`);
}

describe('validateIntent', () => {
  it('B-37 takes an intent, with metadata or without', () => {
    expect(validateIntent(BODY, ASSETS)).toEqual({ ok: true, intent: { ...BODY, metadata: null } });
    const metadata = { note: 'x', deep: [1, { a: null }] };
    expect(validateIntent({ ...BODY, metadata }, ASSETS)).toEqual({
      ok: true,
      intent: { ...BODY, metadata },
    });
  });

  it.each([
    { amount_in: '0.000000000000000001' },
    { amount_in: `${'9'.repeat(30)}.5` },
    { base: 'USDC', quote: 'WETH', amount_in: '0.000001' },
    { max_slippage: '0' },
    { max_slippage: '0.999999999999999999' },
    { notional_usd: '1000000' },
    { strategyId: 'A.b_c-9' },
    { strategyId: 'x'.repeat(64) },
    { quote: 'DAI' },
    { metadata: null },
    { metadata: { text: 'x'.repeat(4085) } },
  ])('B-37 X-13 takes %j: limits and pairs are for later', (change) => {
    expect(errorsOf({ ...BODY, ...change })).toEqual([]);
  });

  it.each([
    [{ amount_in: 1.5 }, '/amount_in NOT_A_DECIMAL_STRING'],
    [{ amount_in: '1e3' }, '/amount_in NOT_A_DECIMAL_STRING'],
    [{ amount_in: '1,5' }, '/amount_in NOT_A_DECIMAL_STRING'],
    [{ amount_in: '.5' }, '/amount_in NOT_A_DECIMAL_STRING'],
    [{ amount_in: '5.' }, '/amount_in NOT_A_DECIMAL_STRING'],
    [{ amount_in: '05' }, '/amount_in NOT_A_DECIMAL_STRING'],
    [{ amount_in: ' 5' }, '/amount_in NOT_A_DECIMAL_STRING'],
    [{ amount_in: '+5' }, '/amount_in NOT_A_DECIMAL_STRING'],
    [{ amount_in: '--5' }, '/amount_in NOT_A_DECIMAL_STRING'],
    [{ amount_in: 'NaN' }, '/amount_in NOT_A_DECIMAL_STRING'],
    [{ amount_in: '' }, '/amount_in NOT_A_DECIMAL_STRING'],
    [{ amount_in: null }, '/amount_in NOT_A_DECIMAL_STRING'],
    [{ amount_in: ['1'] }, '/amount_in NOT_A_DECIMAL_STRING'],
    [{ amount_in: undefined }, '/amount_in MISSING'],
    [{ amount_in: '0' }, '/amount_in NOT_POSITIVE'],
    [{ amount_in: '0.000' }, '/amount_in NOT_POSITIVE'],
    [{ amount_in: '-1' }, '/amount_in NOT_POSITIVE'],
    [{ amount_in: '0.0000000000000000001' }, '/amount_in TOO_MANY_DIGITS'],
    [{ amount_in: '1'.repeat(31) }, '/amount_in TOO_MANY_DIGITS'],
    [{ base: 'USDC', quote: 'WETH', amount_in: '0.0000001' }, '/amount_in TOO_MANY_DIGITS'],
    [{ notional_usd: 100 }, '/notional_usd NOT_A_DECIMAL_STRING'],
    [{ notional_usd: '-100' }, '/notional_usd NOT_POSITIVE'],
    [{ notional_usd: '0.0000000000000000001' }, '/notional_usd TOO_MANY_DIGITS'],
    [{ max_slippage: 'abc' }, '/max_slippage NOT_A_DECIMAL_STRING'],
    [{ max_slippage: '-0.1' }, '/max_slippage OUT_OF_RANGE'],
    [{ max_slippage: '1' }, '/max_slippage OUT_OF_RANGE'],
    [{ max_slippage: '1.0' }, '/max_slippage OUT_OF_RANGE'],
    [{ max_slippage: 0.01 }, '/max_slippage NOT_A_DECIMAL_STRING'],
    [{ base: 'DOGE' }, '/base UNKNOWN_ASSET'],
    [{ base: 'constructor' }, '/base UNKNOWN_ASSET'],
    [{ base: 7 }, '/base UNKNOWN_ASSET'],
    [{ quote: 'WETH' }, '/quote SAME_ASSET'],
    [{ strategyId: '' }, '/strategyId INVALID_STRATEGY_ID'],
    [{ strategyId: 'a b' }, '/strategyId INVALID_STRATEGY_ID'],
    [{ strategyId: 'x\n' }, '/strategyId INVALID_STRATEGY_ID'],
    [{ strategyId: 'x'.repeat(65) }, '/strategyId INVALID_STRATEGY_ID'],
    [{ strategyId: 1 }, '/strategyId INVALID_STRATEGY_ID'],
    [{ metadata: [] }, '/metadata NOT_AN_OBJECT'],
    [{ metadata: 'x' }, '/metadata NOT_AN_OBJECT'],
    [{ metadata: { text: 'x'.repeat(4086) } }, '/metadata TOO_LARGE'],
    [{ metadata: { text: 'é'.repeat(2043) } }, '/metadata TOO_LARGE'],
    [{ side: 'sell' }, '/side UNKNOWN_FIELD'],
    [{ 'a/b~c': 1 }, '/a~1b~0c UNKNOWN_FIELD'],
  ])('B-37 B-38 refuses %j', (change, error) => {
    expect(errorsOf({ ...BODY, ...change })).toEqual([error]);
  });

  it('B-37 lists every field that is wrong', () => {
    expect(errorsOf({ max_slippage: 'abc', base: 'X', more: 1 })).toEqual([
      '/more UNKNOWN_FIELD',
      '/strategyId MISSING',
      '/base UNKNOWN_ASSET',
      '/quote MISSING',
      '/amount_in MISSING',
      '/notional_usd MISSING',
      '/max_slippage NOT_A_DECIMAL_STRING',
    ]);
  });

  it.each([null, undefined, [], 'x', 7])('B-37 refuses %j, which is no object', (body) => {
    expect(errorsOf(body)).toEqual([' NOT_AN_OBJECT']);
  });

  it('B-37 says what is wrong, with the value cut short, and what to do', () => {
    const result = validateIntent({ ...BODY, amount_in: 'x'.repeat(1000) }, ASSETS);
    expect(result).toEqual({
      ok: false,
      errors: [
        {
          field: '/amount_in',
          code: 'NOT_A_DECIMAL_STRING',
          message: `amount_in is "${'x'.repeat(60)}..., no decimal string`,
          remedy: 'Send a decimal in quotes, such as "1.5".',
        },
      ],
    });
  });
});

describe('parseAssets', () => {
  it.each([
    null,
    {},
    { assets: {}, pools: 1 },
    { assets: { A: {} }, pools: [] },
    { assets: { A: { decimals: 1.5 } }, pools: [] },
    { assets: { A: { decimals: 6 } }, pools: [{ id: 'x', base: 'A', quote: 'B', fee: 1 }] },
    { assets: { A: { decimals: 6 } }, pools: [{ id: '', base: 'A', quote: 'A', fee: 1 }] },
    { assets: { A: { decimals: 6 } }, pools: [{ id: 'x', base: 'A', quote: 'A', fee: 1e6 }] },
  ])('B-14 refuses the configuration %j', (broken) => {
    expect(() => parseAssets(broken)).toThrow(AssetsError);
  });
});
