import { parseArgs } from 'node:util';
import {
  runSettings,
  type SettingsPlan,
  settingsTable,
} from '../../bench/chain/streams-settings.ts';
import { USUAL_SHAPE } from '../../bench/chain/work.ts';
import { fetchPeers } from '../../bench/peers/fetch.ts';
import type { Benchmark } from './benchmark.ts';
import { judged } from './judged.ts';
import { numbers, positive } from './number-option.ts';

const PLAN: SettingsPlan = {
  commitMs: [1, 5, 10, 20, 50, 100],
  rates: [100, 1_000],
  secondsPerPhase: 10,
  warmUp: 3_000,
  shape: USUAL_SHAPE,
};

export const streamsSettings: Benchmark = {
  summary: 'the setting of Kafka Streams, exactly once, that the chain is done soonest with',
  usage: `
Usage: millrace bench streams-settings [--commits 1,5,10,20,50,100] [--rates 100,1000] [--seconds 10] [--warm-up 3000] [--json <file>]

Kafka Streams (fetched when it is not there) on the chain of bench engine, exactly_once_v2, at each commit interval; then two
threads, linger and how long it polls, each with the best of these; then together what helped. Outputs are checked; exit
code 3: the run is void. bench quick takes what bench/results/streams-settings.json calls the best.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        commits: { type: 'string', default: PLAN.commitMs.join() },
        rates: { type: 'string', default: PLAN.rates.join() },
        seconds: { type: 'string', default: String(PLAN.secondsPerPhase) },
        'warm-up': { type: 'string', default: String(PLAN.warmUp) },
        json: { type: 'string' },
      },
    });
    const plan: SettingsPlan = {
      ...PLAN,
      commitMs: numbers('commits', values.commits),
      rates: numbers('rates', values.rates),
      secondsPerPhase: positive('seconds', values.seconds),
      warmUp: positive('warm-up', values['warm-up']),
    };
    return judged(io, { goals: [], file: values.json }, async () => {
      await fetchPeers(['streams-eos'], io.err);
      const report = await runSettings(plan, io.err);
      return { lines: settingsTable(report).split('\n'), report };
    });
  },
};
