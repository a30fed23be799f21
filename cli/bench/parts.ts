import { parseArgs } from 'node:util';
import { partsTable, runParts } from '../../bench/parts/run.ts';
import type { Benchmark } from './benchmark.ts';
import { judged } from './judged.ts';
import { positive } from './number-option.ts';

const INPUTS = 30_000;
const ROUNDS = 5;
const WARM_UP = 12_000;

export const parts: Benchmark = {
  summary: 'what an input of the chain costs the processor, part by part',
  usage: `
Usage: millrace bench parts [--inputs ${INPUTS}] [--rounds ${ROUNDS}] [--json <file>]

The work of the chain in one process and without a broker: read, handled, journaled, kept, published, and the same bytes by the
client library. Half a minute.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        inputs: { type: 'string', default: String(INPUTS) },
        rounds: { type: 'string', default: String(ROUNDS) },
        json: { type: 'string' },
      },
    });
    const plan = {
      inputs: positive('inputs', values.inputs),
      rounds: positive('rounds', values.rounds),
      warmUp: WARM_UP,
    };
    return judged(io, { goals: [], file: values.json }, async () => {
      const report = await runParts(plan, io.err);
      return { lines: partsTable(report).split('\n'), report, figures: {} };
    });
  },
};
