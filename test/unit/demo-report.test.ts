import { describe, expect, it } from 'vitest';
import { isoMicros } from '../../avro/index.ts';
import type { Expectation } from '../../cli/demo/intent-file.ts';
import { latencyTo, percentilesOf } from '../../cli/demo/latency.ts';
import { type Answer, mismatchOf, type End, type Outcome } from '../../cli/demo/outcome.ts';
import { barOf } from '../../cli/demo/progress.ts';
import { countLines, reportLines, reportOf } from '../../cli/demo/report.ts';

const SENT = 1_700_000_000_000_000;
const ID = '5a6b9638-a1d3-4611-9dd9-0071b70d3748';
const ACCEPTED: Partial<Answer> = { http: 202, intentId: ID };

function outcome(
  expectation: Expectation,
  answer: Partial<Answer>,
  end: End | null = null,
  events: Readonly<Record<string, number>> = {},
): Outcome {
  const nothing = { http: null, code: null, fields: [], intentId: null, reason: null };
  return {
    line: { number: 7, name: 'seven', text: '', expect: expectation },
    answer: { ...nothing, sentAtMicros: SENT, ...answer },
    end,
    events: Object.entries(events).map(([topic, ms], index) => ({
      topic,
      timestamp: isoMicros(SENT + ms * 1000),
      sequence: index + 1,
      eventId: String(index),
    })),
  };
}

const COMPLETED: End = { state: 'Completed', code: null };
const failed = (code: string): End => ({ state: 'Failed', code });

describe('an outcome against its line', () => {
  it.each([
    ['a status alone', outcome({ http: 413 }, { http: 413, code: 'BODY_TOO_LARGE' })],
    ['an end', outcome({ http: 202, state: 'Completed' }, ACCEPTED, COMPLETED)],
    ['an end that is left open', outcome({ http: 202 }, ACCEPTED, failed('X'))],
    ['an end with its code', outcome({ http: 202, code: 'X' }, ACCEPTED, failed('X'))],
    [
      'fields in another order',
      outcome({ http: 422, fields: ['/b', '/a'] }, { http: 422, fields: ['/a', '/b'] }),
    ],
  ])('takes %s', (_, given) => {
    expect(mismatchOf(given)).toBeNull();
  });

  it.each([
    [
      'another status',
      outcome({ http: 202 }, { http: 422, code: 'V', fields: ['/a'] }),
      '202',
      '422 V fields ["/a"]',
    ],
    [
      'a status that was not to be',
      outcome({ http: 422, code: 'V', fields: ['/a'] }, ACCEPTED, COMPLETED),
      '422 V fields ["/a"]',
      `202 Completed (intent ${ID})`,
    ],
    [
      'another state',
      outcome({ http: 202, state: 'Completed' }, ACCEPTED, failed('X')),
      '202 Completed',
      `202 Failed X (intent ${ID})`,
    ],
    [
      'another code',
      outcome({ http: 202, state: 'Failed', code: 'Y' }, ACCEPTED, failed('X')),
      '202 Failed Y',
      `202 Failed X (intent ${ID})`,
    ],
    [
      'no end, even if none is named',
      outcome({ http: 202 }, ACCEPTED),
      '202',
      `202 no end within the limit (intent ${ID})`,
    ],
    [
      'a field more',
      outcome({ http: 422, fields: ['/a'] }, { http: 422, fields: ['/a', '/b'] }),
      '422 fields ["/a"]',
      '422 fields ["/a","/b"]',
    ],
    [
      'no answer',
      outcome({ http: 202 }, { reason: 'ECONNREFUSED' }),
      '202',
      'no answer: ECONNREFUSED',
    ],
  ])('names %s', (_, given, expected, got) => {
    expect(mismatchOf(given)).toEqual({ line: 7, name: 'seven', expected, got });
  });
});

describe('the latencies', () => {
  it('are nearest-rank percentiles in milliseconds', () => {
    const micros = Array.from({ length: 100 }, (_, index) => (index + 1) * 1000);
    const { count, p50, p95, p99 } = percentilesOf(micros);
    expect(count).toBe(100);
    expect(p50).toBeCloseTo(50, 0);
    expect(p95).toBeCloseTo(95, 0);
    expect(p99).toBeCloseTo(99, 0);
    expect(percentilesOf([])).toEqual({ count: 0, p50: null, p95: null, p99: null });
  });

  it('are from the POST to the event, by those that have it', () => {
    const with20 = outcome({ http: 202 }, ACCEPTED, COMPLETED, { 'plan.created': 20 });
    const ahead = outcome({ http: 202 }, ACCEPTED, COMPLETED, { 'plan.created': -3 });
    const without = outcome({ http: 202 }, ACCEPTED, failed('X'), { 'risk.rejected': 5 });
    expect(latencyTo('plan.created', [with20, without])).toMatchObject({ count: 1 });
    expect(latencyTo('plan.created', [with20, without]).p50).toBeCloseTo(20, 1);
    expect(latencyTo('plan.created', [ahead]).p50).toBe(0);
  });
});

const ALL: readonly Outcome[] = [
  outcome({ http: 422 }, { http: 422, code: 'V' }),
  outcome({ http: 202 }, ACCEPTED, COMPLETED, {
    'intent.submitted': 1.5,
    'plan.created': 10,
    'exec.completed': 90,
  }),
  outcome({ http: 202 }, ACCEPTED, failed('NOTIONAL_LIMIT')),
  outcome({ http: 202 }, ACCEPTED, failed('NOTIONAL_LIMIT')),
  outcome({ http: 202 }, { http: 500 }),
  outcome({ http: 202 }, ACCEPTED),
  outcome({ http: 202 }, { reason: 'ECONNRESET' }),
];

describe('the table', () => {
  it('has every line once', () => {
    const report = reportOf(ALL, { count: 0, unclear: 0 });
    expect(countLines(report)).toEqual([
      'completed                                  1',
      'rejected      NOTIONAL_LIMIT               2',
      'refused       HTTP_500                     1',
      'refused       V                            1',
      'unfinished                                 2',
      'lines                                      7',
      'mismatches                                 3',
    ]);
  });

  it('is followed by the latencies, the mismatches and one that completed', () => {
    const lines = reportLines(reportOf(ALL, { count: 3, unclear: 1 }));
    const text = lines.join('\n');
    expect(text).toMatch(/plan\.created +1 +10\.0 +10\.0 +10\.0/);
    expect(text).toContain('3 requests were sent again');
    expect(text).toContain('1 of them may have left a second intent');
    expect(text).toContain('line 7, seven\n    expected 202\n    got      no answer: ECONNRESET');
    expect(lines.slice(-4)).toEqual([
      `intent-${ID}, ms from POST`,
      '   1  intent.submitted           1.5',
      '   2  plan.created              10.0',
      '   3  exec.completed            90.0',
    ]);
  });

  it('has no example when none completed, and no note when nothing was sent again', () => {
    const report = reportOf([ALL[0] as Outcome], { count: 0, unclear: 0 });
    expect(report.example).toBeNull();
    expect(reportLines(report).at(-1)).toMatch(/^exec\.completed +0 +- +- +-$/);
  });
});

describe('the progress bar', () => {
  it('is half full when all is answered, and full when all has ended', () => {
    const full = (answered: number, accepted: number, ended: number): number =>
      barOf({ lines: 10, answered, accepted, ended }).split('█').length - 1;
    expect([full(0, 0, 0), full(5, 5, 0), full(10, 8, 0), full(10, 8, 8)]).toEqual([0, 8, 15, 30]);
    expect(full(10, 0, 0)).toBe(30);
  });
});
