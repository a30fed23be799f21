import { runStarts, startFigures, startTable } from '../../bench/start/run.ts';
import { plainBenchmark } from './plain-benchmark.ts';

export const start = plainBenchmark({
  name: 'start',
  summary: 'how long the local system takes to be ready, and to end',
  about: `The local system on an empty data folder of its own and again on the same one, on free ports, by part. Exit code 1: a goal of
bench/goals.json is missed; 3: it did not become ready.`,
  usual: { rounds: 3 },
  goals: 'start',
  async measure(plan, tell) {
    const report = await runStarts(plan, tell);
    return { lines: startTable(report).split('\n'), report, figures: startFigures(report) };
  },
});
