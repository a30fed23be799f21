import { describe, expect, it } from 'vitest';
import { plainBenchmark, type PlainBenchmark } from '../../cli/bench/plain-benchmark.ts';

/** A benchmark that measures nothing, so that it misses each goal. */
function asked(more: Pick<PlainBenchmark<string>, 'goals'> = {}) {
  const measured: unknown[] = [];
  const benchmark = plainBenchmark({
    ...{ name: 'none', summary: 'nothing', about: 'Nothing.', ...more },
    usual: { rate: 100, 'warm-up': 2_000 },
    measure: async (numbers) => {
      measured.push(numbers);
      return { lines: [], report: {} };
    },
  });
  const io = { out: () => {}, err: () => {}, env: {} };
  return { benchmark, measured, run: (...args: string[]) => benchmark.run(args, io) };
}

describe('the options of a benchmark that takes numbers', () => {
  it('K-12 are what is given, and else what is usual', async () => {
    const { measured, run } = asked();
    expect(await run()).toBe(0);
    expect(await run('--warm-up', '7')).toBe(0);
    expect(measured).toEqual([
      { rate: 100, 'warm-up': 2_000 },
      { rate: 100, 'warm-up': 7 },
    ]);
  });

  it('K-12 are shown with what is usual', () => {
    const [first] = asked().benchmark.usage.trim().split('\n');
    expect(first).toBe('Usage: millrace bench none [--rate 100] [--warm-up 2000] [--json <file>]');
    expect(asked({ goals: 'start' }).benchmark.usage).toContain('[--no-goals]');
  });

  it('K-12 are refused by name where they are no whole numbers from 1, or unknown', async () => {
    const { measured, run } = asked();
    await expect(run('--rate', '0')).rejects.toThrow('--rate is 0; give a whole number');
    await expect(run('--warm-up', 'x')).rejects.toThrow('--warm-up is x; give a whole number');
    await expect(run('--no-goals')).rejects.toThrow('no-goals');
    expect(measured).toEqual([]);
  });

  it('K-12 say whether its goals are judged', async () => {
    const { run } = asked({ goals: 'start' });
    expect(await run()).toBe(1);
    expect(await run('--no-goals')).toBe(0);
  });
});
