import { describe, expect, it } from 'vitest';
import { HEADER } from '../../engine/event.ts';
import type { TopologyDefinition } from '../../engine/topology.ts';
import type { TopologyDriver } from '../../testing/topology-driver.ts';
import { add, adder, counterDriver, offlineCounterCodec, watcher } from '../support/counter.ts';

const SECOND = 1_000_000;

function ladderDriver(definition: Partial<TopologyDefinition> = {}): TopologyDriver {
  return counterDriver({
    definition: { actors: [adder, watcher], onFailure: { policy: 'ladder' }, ...definition },
  });
}

function totals(driver: TopologyDriver): unknown[] {
  return driver
    .on('totals')
    .map(({ value }) => (value as { payload: { total: number } }).payload.total);
}

describe('the ladder of an actor that fails', () => {
  it('E-55 sets it aside after four calls, as it came, and its key goes on', () => {
    const driver = ladderDriver();
    const sent = {
      ...add('a', 'e1', { amount: 1, fail: 'throw' }),
      payload_extra: { unknown: '"kept"' },
    };
    driver.publish(sent);
    driver.publish(add('a', 'e2', { amount: 5 }));
    expect(totals(driver)).toEqual([]);
    driver.advance(10 * SECOND);
    driver.advance(60 * SECOND);
    driver.advance(300 * SECOND);
    const [letter, ...others] = driver.on('dlq.count.add');
    expect(others).toEqual([]);
    expect(letter?.key).toBe('a');
    const bytes = offlineCounterCodec().encode('adds', 'test.count.Add', sent);
    expect(letter?.value).toEqual(Uint8Array.from(bytes));
    expect(letter?.headers).toMatchObject({
      [HEADER.eventId]: 'e1',
      'x-application': 'counter',
      'x-original-topic': 'adds',
      'x-original-partition': '0',
      'x-original-offset': '0',
      'x-error': 'HANDLER_THREW',
      attempt: '4',
    });
    expect(totals(driver)).toEqual([5]);
    expect(driver.state.parked.size).toBe(0);
  });

  it('J8a gives what fails behind it a ladder of its own', () => {
    const driver = ladderDriver();
    driver.publish(add('a', 'e1', { amount: 1, fail: 'throw' }));
    driver.publish(add('a', 'e2', { amount: 1, fail: 'throw' }));
    for (const seconds of [10, 60, 300]) driver.advance(seconds * SECOND);
    expect(driver.on('counter.retry.1').map(({ headers }) => headers[HEADER.eventId])).toEqual([
      'e1',
      'e2',
    ]);
    expect(driver.state.parked.get('adder|a')?.attempt).toBe(1);
    for (const seconds of [10, 60, 300]) driver.advance(seconds * SECOND);
    expect(driver.on('dlq.count.add').map(({ headers }) => headers['attempt'])).toEqual(['4', '4']);
  });

  it('parks what stands on no topic, for an operator', () => {
    const broken = {
      ...adder,
      effects: {
        'count.double': () => {
          throw new Error('no');
        },
      },
    };
    const driver = ladderDriver({ actors: [broken, watcher] });
    driver.publish(add('a', 'e1', { amount: 1, fail: 'effect' }));
    const [effect] = driver.openEffects;
    if (effect === undefined) throw new Error('no effect is open');
    driver.settle(effect, { ok: true, id: 'double', name: 'count.double', value: 2 });
    driver.advance(1_000 * SECOND);
    expect(driver.state.parked.get('adder|a')).toMatchObject({ code: 'HANDLER_THREW', due: null });
  });
});
