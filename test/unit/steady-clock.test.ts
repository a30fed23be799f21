import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SteadyClock } from '../../kafka/steady-clock.ts';

const SECOND = 1_000_000;
let offsetMicros = 0;
const machine = (): number => Date.now() * 1000 + offsetMicros;

beforeEach(() => {
  offsetMicros = 0;
  vi.useFakeTimers({ now: 1_700_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the clock of a task', () => {
  it('J8 is the one of the machine while that goes ahead', () => {
    const clock = new SteadyClock(machine, 0);
    const start = clock.now();
    vi.advanceTimersByTime(1_500);
    expect(clock.now() - start).toBe(1.5 * SECOND);
    offsetMicros += 3_600 * SECOND;
    expect(clock.now() - start).toBe(3_601.5 * SECOND);
  });

  it('J8 runs on by the monotonic one where that of the machine was set back', () => {
    const clock = new SteadyClock(machine, 0);
    const start = clock.now();
    offsetMicros -= 3_600 * SECOND;
    expect(clock.now()).toBe(start);
    vi.advanceTimersByTime(2_000);
    expect(clock.now() - start).toBe(2 * SECOND);
    vi.advanceTimersByTime(500);
    expect(clock.now() - start).toBe(2.5 * SECOND);
  });

  it('J8 runs on from the time that an earlier owner reached, however far ahead', () => {
    const start = machine() + 7_200 * SECOND;
    const clock = new SteadyClock(machine, start);
    vi.advanceTimersByTime(1_000);
    expect(clock.now() - start).toBe(SECOND);
  });

  it('J8 waits for one that is behind by its own drift, and does not drift away from it', () => {
    const start = machine() + SECOND / 2;
    const clock = new SteadyClock(machine, start);
    vi.advanceTimersByTime(400);
    expect(clock.now()).toBe(start);
    vi.advanceTimersByTime(200);
    expect(clock.now() - start).toBe(SECOND / 10);
  });
});
