import { parseArgs } from 'node:util';
import { goalsOf } from '../../bench/goals.ts';
import { memoryFigures, type MemoryPlan, runMemory } from '../../bench/memory/run.ts';
import type { Benchmark } from './benchmark.ts';
import { judged } from './judged.ts';
import { positive } from './number-option.ts';

export const memory: Benchmark = {
  summary: 'private memory of a worker with a million keys under load',
  usage: `
Usage: millrace bench memory [--keys 1000000] [--bytes 450] [--rate 200] [--seconds 600] [--json <file>] [--no-goals]

A worker whose actor keeps the last value of each key (some 300 bytes at --bytes 450), all keys known, under load: private
memory (RssAnon), which leaves out what the local store maps, and whether it grows. Exit code 1: a goal of bench/goals.json is
missed; 3: the run is void.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        keys: { type: 'string', default: '1000000' },
        bytes: { type: 'string', default: '450' },
        rate: { type: 'string', default: '200' },
        seconds: { type: 'string', default: '600' },
        json: { type: 'string' },
        'no-goals': { type: 'boolean', default: false },
      },
    });
    const plan: MemoryPlan = {
      keys: positive('keys', values.keys),
      valueBytes: positive('bytes', values.bytes),
      rate: positive('rate', values.rate),
      seconds: positive('seconds', values.seconds),
    };
    const goals = values['no-goals'] ? [] : goalsOf('memory');
    return judged(io, { goals, file: values.json }, async () => {
      const report = await runMemory(plan, io.err);
      const figures = memoryFigures(report);
      const lines = [
        `${plan.keys} keys, ${plan.rate} inputs/s for ${plan.seconds} s; MiB of private memory:`,
        `  first tenth ${figures['first']}, last tenth ${figures['last']}, most ${figures['anonMiB']}`,
      ];
      return { lines, report, figures };
    });
  },
};
