import { budgetFigures, budgetLines } from '../../bench/budgets.ts';
import { runLatency } from '../../bench/latency/run.ts';
import { runPriority } from '../../bench/priority/run.ts';
import { plainBenchmark } from './plain-benchmark.ts';

export const budgets = plainBenchmark({
  name: 'budgets',
  summary: 'latency budgets: pre-chain, per hop, and per class of sources',
  about: `POST → plan.created and its hops, plan.created → GET, and critical, high, normal and low work on a topic for each class, with
a backlog of low (--backlog) and a fifth as much normal work in front of it. Budgets stand in bench/goals.json; exit code 1
names each that is exceeded, 3: the run is void.`,
  usual: { rate: 100, count: 1_000, 'warm-up': 2_000, backlog: 50_000, seconds: 20 },
  goals: 'budgets',
  async measure({ rate, count, 'warm-up': warmUp, backlog: low, seconds }, tell) {
    const latency = await runLatency({ rate, count, warmUp }, tell, { withReadModels: true });
    const work = { low, normal: Math.ceil(low / 5), rate: 10, valueBytes: 1_000 };
    const priority = await runPriority({ ...work, seconds }, tell);
    const report = { latency, priority };
    return { lines: budgetLines(report), report, figures: budgetFigures(report) };
  },
});
