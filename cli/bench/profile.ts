import { parseArgs } from 'node:util';
import { profileTable, runProfile } from '../../bench/chain/profile.ts';
import { USUAL_SHAPE } from '../../bench/chain/work.ts';
import type { Benchmark } from './benchmark.ts';
import { judged } from './judged.ts';
import { positive } from './number-option.ts';

const RATE = 1_000;
const SECONDS = 30;
const WARM_UP = 4_000;

export const profile: Benchmark = {
  summary: 'what a worker does with its time at one rate',
  usage: `
Usage: millrace bench profile [--rate ${RATE}] [--seconds ${SECONDS}] [--warm-up ${WARM_UP}] [--json <file>]

This system alone on the chain of bench engine, under V8's sampling profiler: which part of its busy time goes where. Outputs are
checked; exit code 3: the run is void.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rate: { type: 'string', default: String(RATE) },
        seconds: { type: 'string', default: String(SECONDS) },
        'warm-up': { type: 'string', default: String(WARM_UP) },
        json: { type: 'string' },
      },
    });
    const plan = {
      rate: positive('rate', values.rate),
      secondsPerPhase: positive('seconds', values.seconds),
      warmUp: positive('warm-up', values['warm-up']),
      shape: USUAL_SHAPE,
    };
    return judged(io, { goals: [], file: values.json }, async () => {
      const report = await runProfile(plan, io.err);
      return { lines: profileTable(report).split('\n'), report, figures: {} };
    });
  },
};
