import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { VoidRunError } from '../../bench/latency/audit.ts';
import { recoveryLines } from '../../bench/recovery/report.ts';
import {
  CAN_RECOVER,
  type Kind,
  KINDS,
  type RecoveryPlan,
  runRecovery,
} from '../../bench/recovery/run.ts';
import type { Benchmark } from './benchmark.ts';
import { choices, numbers, positive } from './number-option.ts';

export const RECOVERY: RecoveryPlan = {
  systems: ['millrace', 'streams-eos-fast'],
  kinds: ['restart', 'cold', 'takeover', 'standby'],
  keys: [100_000],
  rounds: 1,
  valueBytes: 250,
  partitions: 4,
};

export const recovery: Benchmark = {
  summary: 'a member is killed under load: detected, assigned, first output, caught up',
  usage: `
Usage: millrace bench recovery [--systems a,b] [--kinds restart,cold,takeover,standby] [--keys 0,100000] [--rounds N]
         [--bytes N] [--partitions N] [--json <file>]

Count and emit with a state for each key, 100 inputs a second, and kill -9: a member that is started again with its disk or
without, or whose tasks another takes, with or without having followed. Copies of outputs are counted; a lost or misplaced
output makes the run void (exit code 3). Systems: ${CAN_RECOVER.join(', ')}.`,
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
        json: { type: 'string' },
      },
    });
    const plan: RecoveryPlan = {
      systems: choices('systems', values.systems, CAN_RECOVER),
      kinds: choices('kinds', values.kinds, KINDS) as readonly Kind[],
      keys: numbers('keys', values.keys, 0),
      rounds: positive('rounds', values.rounds),
      valueBytes: positive('bytes', values.bytes),
      partitions: positive('partitions', values.partitions),
    };
    try {
      const report = await runRecovery(plan, io.err);
      for (const line of recoveryLines(report)) io.out(line);
      if (values.json !== undefined)
        await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
      return 0;
    } catch (error) {
      if (!(error instanceof VoidRunError)) throw error;
      io.err(error.message);
      return 3;
    }
  },
};
