import { describe, expect, it } from 'vitest';
import { actor, cancelTimer, event, setTimer } from '../../engine/actor.ts';
import type { Decision } from '../../engine/actor.ts';
import { given, messageOf } from '../../testing/given.ts';
import { add, counterDriver } from '../support/counter.ts';

interface Total {
  readonly total: number;
}

/** An adder with a handler of its own. */
function cheat(handle: (state: Total, message: { payload: unknown }) => Decision<Total>) {
  return actor<Total>({
    name: 'adder',
    state: { version: 1, initial: () => ({ total: 0 }) },
    emits: ['count.total'],
    handles: { 'count.add': handle },
  });
}

function run(handle: Parameters<typeof cheat>[0]): void {
  const driver = counterDriver({ definition: { actors: [cheat(handle)] } });
  driver.publish(add('k', 'e1', { amount: 1 }));
}

let calls = 0;

const CHEATS: readonly (readonly [string, Parameters<typeof cheat>[0], RegExp])[] = [
  ['what the time is', () => ({ state: { total: Date.now() } }), /uses Date/],
  ['a new Date', () => ({ state: { total: new Date().getTime() } }), /uses Date/],
  ['a stopwatch', () => ({ state: { total: performance.now() } }), /uses performance.now/],
  ['chance', () => ({ state: { total: Math.random() } }), /uses Math.random/],
  ['a random id', () => ({ state: { total: crypto.randomUUID().length } }), /crypto.randomUUID/],
  ['the environment', () => ({ state: { total: Number(process.env['HOME']) } }), /process.env/],
  ['a timer', () => ({ state: { total: Number(setTimeout(() => {}, 1)) } }), /uses setTimeout/],
  [
    'the network',
    () => ({ state: { total: fetch('http://127.0.0.1:1') as unknown as number } }),
    /uses fetch/,
  ],
  ['memory of its own', () => ({ state: { total: ++calls } }), /decides .* and then, of the same/],
  [
    'its own message',
    (state, message) => {
      (message.payload as { amount: number }).amount += 1;
      return { state };
    },
    /changes its input/,
  ],
];

describe('the sanitizer', () => {
  it.each(CHEATS)('J8 catches a handler that uses %s', (_what, handle, found) => {
    expect(() => run(handle)).toThrow(found);
  });

  it('J8 catches the handler of a timer', () => {
    const late = actor<Total>({
      ...cheat((_state, _message) => ({ timers: [setTimer('tick', 0)] })),
      timers: { tick: () => ({ state: { total: Date.now() } }) },
    });
    const driver = counterDriver({ definition: { actors: [late] } });
    expect(() => driver.publish(add('k', 'e1', { amount: 1 }))).toThrow(/handling tick, uses Date/);
  });

  it('J8 given runs the handler of a timer, and wants one for each that is set', () => {
    const ticking = actor<Total>({
      ...cheat((state) => ({ state, timers: [setTimer('tick/1', 5, 'x'), cancelTimer('tick/2')] })),
      timers: { tick: ({ total }, { due }) => ({ state: { total: total + due } }) },
    });
    given(ticking)
      .when(messageOf('count.add', {}))
      .then({ timers: [setTimer('tick/1', 5, 'x'), cancelTimer('tick/2')] })
      .when({ name: 'tick/1', due: 5, data: 'x' })
      .then({ state: { total: 5 } });
    const { timers: _none, ...deaf } = ticking;
    expect(() => given(deaf).when(messageOf('count.add', {}))).toThrow(/tick\/1 without a handler/);
  });

  it('J8 catches a handler that hides what it does', () => {
    const hiding = (): Decision<Total> => {
      try {
        return { state: { total: Date.now() } };
      } catch {
        return {};
      }
    };
    expect(() => run(hiding)).toThrow(/uses Date/);
  });

  it('J8 catches it in given, when, then', () => {
    const random = cheat(() => ({ emit: [event('count.total', { total: Math.random() })] }));
    const message = messageOf('count.add', { amount: 1 });
    expect(() => given(random).when(message)).toThrow(/uses Math.random/);
  });

  it('lets a handler calculate with a given moment, and fail', () => {
    run((state) => ({ state: { total: state.total + new Date(5).getTime() } }));
    run(() => {
      throw new Error('as it should');
    });
    expect(Date.now()).toBeGreaterThan(0);
    expect(process.env['PATH']).toBeDefined();
  });
});
