import { parseArgs } from 'node:util';
import { goalsOf } from '../../bench/goals.ts';
import { latencyBaseline, voidWhereLatencyIsSlow } from '../../bench/latency/baseline.ts';
import type { LatencyReport } from '../../bench/latency/report.ts';
import { runLatency } from '../../bench/latency/run.ts';
import { tradingLines } from '../../bench/trading/report.ts';
import { runSwaps } from '../../bench/trading/swaps.ts';
import type { Benchmark } from './benchmark.ts';
import { judged } from './judged.ts';
import { numbers, positive } from './number-option.ts';

export const trading: Benchmark = {
  summary: 'POST to plan.created at rates, and to exec.completed with swaps on a chain',
  usage: `
Usage: millrace bench trading [--rates 100,500] [--seconds 10] [--warm-up 2000] [--swap-rate 10] [--swaps 100] [--json <file>]
         [--no-goals]

POST → plan.created at each rate beside the raw client, and POST → exec.completed with swaps on anvil beside the bare viem; each
on servers of its own. Exit code 1: a goal of bench/goals.json is missed; 3: the run is void.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rates: { type: 'string', default: '100,500' },
        seconds: { type: 'string', default: '10' },
        'warm-up': { type: 'string', default: '2000' },
        'swap-rate': { type: 'string', default: '10' },
        swaps: { type: 'string', default: '100' },
        json: { type: 'string' },
        'no-goals': { type: 'boolean', default: false },
      },
    });
    const seconds = positive('seconds', values.seconds);
    const warmUp = positive('warm-up', values['warm-up']);
    const count = positive('swaps', values.swaps);
    const rate = positive('swap-rate', values['swap-rate']);
    const rates = numbers('rates', values.rates);
    const goals = values['no-goals'] ? [] : goalsOf('trading');
    return judged(io, { goals, file: values.json }, async () => {
      const latencies: (readonly [number, LatencyReport])[] = [];
      for (const each of rates) {
        const report = await runLatency({ rate: each, count: each * seconds, warmUp }, io.err);
        voidWhereLatencyIsSlow(report, latencyBaseline());
        latencies.push([each, report]);
      }
      const swaps = await runSwaps({ rate, count, warmUp: Math.ceil(count / 2) }, io.err);
      const figures = Object.fromEntries([
        ...latencies.flatMap(([each, { postToPlan }]) => [
          [`plan.${each}.p50`, postToPlan.p50],
          [`plan.${each}.p99`, postToPlan.p99],
        ]),
        ['swap.p50', swaps.postToCompleted.p50],
      ]) as Record<string, number>;
      const report = { latencies, swaps };
      return { lines: tradingLines(report), report, figures };
    });
  },
};
