import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHAIN, checkChains, type LoggedEvent, VoidRunError } from '../../bench/latency/audit.ts';
import { latencyBaseline, latencyBaselineOf } from '../../bench/latency/baseline.ts';
import { type Histograms, hopsOf, total } from '../../bench/latency/hops.ts';
import { openLoop } from '../../bench/latency/open-loop.ts';
import { keepsBudget, table } from '../../bench/latency/report.ts';
import { Latencies } from '../../bench/latency/summary.ts';
import { ALL_OTHERS } from '../../bench/processes.ts';
import { reported } from '../../cli/bench/latency.ts';
import { ROOT } from '../../cli/stack/programs.ts';
import { documentWith, DOCUMENTS, pictures, storedBots, storedReport } from '../../bench/table.ts';

/** The chain of a correlation as it should stand on the log. */
function chainOf(correlationId: string): LoggedEvent[] {
  return CHAIN.map((type, index) => ({
    correlationId,
    type,
    sequence: index + 1,
    eventId: `${correlationId}-${index + 1}`,
    causationId: index === 0 ? null : `${correlationId}-${index}`,
    occurredAt: null,
  }));
}

describe('what the latency benchmark measures', () => {
  it('gives percentiles in milliseconds, none above the highest', () => {
    const { count, mean, p50, p99, max } = Latencies.of(
      Array.from({ length: 1_000 }, (_, index) => index + 1),
    );
    expect(count).toBe(1_000);
    expect(mean / 500.5).toBeCloseTo(1, 2);
    expect(p50 / 500).toBeCloseTo(1, 2);
    expect(p99 / 990).toBeCloseTo(1, 2);
    expect(max / 1_000).toBeCloseTo(1, 2);
    const one = Latencies.of([446.9]);
    expect(one.p99).toBe(one.max);
  });

  it('starts work when it is due, whatever the work before it does', async () => {
    const due: number[] = [];
    await openLoop({ rate: 1_000, count: 20 }, (index, dueAt) => {
      expect(performance.now()).toBeGreaterThanOrEqual(dueAt);
      due[index] = dueAt;
    });
    expect(due).toHaveLength(20);
    const gaps = due.slice(1).map((at, index) => at - (due[index] ?? 0));
    for (const gap of gaps) expect(gap).toBeCloseTo(1, 6);
  });

  it('adds a metric up over its labels, and takes no other of a longer name', () => {
    const text = 'a_sum{x="1"} 2\na_sum{x="2"} 3\na_sum_total 9\nb_sum 7\n';
    expect(total(text, 'a_sum')).toBe(5);
    expect(total(text, 'b_sum')).toBe(7);
  });

  it('divides the mean into hops that add up to it', () => {
    const at = (sum: number, count: number) => ({ sum, count });
    const before: Histograms = {
      accepted: at(1, 10),
      handle: at(1, 30),
      append: at(1, 10),
      publish: at(1, 10),
      batch: at(10, 10),
    };
    const after: Histograms = {
      accepted: at(1.004, 12),
      handle: at(1.001, 36),
      append: at(1.006, 12),
      publish: at(1.002, 12),
      batch: at(12, 12),
    };
    const sample = { dueAt: 0, startedAt: 0.5, answeredAt: 4, takenAt: 3.5, readAt: 10 };
    const later = { dueAt: 10, startedAt: 10, answeredAt: 15, takenAt: 15, readAt: 22 };
    const hops = hopsOf([sample, later], before, after);
    const ms = Object.fromEntries(hops.parts.map((part) => [part.name, part.ms]));
    expect(ms).toEqual({
      send: 0.25,
      accept: 4.25,
      fetch: -0.25,
      handle: 0.5,
      'journal append': 3,
      publish: 1,
      remainder: 2.25,
    });
    const sum = hops.parts.reduce((whole, part) => whole + part.ms, 0);
    expect(sum).toBeCloseTo(hops.totalMs, 6);
    expect(hops).toMatchObject({ totalMs: 11, gatewayPublishMs: 2, batchRecords: 1 });
  });

  it('B-100 judges the median of POST to plan.created against 50 ms', () => {
    const at = (p50: number) => keepsBudget({ postToPlan: { ...Latencies.of([1]), p50 } });
    expect(at(49.99)).toBe(true);
    expect(at(50)).toBe(false);
  });

  it('B-100 B-110 keeps a run of a thousand intents and more that is within it', () => {
    const kept = storedReport();
    expect(kept.postToPlan.count).toBeGreaterThanOrEqual(1_000);
    expect(kept.plan.count).toBeGreaterThanOrEqual(1_000);
    expect(keepsBudget(kept)).toBe(true);
  });

  it('K-12 shows in the documents the tables and pictures of the results that were kept', () => {
    expect(DOCUMENTS).toContain('README.md');
    for (const file of DOCUMENTS) {
      const text = readFileSync(join(ROOT, file), 'utf8');
      expect(documentWith(file, text)).toBe(text);
    }
    for (const [file, svg] of pictures()) expect(readFileSync(join(ROOT, file), 'utf8')).toBe(svg);
  });

  it('shows of the runs of bots that were kept each share beside its goal', () => {
    const readme = readFileSync(join(ROOT, 'bench', 'README.md'), 'utf8');
    const [sdk, store] = storedBots();
    for (const { ratio, goal, nowait } of sdk.figures) {
      expect(readme).toContain(`${ratio} (goal ${goal})`);
      expect(nowait.p50).toBeLessThanOrEqual(0.05);
    }
    expect(store.plan.seconds).toBe(60);
    expect(store.steady.rowsPerSecond).toBeGreaterThanOrEqual(10_000);
  });
});

describe('a run of the latency benchmark is void', () => {
  const sound = [...chainOf('a'), ...chainOf('b')];
  const check = (events: readonly LoggedEvent[]) => () => checkChains(['a', 'b'], events);

  it('unless every chain is on the log, in whatever order it was read', () => {
    expect([...check(sound.toReversed())().keys()].sort()).toEqual(['a', 'b']);
  });

  it('when an event is missing, or there twice, or none was there', () => {
    expect(check(sound.filter(({ eventId }) => eventId !== 'b-4'))).toThrow(VoidRunError);
    expect(check([...sound, ...chainOf('b').slice(3)])).toThrow(VoidRunError);
    expect(check(chainOf('a'))).toThrow('b has nothing on the log');
  });

  it('when an event has another type, sequence or cause', () => {
    const changed = (change: Partial<LoggedEvent>) =>
      check(sound.map((event) => (event.eventId === 'b-4' ? { ...event, ...change } : event)));
    expect(changed({ type: 'plan.rejected' })).toThrow(VoidRunError);
    expect(changed({ sequence: 5 })).toThrow(VoidRunError);
    expect(changed({ causationId: 'b-2' })).toThrow(VoidRunError);
  });

  it('K-12 when its raw client takes more than twice its time in the baseline, and then nothing of it is kept', async () => {
    const said: string[] = [];
    const io = { out: (line: string) => said.push(line), err: (line: string) => said.push(line) };
    const kept = storedReport();
    const baseline = latencyBaselineOf(kept, null);
    const file = join(tmpdir(), `${crypto.randomUUID()}.json`);
    const at = (p50: number, cpu = kept.machine.cpu) =>
      reported(
        { ...kept, machine: { ...kept.machine, cpu }, twin: { ...kept.twin, p50 } },
        { file, judged: true, baseline },
        io,
      );
    await expect(at(2.1 * kept.twin.p50)).rejects.toThrow('the machine is busy, the run is void');
    expect(said).toEqual([]);
    expect(existsSync(file)).toBe(false);
    expect(await at(1.9 * kept.twin.p50)).toBe(0);
    expect(await at(9 * kept.twin.p50, 'another')).toBe(0);
    await rm(file);
  });

  it('K-12 by a baseline that keeps the rates that were not measured anew', () => {
    const kept = storedReport();
    const before = latencyBaselineOf({ ...kept, plan: { ...kept.plan, rate: 7 } }, null);
    expect(Object.keys(latencyBaselineOf(kept, before).twinP50)).toEqual(['7', '100']);
    expect(latencyBaseline()?.twinP50['100']).toBeGreaterThan(0);
    const other = { ...kept, machine: { ...kept.machine, cores: 99 } };
    expect(Object.keys(latencyBaselineOf(other, before).twinP50)).toEqual(['100']);
  });

  it('when something else was sent meanwhile, or two intents share a correlation', () => {
    expect(check([...sound, ...chainOf('c')])).toThrow('c was not sent here');
    expect(() => checkChains(['a', 'b', 'b'], sound)).toThrow(VoidRunError);
  });
});

it('says of the other work of the machine what is known, and that it is unknown when the sums do not fit', () => {
  const report = storedReport();
  const withOthers = (cpuMs: number): string =>
    table({
      ...report,
      costs: { ...report.costs, [ALL_OTHERS]: { cpuMs, rssMiB: 0, anonMiB: 0 } },
    });
  expect(withOthers(2_000)).toContain('other work of the machine took 10 % of them');
  expect(withOthers(-10)).toContain('other work of the machine took an unknown share');
  expect(withOthers(0)).toContain(`its load average was ${report.machine.loadBefore} before`);
});
