import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EffectRequest, EffectResult } from '../../engine/actor.ts';
import { EffectFailure } from '../../engine/effect-failure.ts';
import type { EffectChange } from '../../engine/journal.ts';
import { effectKey, type OpenEffect } from '../../engine/task-state.ts';
import { Circuits, type CircuitState } from '../../kafka/circuit.ts';
import { type EffectPerformer, EffectRunner } from '../../kafka/effect-runner.ts';
import { SHELL_LIMITS } from '../../kafka/limits.ts';

const open = (
  key: string,
  request: Partial<EffectRequest> = {},
  rest: Partial<OpenEffect> = {},
): OpenEffect => ({
  actor: 'buyer',
  key,
  request: { id: 'buy', name: 'swap', args: { key }, ...request },
  cause: { eventId: 'e', correlationId: key, sequence: 1, priority: 'normal', traceparent: null },
  asked: { n: 1, index: 0 },
  attempt: 1,
  tries: 0,
  dueAt: request.notBefore ?? null,
  ...rest,
});

const change = ({ actor, key, request }: OpenEffect, isOpen: boolean): EffectChange => ({
  actor,
  key,
  id: request.id,
  request: isOpen ? '{}' : null,
});

function start(perform: EffectPerformer, concurrency = 100, circuits = new Circuits()) {
  const results: (readonly [string, EffectResult])[] = [];
  const journal = { isFresh: true, wanted: 0 };
  const ended = new AbortController();
  const runner = new EffectRunner({
    performers: { swap: perform },
    concurrency,
    circuits,
    signal: ended.signal,
    clock: () => Date.now() * 1000,
    isOwner: () => journal.isFresh,
    onUnsure: () => void (journal.wanted += 1),
    onResult: ({ key }, result) => results.push([key, result]),
  });
  const journaled = new Map<string, OpenEffect>();
  const nameOf = ({ actor, key, request }: OpenEffect) => effectKey(actor, key, request.id);
  return {
    runner,
    results,
    journal,
    ended,
    /** The journal holds them open, as told. */
    ask: (...effects: OpenEffect[]) => {
      for (const effect of effects) journaled.set(nameOf(effect), effect);
      runner.confirmed(
        effects.map((each) => change(each, true)),
        journaled,
      );
    },
    /** The journal holds their results. */
    settle: (...effects: OpenEffect[]) => {
      for (const effect of effects) journaled.delete(nameOf(effect));
      runner.confirmed(
        effects.map((each) => change(each, false)),
        journaled,
      );
    },
  };
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the runner of effects', () => {
  it('tells what was performed, and how it failed, by the code of the error', async () => {
    const { runner, results } = start((args) => {
      if ((args as { key: string }).key === 'a') return Promise.resolve(7);
      return Promise.reject(Object.assign(new Error('no gas'), { code: 'TX_REVERTED' }));
    });
    for (const key of ['a', 'b']) runner.start([open(key)]);
    runner.start([open('c', { name: 'strange' })]);
    await vi.runAllTimersAsync();
    const of = { id: 'buy', name: 'swap' };
    expect(new Map(results)).toEqual(
      new Map<string, unknown>([
        ['a', { ...of, ok: true, value: 7 }],
        ['b', { ...of, ok: false, code: 'TX_REVERTED', reason: 'no gas', kind: 'retry' }],
        ['c', expect.objectContaining({ ok: false, code: 'NO_PERFORMER' })],
      ]),
    );
  });

  it('performs at most so many at once, and all of them', async () => {
    let [now, most, done] = [0, 0, 0];
    const { runner } = start(async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 10));
      now -= 1;
      done += 1;
    }, 3);
    for (let index = 0; index < 20; index++) runner.start([open(`k${index}`)]);
    await vi.runAllTimersAsync();
    expect([most, done]).toEqual([3, 20]);
  });

  it('begins nothing after a silence before an append is confirmed, and wants none when there is nothing to do', async () => {
    const perform = vi.fn(() => Promise.resolve(1));
    const { runner, journal, ask, results } = start(perform);
    runner.start([open('later', { notBefore: 4_000_000 })]);
    journal.isFresh = false;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(journal.wanted).toBe(0);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([journal.wanted, perform.mock.calls.length]).toEqual([1, 0]);
    journal.isFresh = true;
    ask();
    await vi.advanceTimersByTimeAsync(1);
    expect(results).toHaveLength(1);
  });

  it('does not perform one twice at the same time', async () => {
    const perform = vi.fn(() => Promise.resolve(1));
    const { runner, ask, settle } = start(perform);
    runner.start([open('a')]);
    runner.start([open('a')]);
    await vi.runAllTimersAsync();
    expect(perform).toHaveBeenCalledTimes(1);
    settle(open('a'));
    ask(open('a'));
    await vi.runAllTimersAsync();
    expect(perform).toHaveBeenCalledTimes(2);
  });

  it.each([5_000, 40 * 24 * 3_600_000])('waits %d ms until one is due', async (delayMs) => {
    const perform = vi.fn(() => Promise.resolve(1));
    const { runner } = start(perform);
    runner.start([open('a', { notBefore: (Date.now() + delayMs) * 1000 })]);
    await vi.advanceTimersByTimeAsync(delayMs - 1);
    expect(perform).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(2);
    expect(perform).toHaveBeenCalledTimes(1);
  });

  it('starts nothing and tells nothing after the end of the term', async () => {
    const perform = vi.fn(() => new Promise((resolve) => setTimeout(resolve, 10)));
    const { runner, results, ended } = start(perform, 1);
    runner.start([open('a')]);
    runner.start([open('b')]);
    runner.start([open('c', { notBefore: (Date.now() + 5) * 1000 })]);
    ended.abort();
    await vi.runAllTimersAsync();
    expect(perform).toHaveBeenCalledTimes(1);
    expect(results).toEqual([]);
  });

  it('performs those of one key one after the other, as asked, each after the result before it', async () => {
    const began: string[] = [];
    const { runner, settle, ask } = start((args) => {
      began.push((args as { id: string }).id);
      return Promise.resolve(1);
    });
    const of = (id: string, n: number, index: number) =>
      open('a', { id, args: { id } }, { asked: { n, index } });
    const [first, second, third] = [of('z', 1, 0), of('b', 1, 1), of('a', 2, 0)] as const;
    runner.start([third, second, first]);
    await vi.runAllTimersAsync();
    expect(began).toEqual(['z']);
    settle(first);
    await vi.runAllTimersAsync();
    expect(began).toEqual(['z', 'b']);
    ask(of('c', 3, 0));
    settle(second);
    settle(third);
    await vi.runAllTimersAsync();
    expect(began).toEqual(['z', 'b', 'a', 'c']);
  });

  it('keeps the place of one that goes down its ladder, and of no other key', async () => {
    const began: string[] = [];
    const { ask, settle } = start((args) => {
      began.push((args as { id: string }).id);
      return Promise.reject(new Error('away'));
    });
    const first = open('a', { id: 'one', args: { id: 'one' } });
    ask(first, open('a', { id: 'two', args: { id: 'two' } }, { asked: { n: 1, index: 1 } }));
    await vi.runAllTimersAsync();
    ask({ ...first, attempt: 2, tries: 1, dueAt: (Date.now() + 5_000) * 1000 });
    ask(open('b', { id: 'other', args: { id: 'other' } }));
    await vi.advanceTimersByTimeAsync(4_999);
    expect(began).toEqual(['one', 'other']);
    await vi.advanceTimersByTimeAsync(2);
    expect(began).toEqual(['one', 'other', 'one']);
    settle(first);
    await vi.runAllTimersAsync();
    expect(began).toEqual(['one', 'other', 'one', 'two']);
  });

  it('lets one pass whose time has not come', async () => {
    const began: string[] = [];
    const { ask } = start((args) => {
      began.push((args as { id: string }).id);
      return Promise.resolve(1);
    });
    ask(open('a', { id: 'later', args: { id: 'later' }, notBefore: (Date.now() + 5_000) * 1000 }));
    ask(open('a', { id: 'now', args: { id: 'now' } }, { asked: { n: 2, index: 0 } }));
    await vi.advanceTimersByTimeAsync(100);
    expect(began).toEqual(['now']);
  });

  it('cancels one that takes too long, and goes on even if it does not heed', async () => {
    const { runner, results } = start((args, signal) => {
      if ((args as { key: string }).key === 'deaf') return new Promise(() => undefined);
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('cancelled')), { once: true });
      });
    });
    runner.start([open('heeds', { timeoutMs: 1_000 }), open('deaf', { timeoutMs: 1_000 })]);
    await vi.advanceTimersByTimeAsync(1_001);
    expect(results).toMatchObject([['heeds', { ok: false, code: 'EFFECT_TIMEOUT' }]]);
    await vi.advanceTimersByTimeAsync(SHELL_LIMITS.effectGraceMs);
    expect(results).toMatchObject([{}, ['deaf', { code: 'EFFECT_TIMEOUT', kind: 'retry' }]]);
  });

  it('has ended when what was under way has settled, or had its time to', async () => {
    let settled = false;
    const { runner, ended } = start(async (_args, signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      await new Promise((resolve) => setTimeout(resolve, 50));
      settled = true;
    });
    runner.start([open('a')]);
    ended.abort();
    const end = runner.ended().then(() => settled);
    await vi.advanceTimersByTimeAsync(60);
    expect(await end).toBe(true);
    const deaf = start(() => new Promise(() => undefined));
    deaf.runner.start([open('a')]);
    deaf.ended.abort();
    const given = deaf.runner.ended().then(() => 'ended');
    await vi.advanceTimersByTimeAsync(SHELL_LIMITS.effectGraceMs + 1);
    expect(await given).toBe('ended');
  });
});

describe('the circuit breaker of a target', () => {
  const states: CircuitState[] = [];
  const circuitsOf = () => {
    states.length = 0;
    const onState = (_target: string, state: CircuitState): number => states.push(state);
    return new Circuits({ threshold: 3, openMs: 10_000, onState });
  };
  const keys = (count: number, target: string) =>
    Array.from({ length: count }, (_, index) => open(`${target}-${index}`, { target }));

  it('opens after failures in a row, lets one try, and closes when that goes well', async () => {
    let isUp = false;
    const perform = vi.fn(() => (isUp ? Promise.resolve(1) : Promise.reject(new Error('away'))));
    const { runner } = start(perform, 1, circuitsOf());
    runner.start(keys(8, 'bank'));
    await vi.advanceTimersByTimeAsync(9_999);
    expect([perform.mock.calls.length, states]).toEqual([3, ['open']]);
    await vi.advanceTimersByTimeAsync(2);
    expect([perform.mock.calls.length, states]).toEqual([4, ['open', 'half-open', 'open']]);
    isUp = true;
    await vi.advanceTimersByTimeAsync(10_001);
    expect(perform.mock.calls.length).toBe(8);
    expect(states).toEqual(['open', 'half-open', 'open', 'half-open', 'closed']);
  });

  it('holds up nobody else, and no two tasks try at once', async () => {
    const circuits = circuitsOf();
    let probes = 0;
    let isDown = true;
    const perform = async (args: unknown): Promise<unknown> => {
      if (!(args as { key: string }).key.startsWith('bank')) return 1;
      if (isDown) throw new Error('away');
      probes += 1;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return 1;
    };
    const [left, right] = [start(perform, 100, circuits), start(perform, 100, circuits)];
    left.runner.start(keys(3, 'bank'));
    await vi.advanceTimersByTimeAsync(1);
    left.runner.start(keys(5, 'bank').slice(3));
    right.runner.start([...keys(2, 'bank'), ...keys(4, 'mail')]);
    await vi.advanceTimersByTimeAsync(1);
    expect(right.results).toHaveLength(4);
    isDown = false;
    await vi.advanceTimersByTimeAsync(10_050);
    expect(probes).toBe(1);
    await vi.advanceTimersByTimeAsync(200);
    expect([left.results.length, right.results.length]).toEqual([5, 6]);
  });

  it('is left alone by what the target has answered, if only with no', async () => {
    const perform = vi.fn(() => Promise.reject(new EffectFailure('NO_FUNDS', 'no', 'final')));
    const { runner, results } = start(perform, 1, circuitsOf());
    runner.start(keys(8, 'bank'));
    await vi.advanceTimersByTimeAsync(1);
    expect([results.length, states]).toEqual([8, []]);
    expect(results[0]).toMatchObject(['bank-0', { code: 'NO_FUNDS', kind: 'final' }]);
  });

  it('passes its one try on when that is cancelled', async () => {
    const circuits = circuitsOf();
    const fails = start(() => Promise.reject(new Error('away')), 1, circuits);
    fails.runner.start(keys(3, 'bank'));
    await vi.advanceTimersByTimeAsync(1);
    const hangs = start(
      (_args, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('cancelled')), { once: true });
        }),
      1,
      circuits,
    );
    hangs.runner.start(keys(1, 'bank'));
    await vi.advanceTimersByTimeAsync(10_001);
    const waits = start(() => Promise.resolve(1), 1, circuits);
    waits.runner.start(keys(1, 'bank'));
    await vi.advanceTimersByTimeAsync(1);
    expect(waits.results).toEqual([]);
    hangs.ended.abort();
    await vi.advanceTimersByTimeAsync(1);
    expect(waits.results).toHaveLength(1);
  });
});
