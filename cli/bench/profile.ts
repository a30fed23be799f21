import { profileTable, runProfile } from '../../bench/chain/profile.ts';
import { USUAL_SHAPE } from '../../bench/chain/work.ts';
import { plainBenchmark } from './plain-benchmark.ts';

export const profile = plainBenchmark({
  name: 'profile',
  summary: 'what a worker does with its time at one rate',
  about: `This system alone on the chain of bench engine, under V8's sampling profiler: which part of its busy time goes where. Outputs are
checked; exit code 3: the run is void.`,
  usual: { rate: 1_000, seconds: 30, 'warm-up': 4_000 },
  async measure({ rate, seconds: secondsPerPhase, 'warm-up': warmUp }, tell) {
    const report = await runProfile({ rate, secondsPerPhase, warmUp, shape: USUAL_SHAPE }, tell);
    return { lines: profileTable(report).split('\n'), report };
  },
});
