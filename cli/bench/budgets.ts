import { parseArgs } from 'node:util';
import { budgetFigures, budgetLines } from '../../bench/budgets.ts';
import { goalsOf } from '../../bench/goals.ts';
import { runLatency } from '../../bench/latency/run.ts';
import { runPriority } from '../../bench/priority/run.ts';
import type { Benchmark } from './benchmark.ts';
import { judged } from './judged.ts';
import { positive } from './number-option.ts';

export const budgets: Benchmark = {
  summary: 'latency budgets: pre-chain, per hop, and per class of sources',
  usage: `
Usage: millrace bench budgets [--rate 100] [--count 1000] [--warm-up 2000] [--backlog 50000] [--seconds 20] [--json <file>]
         [--no-goals]

POST → plan.created and its hops, plan.created → GET, and critical, high, normal and low work on a topic for each class, with
a backlog of low (--backlog) and a fifth as much normal work in front of it. Budgets stand in bench/goals.json; exit code 1
names each that is exceeded, 3: the run is void.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rate: { type: 'string', default: '100' },
        count: { type: 'string', default: '1000' },
        'warm-up': { type: 'string', default: '2000' },
        backlog: { type: 'string', default: '50000' },
        seconds: { type: 'string', default: '20' },
        json: { type: 'string' },
        'no-goals': { type: 'boolean', default: false },
      },
    });
    const load = {
      rate: positive('rate', values.rate),
      count: positive('count', values.count),
      warmUp: positive('warm-up', values['warm-up']),
    };
    const low = positive('backlog', values.backlog);
    const plan = {
      ...{ low, normal: Math.ceil(low / 5), rate: 10, valueBytes: 1_000 },
      seconds: positive('seconds', values.seconds),
    };
    const goals = values['no-goals'] ? [] : goalsOf('budgets');
    return judged(io, { goals, file: values.json }, async () => {
      const latency = await runLatency(load, io.err, { withReadModels: true });
      const priority = await runPriority(plan, io.err);
      const report = { latency, priority };
      return { lines: budgetLines(report), report, figures: budgetFigures(report) };
    });
  },
};
