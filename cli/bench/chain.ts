import { parseArgs } from 'node:util';
import { chainFigures } from '../../bench/chain/figures.ts';
import { chainLines } from '../../bench/chain/report.ts';
import { type ChainPlan, runChain } from '../../bench/chain/run.ts';
import { SYSTEMS } from '../../bench/chain/systems.ts';
import { USUAL_SHAPE, type Work, WORKS } from '../../bench/chain/work.ts';
import { voidWhereMachineIsSlow } from '../../bench/gate.ts';
import { goalsOf } from '../../bench/goals.ts';
import { fetchPeers } from '../../bench/peers/fetch.ts';
import { type RecoveryReport, recoveryLines } from '../../bench/recovery/report.ts';
import { CAN_RECOVER, runRecovery } from '../../bench/recovery/run.ts';
import type { ExitCode, Io } from '../command.ts';
import type { Benchmark } from './benchmark.ts';
import { judged } from './judged.ts';
import { choices, numbers, positive } from './number-option.ts';
import { RECOVERY } from './recovery.ts';
import { variants } from './variant-option.ts';

const OPTIONS =
  '[--systems a,b] [--variant "name=--flag KEY=VALUE"]... [--rates 8,100] [--seconds N] [--rounds N] [--warm-up N] [--flat-out N] [--bytes N] [--keys N] [--hot] [--partitions N] [--work chain|count] [--recovery-keys N] [--json <file>] [--no-goals]';

const ENGINE: ChainPlan = {
  systems: ['millrace', 'twin'],
  rates: [8, 100, 1_000],
  secondsPerPhase: 20,
  rounds: 2,
  warmUp: 4_000,
  flatOut: 100_000,
  shape: USUAL_SHAPE,
};

const QUICK: ChainPlan = {
  ...ENGINE,
  systems: ['twin', 'millrace', 'streams-eos-fast'],
  secondsPerPhase: 30,
  rounds: 3,
};

const VARIANTS = `--variant is a system more: this one with settings over its own, or with Node flags alone in the place of those that
millrace run sets, as in --variant "debug=LOG_LEVEL=debug" --variant "young16=--max-semi-space-size=16".
--rates "" leaves the rates out, --flat-out 0 what is flat out.`;

export const engine: Benchmark = {
  summary: 'the chain of four events: latency at rates and flat out, beside a raw client',
  usage: `
Usage: millrace bench engine ${OPTIONS}

Three actors with state per key, one record in and three out, on a broker of the benchmark's own: intake to last event at
8, 100 and 1,000 a second, and flat out, each in interleaved rounds beside a raw client that does the same
hops. Every output is checked before a figure counts; exit code 1: a goal of bench/goals.json is missed, 3: the run is void.

${VARIANTS}`,
  run: (args, io) => measure('engine', ENGINE, args, io),
};

export const quick: Benchmark = {
  summary: 'the same chain beside Kafka Streams at its best setting',
  usage: `
Usage: millrace bench quick ${OPTIONS}

As bench engine, with Kafka Streams (fetched when it is not there), three rounds of 30 s a rate, and recovery with
100,000 keys: a member killed and started again, and one whose tasks another takes.
Systems: ${Object.keys(SYSTEMS).join(', ')}.

${VARIANTS}`,
  run: (args, io) => measure('quick', QUICK, args, io),
};

async function measure(
  name: 'engine' | 'quick',
  usual: ChainPlan,
  args: readonly string[],
  io: Io,
): Promise<ExitCode> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      systems: { type: 'string', default: usual.systems.join() },
      variant: { type: 'string', multiple: true, default: [] },
      rates: { type: 'string', default: usual.rates.join() },
      seconds: { type: 'string', default: String(usual.secondsPerPhase) },
      rounds: { type: 'string', default: String(usual.rounds) },
      'warm-up': { type: 'string', default: String(usual.warmUp) },
      'flat-out': { type: 'string', default: String(usual.flatOut) },
      bytes: { type: 'string', default: String(usual.shape.valueBytes) },
      keys: { type: 'string', default: String(usual.shape.keys) },
      hot: { type: 'boolean', default: usual.shape.hot },
      partitions: { type: 'string', default: String(usual.shape.partitions) },
      work: { type: 'string', default: usual.shape.work },
      json: { type: 'string' },
      'recovery-keys': { type: 'string', default: name === 'quick' ? '100000' : '0' },
      'no-goals': { type: 'boolean', default: false },
    },
  });
  const plan: ChainPlan = {
    systems: choices('systems', values.systems, Object.keys(SYSTEMS)),
    variants: variants('variant', values.variant),
    rates: values.rates === '' ? [] : numbers('rates', values.rates),
    secondsPerPhase: positive('seconds', values.seconds),
    rounds: positive('rounds', values.rounds),
    warmUp: positive('warm-up', values['warm-up']),
    flatOut: positive('flat-out', values['flat-out'], 0),
    shape: {
      valueBytes: positive('bytes', values.bytes),
      keys: positive('keys', values.keys),
      hot: values.hot,
      partitions: positive('partitions', values.partitions),
      work: workOf(values.work),
    },
  };
  const goals = values['no-goals'] ? [] : goalsOf(name);
  return judged(io, { goals, file: values.json }, async () => {
    if (name === 'quick') await fetchPeers(plan.systems, io.err);
    const report = await runChain(plan, io.err);
    voidWhereMachineIsSlow(report);
    const restored = values['recovery-keys'] === '0' ? null : await recoveries(values, io);
    const lines = [...chainLines(report), ...(restored ? ['', ...recoveryLines(restored)] : [])];
    return { lines, report: { ...report, recovery: restored }, figures: chainFigures(report) };
  });
}

/** The systems that keep a state, each killed and started again with what it has on its disk. */
function recoveries(
  values: { readonly systems: string; readonly 'recovery-keys': string },
  io: Io,
): Promise<RecoveryReport> {
  const systems = values.systems.split(',').filter((name) => CAN_RECOVER.includes(name));
  const keys = [positive('recovery-keys', values['recovery-keys'])];
  return runRecovery({ ...RECOVERY, systems, keys, kinds: ['restart', 'takeover'] }, io.err);
}

function workOf(name: string): Work {
  const [work = ''] = choices('work', name, Object.keys(WORKS));
  return work as Work;
}
