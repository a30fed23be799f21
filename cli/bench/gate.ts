import { parseArgs } from 'node:util';
import { type ChainPlan, runChain } from '../../bench/chain/run.ts';
import { USUAL_SHAPE } from '../../bench/chain/work.ts';
import {
  type Baseline,
  baselineOf,
  isComparable,
  readBaseline,
  regressions,
  voidWhereSlow,
  writeBaseline,
} from '../../bench/gate.ts';
import type { ExitCode, Io } from '../command.ts';
import type { Benchmark } from './benchmark.ts';
import { voidable } from './judged.ts';
import { positive } from './number-option.ts';

const PLAN: ChainPlan = {
  systems: ['twin', 'millrace'],
  rates: [100, 1_000],
  secondsPerPhase: 10,
  rounds: 5,
  warmUp: 4_000,
  flatOut: 50_000,
  shape: USUAL_SHAPE,
};

export const gate: Benchmark = {
  summary: 'whether this system got slower, by its ratios to the raw client',
  usage: `
Usage: millrace bench gate [--rounds 5] [--seconds 10] [--flat-out 50000] [--warm-up 4000] [--write]

Five interleaved rounds of this system and the raw client, against bench/baseline.json: exit code 1 where a ratio of latency got
worse by more than 20 % or of throughput by more than 15 %, and does so again in ten rounds. --write makes what was
measured the baseline. Exit code 3: the raw client was more than twice as slow as in the baseline, or outputs were wrong.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rounds: { type: 'string', default: String(PLAN.rounds) },
        seconds: { type: 'string', default: String(PLAN.secondsPerPhase) },
        'flat-out': { type: 'string', default: String(PLAN.flatOut) },
        'warm-up': { type: 'string', default: String(PLAN.warmUp) },
        write: { type: 'boolean', default: false },
      },
    });
    const plan: ChainPlan = {
      ...PLAN,
      rounds: positive('rounds', values.rounds),
      secondsPerPhase: positive('seconds', values.seconds),
      flatOut: positive('flat-out', values['flat-out']),
      warmUp: positive('warm-up', values['warm-up']),
    };
    return voidable(io, () => (values.write ? renew(plan, io) : pass(plan, io)));
  },
};

async function renew(plan: ChainPlan, io: Io): Promise<ExitCode> {
  const baseline = baselineOf(await runChain(plan, io.err));
  writeBaseline(baseline);
  show(baseline, io);
  return 0;
}

async function pass(plan: ChainPlan, io: Io): Promise<ExitCode> {
  const baseline = readBaseline();
  let found = await measured(plan, baseline, io);
  if (found.length > 0) {
    io.err(`${found.join('; ')}: once more, with twice as many rounds`);
    found = await measured({ ...plan, rounds: plan.rounds * 2 }, baseline, io);
  }
  for (const each of found) io.err(`slower: ${each}`);
  return found.length === 0 ? 0 : 1;
}

async function measured(plan: ChainPlan, baseline: Baseline, io: Io): Promise<readonly string[]> {
  const now = baselineOf(await runChain(plan, io.err));
  show(now, io);
  if (!isComparable(baseline, now)) {
    io.err(
      `The baseline is of ${baseline.cores} cores of ${baseline.cpu} and another work; this run is judged by nothing.`,
    );
    return [];
  }
  voidWhereSlow(baseline, now);
  return regressions(baseline, now);
}

function show({ p50, p99, flatOut, twinP50 }: Baseline, io: Io): void {
  for (const rate of Object.keys(p50))
    io.out(
      `${rate}/s: p50 ${p50[rate]}×, p99 ${p99[rate]}× of the raw client (p50 ${twinP50[rate]} ms)`,
    );
  io.out(`flat out: ${flatOut}× of the raw client`);
}
