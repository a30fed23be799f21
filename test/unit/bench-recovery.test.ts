import { describe, expect, it } from 'vitest';
import { CAUGHT_UP_MS, milestonesOf, type Sent } from '../../bench/recovery/milestones.ts';
import { type RecoveryReport, recoveryLines, recoveryRows } from '../../bench/recovery/report.ts';

const sent = (dueAt: number, latency: number, partition: number): Sent => ({
  ...{ dueAt, sentAt: dueAt, readAt: dueAt + latency, partition },
});

describe('the milestones of a recovery', () => {
  it('K-12 count from the kill, by inputs that were due after it', () => {
    const late = CAUGHT_UP_MS + 1;
    expect(
      milestonesOf(
        [
          sent(900, 5_000, 0),
          sent(1_010, 2_000, 0),
          sent(1_020, 3_000, 1),
          sent(4_100, late, 0),
          sent(5_000, 3, 1),
        ],
        1_000,
      ),
    ).toEqual({ firstMs: 2_010, allMs: 3_020, caughtUpMs: 3_100 + late });
  });

  it('K-12 say nothing of what was not reached', () => {
    const behind = [sent(1_010, 9_000, 0), sent(1_020, 9_000, 0)];
    expect(milestonesOf(behind, 1_000).caughtUpMs).toBeNull();
    expect(milestonesOf([], 1_000)).toEqual({ firstMs: null, allMs: null, caughtUpMs: null });
  });
});

it('K-12 shows a recovery by medians, and nothing where a round saw nothing', () => {
  const one = (round: number, firstMs: number, detectedMs: number | null) => ({
    ...{ system: 'millrace', kind: 'cold', keys: 10_000, round, detectedMs, assignedMs: 3 },
    ...{ firstMs, allMs: 7, caughtUpMs: 8, copies: 0, handledAgain: 2 },
    restore: { records: 1, mib: 1, restoreMs: 100, rawReadMs: 50, freshReadMs: 80 },
  });
  const report = {
    plan: { valueBytes: 250, rounds: 3 },
    recoveries: [one(1, 900, 1), one(2, 20, 1), one(3, 30, null)],
    leftOut: ['faust did not run'],
  } as unknown as RecoveryReport;
  const row = recoveryLines(report).find((line) => line.startsWith('cold')) ?? '';
  expect(row.split(/\s+/).slice(4)).toEqual(['–', '3', '30', '7', '8', '0', '2', '100000', '0.80']);
  const taken = report.recoveries.map((each) => ({ ...each, kind: 'takeover' as const }));
  expect(recoveryRows({ recoveries: taken })[0]?.ofRawRead).toBe(0.5);
  const half = taken.map((each) => ({
    ...each,
    restore: Object.assign({}, each.restore, { share: 0.5 }),
  }));
  expect(recoveryRows({ recoveries: half })[0]?.restoredPerSecond).toBe(50_000);
  expect(recoveryLines(report).at(-1)).toBe('faust did not run');
});
