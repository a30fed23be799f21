import { parseArgs } from 'node:util';
import { goalsOf } from '../../bench/goals.ts';
import { recoveryFigures, recoveryLines } from '../../bench/recovery/report.ts';
import {
  CAN_RECOVER,
  type Kind,
  KINDS,
  type RecoveryPlan,
  runRecovery,
} from '../../bench/recovery/run.ts';
import type { Benchmark } from './benchmark.ts';
import { judged } from './judged.ts';
import { choices, numbers, positive } from './number-option.ts';

export const RECOVERY: RecoveryPlan = {
  systems: ['millrace', 'streams-eos-fast'],
  kinds: ['restart', 'cold', 'takeover', 'standby', 'deploy'],
  keys: [100_000],
  rounds: 1,
  valueBytes: 250,
  partitions: 4,
  beforeS: 5,
  afterS: 25,
};

export const recovery: Benchmark = {
  summary: 'a member is killed under load: detected, assigned, first output, caught up',
  usage: `
Usage: millrace bench recovery [--systems a,b] [--kinds restart,cold,takeover,standby,deploy] [--keys 0,100000] [--rounds N]
         [--bytes N] [--partitions N] [--seconds 25] [--json <file>] [--no-goals]

Count and emit with a state for each key, 100 inputs a second, and kill -9: a member that is started again with its disk or
without, or whose tasks another takes, with or without having followed; or a rolling deploy of two. Copies of outputs are counted; a lost or misplaced
output makes the run void (exit code 3); exit code 1: a goal of bench/goals.json is missed. Systems: ${CAN_RECOVER.join(', ')}.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        systems: { type: 'string', default: RECOVERY.systems.join() },
        kinds: { type: 'string', default: RECOVERY.kinds.join() },
        keys: { type: 'string', default: RECOVERY.keys.join() },
        rounds: { type: 'string', default: String(RECOVERY.rounds) },
        bytes: { type: 'string', default: String(RECOVERY.valueBytes) },
        partitions: { type: 'string', default: String(RECOVERY.partitions) },
        seconds: { type: 'string', default: String(RECOVERY.afterS) },
        json: { type: 'string' },
        'no-goals': { type: 'boolean', default: false },
      },
    });
    const plan: RecoveryPlan = {
      systems: choices('systems', values.systems, CAN_RECOVER),
      kinds: choices('kinds', values.kinds, KINDS) as readonly Kind[],
      keys: numbers('keys', values.keys, 0),
      rounds: positive('rounds', values.rounds),
      valueBytes: positive('bytes', values.bytes),
      partitions: positive('partitions', values.partitions),
      beforeS: RECOVERY.beforeS,
      afterS: positive('seconds', values.seconds),
    };
    const goals = values['no-goals'] ? [] : goalsFor(plan);
    return judged(io, { goals, file: values.json }, async () => {
      const report = await runRecovery(plan, io.err);
      return { lines: recoveryLines(report), report, figures: recoveryFigures(report) };
    });
  },
};

/** Only what the plan has to do with: a goal is of one kind and so many keys. */
function goalsFor({ systems, kinds, keys }: RecoveryPlan) {
  if (!systems.includes('millrace')) return [];
  return goalsOf('recovery').filter(({ of }) => {
    const [, kind = '', count = ''] = of.split('.');
    return kinds.some((each) => each === kind) && keys.includes(Number(count));
  });
}
