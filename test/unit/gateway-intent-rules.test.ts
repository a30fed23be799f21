import { describe, expect, it } from 'vitest';
import assets from '../../config/assets.json' with { type: 'json' };
import { intentRules } from '../../gateway/index.ts';
import { parseAssets } from '../../processors/trading/index.ts';
import { post, SOUND, testGateway } from './gateway-fixture.ts';

const rules = intentRules({ assets: parseAssets(assets), maxNotionalUsd: '10000' });

/** Of arrays, one in the other. */
function nested(levels: number): string {
  return '['.repeat(levels) + ']'.repeat(levels);
}

async function errorsOf(body: unknown) {
  const { call, published } = testGateway({ rules });
  const response = await call(post(body));
  expect([response.statusCode, published]).toEqual([422, []]);
  return response
    .json<{ errors: { field: string; code: string }[] }>()
    .errors.map(({ field, code }) => `${field} ${code}`);
}

describe('the rules at the edge', () => {
  it('B-18 B-24 takes a sound intent, with the priority of its notional', async () => {
    const { call, published } = testGateway({ rules });
    expect((await call(post({ ...SOUND, metadata: { note: 'ü €' } }))).statusCode).toBe(202);
    expect(published[0]?.payload).toMatchObject({ ...SOUND, metadata: '{"note":"ü €"}' });
    await call(post({ ...SOUND, notional_usd: '100' }));
    const [larger, smaller] = published.map((event) => event.payload as { priority: number });
    expect(smaller?.priority).toBe(5);
    expect(larger?.priority).toBeLessThan(5);
  });

  it('B-37 B-38 names every field that is missing or wrong', async () => {
    expect(await errorsOf({})).toEqual([
      '/strategyId MISSING',
      '/base MISSING',
      '/quote MISSING',
      '/amount_in MISSING',
      '/notional_usd MISSING',
      '/max_slippage MISSING',
    ]);
    expect(await errorsOf({ ...SOUND, amount_in: 1.5, max_slippage: '-0.1', base: 'XXX' })).toEqual(
      ['/base UNKNOWN_ASSET', '/amount_in NOT_A_DECIMAL_STRING', '/max_slippage OUT_OF_RANGE'],
    );
  });

  it.each([['[]'], ['null'], ['7'], ['"text"']])('B-38 refuses %s for a body', async (body) => {
    expect(await errorsOf(body)).toEqual([' NOT_AN_OBJECT']);
  });

  it('refuses metadata that the event store could not hold', async () => {
    const text = (metadata: string) =>
      `${JSON.stringify(SOUND).slice(0, -1)},"metadata":${metadata}}`;
    for (const metadata of ['{"a":"\\u0000"}', '{"\\ud800":1}', '{"a":["\\udfff\\ud800"]}']) {
      expect(await errorsOf(text(metadata))).toEqual(['/metadata UNSTORABLE_TEXT']);
    }
    const { call } = testGateway({ rules });
    for (const metadata of ['{"a":"\\ud83d\\ude00"}', '{"a":"\\\\u0000"}', '{"a":"\\u0001"}']) {
      expect((await call(post(text(metadata)))).statusCode).toBe(202);
    }
  });

  it('takes 32 levels and refuses more, however many', async () => {
    const body = (levels: number) =>
      `${JSON.stringify(SOUND).slice(0, -1)},"metadata":{"a":${nested(levels)}}}`;
    const { call } = testGateway({ rules });
    expect((await call(post(body(30)))).statusCode).toBe(202);
    expect(await errorsOf(body(31))).toEqual([' TOO_DEEP']);
    expect(await errorsOf(body(30_000))).toEqual([' TOO_DEEP']);
  });
});
