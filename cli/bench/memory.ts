import { memoryFigures, runMemory } from '../../bench/memory/run.ts';
import { plainBenchmark } from './plain-benchmark.ts';

export const memory = plainBenchmark({
  name: 'memory',
  summary: 'private memory of a worker with a million keys under load',
  about: `A worker whose actor keeps the last value of each key (some 300 bytes at --bytes 450), all keys known, under load: private
memory (RssAnon), which leaves out what the local store maps, and whether it grows. Exit code 1: a goal of bench/goals.json is
missed; 3: the run is void.`,
  usual: { keys: 1_000_000, bytes: 450, rate: 200, seconds: 600 },
  goals: 'memory',
  async measure({ keys, bytes: valueBytes, rate, seconds }, tell) {
    const report = await runMemory({ keys, valueBytes, rate, seconds }, tell);
    const figures = memoryFigures(report);
    const lines = [
      `${keys} keys, ${rate} inputs/s for ${seconds} s; MiB of private memory:`,
      `  first tenth ${figures['first']}, last tenth ${figures['last']}, most ${figures['anonMiB']}`,
    ];
    return { lines, report, figures };
  },
});
