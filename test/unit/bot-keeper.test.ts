import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { BotKeeper } from '../../apps/bot-keeper.ts';

const HOUR_MS = 3_600_000;
const LOOK_MS = 15_000;
const NOW_MICROS = Date.UTC(2026, 0, 10) * 1000;

let missing: number | Error = 0;
let kept: object[] = [];
let gauge: number[] = [];
let warned: string[] = [];
let told: object[] = [];
let keeper: BotKeeper;

beforeEach(() => {
  vi.useFakeTimers();
  [missing, kept, gauge, warned, told] = [0, [], [], [], []];
  keeper = new BotKeeper({
    store: {
      keepPartitions: async (options) => {
        kept.push(options);
        if (missing instanceof Error) throw missing;
        return { made: kept.length === 1 ? 9 : 0, months: 0, detached: [] };
      },
      unexplained: async () => {
        if (missing instanceof Error) throw missing;
        return missing;
      },
    },
    retentionDays: 30,
    unexplained: { set: (value) => void gauge.push(value) },
    nowMicros: () => NOW_MICROS,
    log: {
      info: (fields) => void told.push(fields),
      warn: (_, message) => void warned.push(message),
      error: () => {},
    },
  });
});
afterEach(async () => {
  const stopped = keeper.stop();
  await vi.runAllTimersAsync();
  await stopped;
  vi.useRealTimers();
});

const looks = (count: number): Promise<unknown> => vi.advanceTimersByTimeAsync(count * LOOK_MS);

it('S-31 makes partitions at its start and each hour, a week ahead, and says what it did', async () => {
  await looks(0);
  expect(kept).toEqual([{ nowMicros: NOW_MICROS, daysAhead: 7, retentionDays: 30 }]);
  expect(told).toEqual([{ made: 9, months: 0, detached: [] }]);
  await vi.advanceTimersByTimeAsync(HOUR_MS - LOOK_MS);
  expect(kept).toHaveLength(1);
  await looks(2);
  expect(kept).toHaveLength(2);
  expect(told).toHaveLength(1);
});

it('S-36 shows as lost only what was missing at two looks', async () => {
  await looks(0);
  missing = 5;
  await looks(1);
  expect(gauge.at(-1)).toBe(0);
  missing = 3;
  await looks(1);
  expect(gauge.at(-1)).toBe(3);
  missing = 4;
  await looks(1);
  expect(gauge.at(-1)).toBe(3);
  missing = 0;
  await looks(1);
  expect(gauge.at(-1)).toBe(0);
});

it('S-31 says once that the store is away, and goes on when it is back', async () => {
  await looks(0);
  missing = new Error('away');
  await looks(3);
  expect(warned).toHaveLength(1);
  missing = 2;
  await looks(2);
  expect(gauge.at(-1)).toBe(2);
  missing = new Error('away again');
  await looks(1);
  expect(warned).toHaveLength(2);
});
