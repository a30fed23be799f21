import { partsTable, runParts } from '../../bench/parts/run.ts';
import { plainBenchmark } from './plain-benchmark.ts';

const WARM_UP = 12_000;

export const parts = plainBenchmark({
  name: 'parts',
  summary: 'what an input of the chain costs the processor, part by part',
  about: `The work of the chain in one process and without a broker: read, handled, journaled, kept, published, and the same bytes by the
client library. Half a minute.`,
  usual: { inputs: 30_000, rounds: 5 },
  async measure(numbers, tell) {
    const report = await runParts({ ...numbers, warmUp: WARM_UP }, tell);
    return { lines: partsTable(report).split('\n'), report };
  },
});
