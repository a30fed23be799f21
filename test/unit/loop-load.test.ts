import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SHELL_LIMITS } from '../../kafka/limits.ts';
import { LoopLoad } from '../../kafka/loop-load.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** A load whose process has work for `share` of its time from now on. */
function start() {
  let active = 0;
  const load = new LoopLoad((one, other) => {
    if (one === undefined) return { active, idle: performance.now() - active, utilization: 0 };
    const worked = one.active - (other?.active ?? 0);
    const idle = one.idle - (other?.idle ?? 0);
    return { active: worked, idle, utilization: worked / (worked + idle) };
  });
  const pass = (ms: number, share: number): void => {
    active += ms * share;
    vi.advanceTimersByTime(ms);
  };
  return { load, pass };
}

const WINDOW = SHELL_LIMITS.busyWindowMs;

describe('K-12 the load of the event loop', () => {
  it('is that of the last whole window', () => {
    const { load, pass } = start();
    expect(load.isBusy()).toBe(false);
    pass(WINDOW - 1, 1);
    expect(load.isBusy()).toBe(false);
    pass(1, 1);
    expect(load.isBusy()).toBe(true);
    pass(WINDOW - 1, 0);
    expect(load.isBusy()).toBe(true);
    pass(1, 0);
    expect(load.isBusy()).toBe(false);
  });

  it.each([
    { share: SHELL_LIMITS.busyShare - 0.01, busy: false },
    { share: SHELL_LIMITS.busyShare + 0.01, busy: true },
  ])('is busy from the limit on: $share', ({ share, busy }) => {
    const { load, pass } = start();
    pass(WINDOW, share);
    expect(load.isBusy()).toBe(busy);
  });

  it('asks the runtime by itself', () => {
    vi.useRealTimers();
    const load = new LoopLoad();
    const until = performance.now() + WINDOW + 5;
    while (performance.now() < until);
    expect(load.isBusy()).toBe(true);
  });
});
