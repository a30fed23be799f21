import { describe, expect, it } from 'vitest';
import { sdkMisses, storeMisses } from '../../bench/bots/goals.ts';
import type { SdkReport } from '../../bench/bots/sdk.ts';
import type { StoreReport } from '../../bench/bots/store.ts';
import { judged } from '../../cli/bench/judged.ts';

function sdk(ratio: number, p50: number): SdkReport {
  const figures = [
    { language: 'TypeScript', ratio, goal: 0.5, nowait: { p50 } },
    { language: 'Python', ratio: 0.3, goal: 0.3, nowait: { p50: 0.05 } },
  ];
  return { figures } as unknown as SdkReport;
}

function store(rowsPerSecond: number, endLagMs: number, seconds = 60): StoreReport {
  return { plan: { seconds }, steady: { rowsPerSecond, endLagMs } } as unknown as StoreReport;
}

async function told(misses: readonly string[]) {
  const lines: string[] = [];
  const io = { out: () => {}, err: (line: string) => lines.push(line), env: {} };
  const about = { goals: [], file: undefined };
  const code = await judged(io, about, async () => ({ lines: [], report: {}, misses }));
  return { code, lines };
}

describe('the goals of the benchmarks of bots', () => {
  it('K-12 are met at their bounds', async () => {
    expect(sdkMisses(sdk(0.5, 0.05))).toEqual([]);
    expect(storeMisses(store(10_000, 2_000))).toEqual([]);
    expect(await told([])).toEqual({ code: 0, lines: [] });
  });

  it.each([
    { misses: sdkMisses(sdk(0.49, 0.01)), said: /^TypeScript: 0.49 of the bare/ },
    { misses: sdkMisses(sdk(0.7, 0.06)), said: /emit.nowait takes 60 µs/ },
    { misses: storeMisses(store(9_999, 100)), said: /9999 rows/ },
    { misses: storeMisses(store(11_000, 2_001)), said: /it grows/ },
    { misses: storeMisses(store(11_000, 100, 20)), said: /ran for 20 s/ },
  ])('K-12 are missed with an exit code, and said: $said', async ({ misses, said }) => {
    const { code, lines } = await told(misses);
    expect(code).toBe(1);
    expect(lines.map((line) => line.replace('goal missed: ', ''))).toEqual([
      expect.stringMatching(said),
    ]);
  });
});
