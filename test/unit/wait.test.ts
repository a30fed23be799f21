import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Wake } from '../../kafka/wait.ts';

describe('a wake', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('wakes all who wait at once', async () => {
    const wake = new Wake();
    const waiting = Promise.all([wake.wait(), wake.wait(), wake.wait()]);
    wake.signal();
    expect(await waiting).toHaveLength(3);
  });

  it('keeps one signal for who comes later, and no second one', async () => {
    const wake = new Wake();
    wake.signal();
    wake.signal();
    await wake.wait();
    const woken = vi.fn();
    void wake.wait().then(woken);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(woken).not.toHaveBeenCalled();
  });

  it('lets go who has waited long enough, and nobody else', async () => {
    const wake = new Wake();
    const woken: string[] = [];
    void wake.wait(10).then(() => woken.push('patient for 10 ms'));
    void wake.wait().then(() => woken.push('patient for ever'));
    await vi.advanceTimersByTimeAsync(10);
    expect(woken).toEqual(['patient for 10 ms']);
    wake.signal();
    await vi.advanceTimersByTimeAsync(0);
    expect(woken).toEqual(['patient for 10 ms', 'patient for ever']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
