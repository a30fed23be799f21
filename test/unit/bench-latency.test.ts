import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { total } from '../../bench/latency/hops.ts';
import { openLoop } from '../../bench/latency/open-loop.ts';
import { keepsBudget } from '../../bench/latency/report.ts';
import { Latencies } from '../../bench/latency/summary.ts';
import { readmeWith, storedReport } from '../../bench/table.ts';

describe('the latency benchmark', () => {
  it('gives percentiles in milliseconds', () => {
    const latencies = new Latencies();
    for (let ms = 1; ms <= 1_000; ms++) latencies.record(ms);
    const { count, p50, p99, max } = latencies.percentiles;
    expect(count).toBe(1_000);
    expect(p50 / 500).toBeCloseTo(1, 2);
    expect(p99 / 990).toBeCloseTo(1, 2);
    expect(max / 1_000).toBeCloseTo(1, 2);
  });

  it('starts work when it is due, whatever the work before it does', async () => {
    const due: number[] = [];
    await openLoop({ rate: 1_000, count: 20 }, (index, dueAt) => {
      expect(performance.now()).toBeGreaterThanOrEqual(dueAt - 2);
      due[index] = dueAt;
    });
    const gaps = due.slice(1).map((at, index) => at - (due[index] ?? 0));
    for (const gap of gaps) expect(gap).toBeCloseTo(1, 6);
  });

  it('adds a metric up over its labels, and takes no other of a longer name', () => {
    const text = 'a_sum{x="1"} 2\na_sum{x="2"} 3\na_sum_total 9\nb_sum 7\n';
    expect(total(text, 'a_sum')).toBe(5);
    expect(total(text, 'b_sum')).toBe(7);
  });

  it('B-100 judges the median of POST to plan.created against 50 ms', () => {
    const report = storedReport();
    const at = (p50: number) => ({
      ...report,
      http: { ...report.http, toPlan: { ...report.http.toPlan, p50 } },
    });
    expect(keepsBudget(at(49.99))).toBe(true);
    expect(keepsBudget(at(50))).toBe(false);
  });

  it('shows in the README the table of the result that was kept', () => {
    const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
    expect(readmeWith(readme, storedReport())).toBe(readme);
  });
});
