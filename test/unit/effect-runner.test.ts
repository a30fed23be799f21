import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EffectRequest, EffectResult } from '../../engine/actor.ts';
import type { OpenEffect } from '../../engine/task-state.ts';
import { type EffectPerformer, EffectRunner } from '../../kafka/effect-runner.ts';

const open = (key: string, request: Partial<EffectRequest> = {}): OpenEffect => ({
  actor: 'buyer',
  key,
  request: { id: 'buy', name: 'swap', args: { key }, ...request },
  cause: { eventId: 'e', correlationId: key, sequence: 1, priority: 'normal', traceId: null },
});

function start(perform: EffectPerformer, concurrency = 100) {
  const results: (readonly [string, EffectResult])[] = [];
  const ended = new AbortController();
  const runner = new EffectRunner({
    performers: { swap: perform },
    concurrency,
    signal: ended.signal,
    clock: () => Date.now() * 1000,
    onResult: ({ key }, result) => results.push([key, result]),
  });
  return { runner, results, ended };
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
    for (const key of ['a', 'b']) runner.start(open(key));
    runner.start(open('c', { name: 'strange' }));
    await vi.runAllTimersAsync();
    const of = { id: 'buy', name: 'swap' };
    expect(new Map(results)).toEqual(
      new Map<string, unknown>([
        ['a', { ...of, ok: true, value: 7 }],
        ['b', { ...of, ok: false, code: 'TX_REVERTED', reason: 'no gas' }],
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
    for (let index = 0; index < 20; index++) runner.start(open(`k${index}`));
    await vi.runAllTimersAsync();
    expect([most, done]).toEqual([3, 20]);
  });

  it('does not perform one twice at the same time', async () => {
    const perform = vi.fn(() => Promise.resolve(1));
    const { runner } = start(perform);
    runner.start(open('a'));
    runner.start(open('a'));
    await vi.runAllTimersAsync();
    expect(perform).toHaveBeenCalledTimes(1);
    runner.start(open('a'));
    await vi.runAllTimersAsync();
    expect(perform).toHaveBeenCalledTimes(2);
  });

  it.each([5_000, 40 * 24 * 3_600_000])('waits %d ms until one is due', async (delayMs) => {
    const perform = vi.fn(() => Promise.resolve(1));
    const { runner } = start(perform);
    runner.start(open('a', { notBefore: (Date.now() + delayMs) * 1000 }));
    await vi.advanceTimersByTimeAsync(delayMs - 1);
    expect(perform).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(2);
    expect(perform).toHaveBeenCalledTimes(1);
  });

  it('starts nothing and tells nothing after the end of the term', async () => {
    const perform = vi.fn(() => new Promise((resolve) => setTimeout(resolve, 10)));
    const { runner, results, ended } = start(perform, 1);
    runner.start(open('a'));
    runner.start(open('b'));
    runner.start(open('c', { notBefore: (Date.now() + 5) * 1000 }));
    ended.abort();
    await vi.runAllTimersAsync();
    expect(perform).toHaveBeenCalledTimes(1);
    expect(results).toEqual([]);
  });
});
