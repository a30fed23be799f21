import { parseArgs } from 'node:util';
import { sdkMisses } from '../../bench/bots/goals.ts';
import { runSdk, sdkLines } from '../../bench/bots/sdk.ts';
import type { Benchmark } from './benchmark.ts';
import { judged } from './judged.ts';
import { positive } from './number-option.ts';

export const bots: Benchmark = {
  summary: 'the SDKs’ rates beside the clients they stand on',
  usage: `
Usage: millrace bench bots [--count 100000] [--rounds 5] [--given] [--no-goals] [--json <file>]

emit.nowait of both SDKs, spool included, beside the bare client with records of the same bytes, in rounds that alternate, on
servers of its own (--given: those that KAFKA_BROKERS and SCHEMA_REGISTRY_URL name). Exit code 1: an SDK has less than
its share of the bare client's rate (TypeScript 0.5, Python 0.3), or emit.nowait takes more than 50 µs p50 (--no-goals: that is
not judged); 3: the run is void.`,

  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        count: { type: 'string', default: '100000' },
        rounds: { type: 'string', default: '5' },
        given: { type: 'boolean', default: false },
        'no-goals': { type: 'boolean', default: false },
        json: { type: 'string' },
      },
    });
    const plan = {
      count: positive('count', values.count, 10),
      rounds: positive('rounds', values.rounds),
      given: values.given,
    };
    return judged(io, { goals: [], file: values.json }, async () => {
      const report = await runSdk(plan, io.err);
      const misses = values['no-goals'] ? [] : sdkMisses(report);
      return { lines: sdkLines(report), report, misses };
    });
  },
};
