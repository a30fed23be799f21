import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AvroCodec, CATALOGUE_RECORDS, type IntentEndedPayload } from '../../avro/index.ts';
import { positionActor } from '../../processors/trading/index.ts';
import { add, multiply, subtract } from '../../processors/trading/position/signed-decimal.ts';
import { given, messageOf } from '../../testing/given.ts';
import { lifeOf } from '../support/intent-life.ts';
import { TopologyDriver } from '../../testing/topology-driver.ts';
import { coordinatorTopology } from '../../topologies/coordinator.ts';

const codec = AvroCodec.offline({ subjects: CATALOGUE_RECORDS });

const END: IntentEndedPayload = {
  ...{ intentId: 'i', strategyId: 'desk', outcome: 'completed', base: 'WETH', quote: 'USDC' },
  ...{ amount_in: '0.1', amount_out: '249.5', notional_usd: '250' },
  last_event_time: '2026-01-02T03:04:05.000006Z',
} as const;

function after(ends: readonly IntentEndedPayload[]): unknown {
  const start: { state: typeof initial; value: unknown } = { state: initial, value: null };
  return ends.reduce(({ state }, end, at) => {
    const message = messageOf('position.intent_ended', end, { key: 'desk', eventId: `e${at}` });
    const then = given(positionActor, { state }).when(message);
    const [emit] = then.emit;
    return { state: then.state, value: emit?.kind === 'read-model' ? emit.value : null };
  }, start).value;
}
const initial = positionActor.state.initial();

describe('positions of a strategy', () => {
  it('B-70 B-78 sum up exactly what its intents came to, with a mock profit at fixed marks', () => {
    const back = { base: 'USDC', quote: 'WETH', amount_in: '500', amount_out: '0.3' };
    const later = '2026-01-02T03:04:06.000000Z';
    const failed = { ...END, outcome: 'failed', amount_out: null, last_event_time: later } as const;
    expect(after([END, { ...END, ...back, notional_usd: '500.000001' }, failed])).toEqual({
      last_event_time: later,
      summary: {
        completed: 2,
        failed: 1,
        notional_usd: '750.000001',
        net: { USDC: '-250.5', WETH: '0.2' },
        mock_pnl_usd: '249.5',
      },
    });
  });

  it('B-70 count an asset without a mark as worth nothing, and an amount that is none as none', () => {
    const odd = { ...END, base: 'GOLD', amount_out: null, notional_usd: null };
    expect(after([odd])).toMatchObject({
      summary: { completed: 1, notional_usd: '0', net: { GOLD: '-0.1' }, mock_pnl_usd: '0' },
    });
  });

  it('B-109 are the same bytes in whatever order the intents end', () => {
    const decimal = fc.stringMatching(/^(0|[1-9]\d{0,20})(\.\d{1,18})?$/);
    const ends = fc.array(
      fc.record({
        ...{ intentId: fc.constant('i'), strategyId: fc.constant('desk') },
        outcome: fc.constantFrom('completed' as const, 'failed' as const),
        base: fc.constantFrom('WETH', 'USDC', 'X'),
        quote: fc.constantFrom('WETH', 'DAI', null),
        ...{ amount_in: decimal, amount_out: fc.option(decimal), notional_usd: decimal },
        last_event_time: fc.constantFrom(
          ...['04', '05', '06'].map((second) => `2026-01-02T03:04:${second}.000000Z`),
        ),
      }),
      { minLength: 1, maxLength: 6 },
    );
    const two = ends.chain((all) =>
      fc.tuple(
        fc.constant(all),
        fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
      ),
    );
    fc.assert(
      fc.property(two, ([one, other]) => {
        expect(JSON.stringify(after(other))).toBe(JSON.stringify(after(one)));
      }),
      { numRuns: 50 },
    );
  });

  it('B-70 are told of each intent once, when it ends, through rk.*', () => {
    const driver = new TopologyDriver({
      topology: coordinatorTopology({ reorderWaitMs: 1_000 }),
      codec,
    });
    const lives = [lifeOf('i1', { latePlans: 1 }), lifeOf('i2'), lifeOf('i3', { failed: true })];
    for (const event of lives.flat()) driver.publish(event);
    const told = driver.on('rk.position.strategy');
    expect(told.map(({ key, headers }) => [key, headers['correlation_id']])).toEqual([
      ['main-job', 'intent-i1'],
      ['main-job', 'intent-i2'],
      ['main-job', 'intent-i3'],
    ]);
    driver.restart();
    const models = driver.on('rm.positions');
    expect(models.map(({ key }) => key)).toEqual(['main-job', 'main-job', 'main-job']);
    expect(models.at(-1)?.value).toEqual({
      last_event_time: expect.any(String),
      summary: {
        ...{ completed: 2, failed: 1, notional_usd: '600', net: { USDC: '500', WETH: '-0.2' } },
        mock_pnl_usd: '0',
      },
    });
  });
});

describe('decimals with a sign', () => {
  const cents = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
  const textOf = (value: bigint): string => (value < 0n ? subtract('0', `${-value}`) : `${value}`);

  it('B-78 are added, subtracted and multiplied exactly', () => {
    fc.assert(
      fc.property(cents, cents, (left, right) => {
        expect(add(textOf(left), textOf(right))).toBe(`${left + right}`);
        expect(subtract(textOf(left), textOf(right))).toBe(`${left - right}`);
        expect(multiply(textOf(left), textOf(right))).toBe(`${left * right}`);
      }),
    );
    expect([add('-0.5', '0.25'), add('-0.5', '0.50'), multiply('-0.1', '2500')]).toEqual([
      '-0.25',
      '0',
      '-250',
    ]);
  });
});
