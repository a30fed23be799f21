import { describe, expect, it } from 'vitest';
import { actor } from '../../engine/actor.ts';
import { HEADER } from '../../engine/event.ts';
import type { TopologyDefinition } from '../../engine/topology.ts';
import type { TopologyDriver } from '../../testing/topology-driver.ts';
import {
  add,
  adder,
  counterDriver,
  countEvent,
  offlineCounterCodec,
  watcher,
} from '../support/counter.ts';

const SECOND = 1_000_000;

/** Fails while the reference is missing, where a message asks for it: what another try may mend. */
const patient = actor<{ total: number }>({
  ...adder,
  handles: {
    'count.add': (state, message, context) => {
      const { amount, fail } = message.payload as {
        readonly amount: number;
        readonly fail: string;
      };
      if (fail === 'wait' && context.reference('factor').get('all') === undefined)
        throw new Error('no factor yet');
      const rest = { ...message, payload: { amount, fail: fail === 'wait' ? '' : fail } };
      return adder.handles['count.add']?.(state, rest, context) ?? {};
    },
  },
});

function ladderDriver(definition: Partial<TopologyDefinition> = {}): TopologyDriver {
  return counterDriver({
    definition: { actors: [patient, watcher], onFailure: { policy: 'ladder' }, ...definition },
  });
}

function calls(driver: TopologyDriver): number {
  return driver.batches.flatMap(({ inputs }) => inputs).filter(({ actor: of }) => of === 'adder')
    .length;
}

function totals(driver: TopologyDriver): unknown[] {
  return driver
    .on('totals')
    .map(({ value }) => (value as { payload: { total: number } }).payload.total);
}

const factor = countEvent('count.factor', 'all', 'f1', { amount: 1 });

describe('the ladder of an actor that fails', () => {
  it('E-52 E-53 E-54 tries again after 10 s, 60 s and 300 s, and not before', () => {
    const driver = ladderDriver();
    driver.publish(add('a', 'e1', { amount: 1, fail: 'throw' }));
    for (const [index, seconds] of [10, 60, 300].entries()) {
      const notices = driver.on(`counter.retry.${index + 1}`);
      expect(notices.map(({ key, headers }) => [key, headers['x-retry']])).toEqual([
        ['a', `count.add.retry.${index + 1}`],
      ]);
      driver.advance(seconds * SECOND - 1);
      expect(calls(driver)).toBe(index + 1);
      driver.advance(1);
      expect(calls(driver)).toBe(index + 2);
    }
    expect(driver.replayed().dump()).toBe(driver.state.dump());
  });

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

  it('E-57 J8a keeps the order of the key, and what another try mends is handled once', () => {
    const driver = ladderDriver();
    driver.publish(add('a', 'e1', { amount: 1, fail: 'wait' }));
    driver.publish(add('a', 'e2', { amount: 2 }));
    driver.publish(factor);
    driver.publish(add('a', 'e3', { amount: 4 }));
    expect(totals(driver)).toEqual([]);
    driver.advance(10 * SECOND);
    expect(totals(driver)).toEqual([1, 3, 7]);
    driver.advance(1_000 * SECOND);
    expect(totals(driver)).toEqual([1, 3, 7]);
    expect(driver.on('dlq.count.add')).toEqual([]);
  });

  it('E-56 survives a restart, and other keys go on meanwhile', () => {
    const driver = ladderDriver();
    driver.publish(add('a', 'e1', { amount: 1, fail: 'wait' }));
    driver.advance(10 * SECOND);
    driver.publish(add('b', 'e2', { amount: 8 }));
    expect(totals(driver)).toEqual([8]);
    driver.advance(30 * SECOND);
    driver.restart();
    driver.publish(factor);
    driver.advance(30 * SECOND - 1);
    expect(totals(driver)).toEqual([8]);
    driver.advance(1);
    expect(totals(driver)).toEqual([8, 1]);
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
      ...patient,
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
