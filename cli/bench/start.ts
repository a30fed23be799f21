import { parseArgs } from 'node:util';
import { goalsOf } from '../../bench/goals.ts';
import { runStarts, startFigures, startTable } from '../../bench/start/run.ts';
import type { Benchmark } from './benchmark.ts';
import { judged } from './judged.ts';
import { positive } from './number-option.ts';

const ROUNDS = 3;

export const start: Benchmark = {
  summary: 'how long the local system takes to be ready, and to end',
  usage: `
Usage: millrace bench start [--rounds 3] [--json <file>] [--no-goals]

The local system on an empty data folder of its own and again on the same one, on free ports, by part. Exit code 1: a goal of
bench/goals.json is missed; 3: it did not become ready.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rounds: { type: 'string', default: String(ROUNDS) },
        json: { type: 'string' },
        'no-goals': { type: 'boolean', default: false },
      },
    });
    const plan = { rounds: positive('rounds', values.rounds) };
    const goals = values['no-goals'] ? [] : goalsOf('start');
    return judged(io, { goals, file: values.json }, async () => {
      const report = await runStarts(plan, io.err);
      return { lines: startTable(report).split('\n'), report, figures: startFigures(report) };
    });
  },
};
