import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { paceHeap } from '../../apps/heap-pace.ts';

const set: string[] = [];
let isBusy = false;
let end: () => void;

function start(): void {
  end = paceHeap({ isBusy: () => isBusy }, (flag) => set.push(flag));
}

beforeEach(() => {
  vi.useFakeTimers();
  set.length = 0;
  isBusy = true;
  start();
});

afterEach(() => {
  end();
  vi.useRealTimers();
});

describe('the pace of the heap', () => {
  it('is that of a busy process at its start', () => {
    expect(set).toEqual(['--heap-growing-percent=100']);
  });

  it('follows the load, and says nothing twice', () => {
    vi.advanceTimersByTime(5_000);
    isBusy = false;
    vi.advanceTimersByTime(5_000);
    expect(set.slice(1)).toEqual(['--heap-growing-percent=50']);
    isBusy = true;
    vi.advanceTimersByTime(5_000);
    expect(set.slice(2)).toEqual(['--heap-growing-percent=100']);
  });

  it('stays as it is once it is ended', () => {
    end();
    isBusy = false;
    vi.advanceTimersByTime(5_000);
    expect(set).toHaveLength(1);
  });

  it('is left alone where Node was given one', () => {
    end();
    set.length = 0;
    process.execArgv.push('--heap-growing-percent=70');
    try {
      start();
      vi.advanceTimersByTime(5_000);
    } finally {
      process.execArgv.pop();
    }
    expect(set).toEqual([]);
  });
});
