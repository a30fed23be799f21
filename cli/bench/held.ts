import { parseArgs } from 'node:util';
import { heldFigures, heldTable, type HeldPlan, runHeld } from '../../bench/chain/held.ts';
import { SYSTEMS } from '../../bench/chain/systems.ts';
import { USUAL_SHAPE } from '../../bench/chain/work.ts';
import { fetchPeers } from '../../bench/peers/fetch.ts';
import type { Benchmark } from './benchmark.ts';
import { judged } from './judged.ts';
import { choices, positive } from './number-option.ts';

const PLAN: HeldPlan = {
  systems: ['twin', 'millrace', 'streams-eos-fast', 'streams-eos', 'kafkajs'],
  from: 1_000,
  most: 64_000,
  secondsPerRate: 10,
  warmUp: 4_000,
  shape: USUAL_SHAPE,
};

export const held: Benchmark = {
  summary: 'the highest rate at which p99 stays under a second, of each system',
  usage: `
Usage: millrace bench held [--systems a,b] [--seconds 10] [--from 1000] [--most 64000] [--warm-up 4000] [--json <file>]

The chain of bench engine under an open load that doubles until p99 is a second or more, and then closes in. Outputs are checked;
exit code 3: the run is void. Systems: ${Object.keys(SYSTEMS).join(', ')}.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        systems: { type: 'string', default: PLAN.systems.join() },
        seconds: { type: 'string', default: String(PLAN.secondsPerRate) },
        from: { type: 'string', default: String(PLAN.from) },
        most: { type: 'string', default: String(PLAN.most) },
        'warm-up': { type: 'string', default: String(PLAN.warmUp) },
        json: { type: 'string' },
      },
    });
    const plan: HeldPlan = {
      ...PLAN,
      systems: choices('systems', values.systems, Object.keys(SYSTEMS)),
      secondsPerRate: positive('seconds', values.seconds),
      from: positive('from', values.from),
      most: positive('most', values.most),
      warmUp: positive('warm-up', values['warm-up']),
    };
    return judged(io, { goals: [], file: values.json }, async () => {
      await fetchPeers(plan.systems, io.err);
      const report = await runHeld(plan, io.err);
      return { lines: heldTable(report).split('\n'), report, figures: heldFigures(report) };
    });
  },
};
