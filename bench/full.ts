import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChainPlan, runChain } from './chain/run.ts';
import { chainLines } from './chain/report.ts';
import { type Shape, USUAL_SHAPE } from './chain/work.ts';
import { voidWhereMachineIsSlow } from './gate.ts';
import { commit } from './latency/machine.ts';
import { recoveryLines } from './recovery/report.ts';
import { type RecoveryPlan, runRecovery } from './recovery/run.ts';

/** A part of the whole comparison: short enough to be run by itself, with a result file of its own. */
export interface FullPart {
  readonly name: string;
  readonly plan: ChainPlan | RecoveryPlan;
}

export const RESULTS = join(import.meta.dirname, 'results', 'full');

/** Some twelve minutes with two systems beside the floor. */
const CHAIN: ChainPlan = {
  systems: [],
  rates: [8, 100, 500, 1_000, 2_000],
  secondsPerPhase: 20,
  rounds: 2,
  warmUp: 4_000,
  flatOut: 50_000,
  shape: USUAL_SHAPE,
};
const SHORT: ChainPlan = { ...CHAIN, rates: [100, 1_000] };
const RECOVERY: RecoveryPlan = {
  systems: ['millrace', 'streams-eos-fast'],
  kinds: ['restart', 'cold', 'takeover', 'standby', 'deploy'],
  keys: [0],
  rounds: 1,
  valueBytes: 250,
  partitions: 4,
  beforeS: 5,
  afterS: 25,
};

const chain = (name: string, systems: readonly string[], more: Partial<ChainPlan> = {}) => ({
  name,
  plan: { ...CHAIN, systems: ['twin', 'millrace', ...systems], ...more },
});
const shaped = (
  name: string,
  shape: Partial<Shape>,
  systems = ['twin', 'streams-eos-fast'],
  more: Partial<ChainPlan> = {},
) => ({
  name,
  plan: {
    ...SHORT,
    systems: ['millrace', ...systems],
    shape: { ...USUAL_SHAPE, ...shape },
    ...more,
  },
});

/** In the order in which they are run. */
export const PARTS: readonly FullPart[] = [
  chain('streams', ['streams-eos-fast', 'streams-alo']),
  chain('streams-default', ['streams-eos'], { rates: [100, 1_000] }),
  chain('kafkajs', ['kafkajs']),
  chain('kafkats', ['kafkats'], { rates: [8, 100], flatOut: 10_000 }),
  chain('restate', ['restate', 'restate-split'], { rates: [8, 100], flatOut: 10_000 }),
  chain('quix', ['quix', 'quix-alo'], { rates: [8, 100, 500] }),
  chain('split', ['millrace-split', 'streams-split', 'kafkajs-split'], { rates: [100, 500] }),
  shaped('value-1k', { valueBytes: 1_024 }),
  shaped('hot-key', { hot: true }),
  shaped('count', { work: 'count' }, ['streams-eos-fast', 'kafkajs', 'quix']),
  ...[10_000, 100_000, 1_000_000].map((keys) =>
    shaped(`keys-${keys}`, { keys }, [], { fill: true, rounds: 1 }),
  ),
  shaped('partitions-16', { partitions: 16 }, ['streams-eos-fast']),
  shaped('partitions-64', { partitions: 64 }, ['streams-eos-fast']),
  ...[0, 100_000, 1_000_000].map((keys) => ({
    name: `recovery-${keys}`,
    plan: { ...RECOVERY, keys: [keys], systems: keys > 100_000 ? ['millrace'] : RECOVERY.systems },
  })),
];

/** What a result is of: the code and the plan. Another commit or plan is another result. */
export function stampOf({ plan }: FullPart): string {
  return createHash('sha256')
    .update(JSON.stringify([commit(), plan]))
    .digest('hex');
}

/** Whether a part has its result of this commit and plan. */
export function isDone(part: FullPart, folder = RESULTS): boolean {
  const file = join(folder, `${part.name}.json`);
  if (!existsSync(file)) return false;
  return (JSON.parse(readFileSync(file, 'utf8')) as { stamp?: string }).stamp === stampOf(part);
}

/**
 * Runs a part and keeps its result, whole or not at all. Resolves with the lines to show.
 *
 * Throws: VoidRunError; PartError.
 */
export async function runPart(
  part: FullPart,
  tell: (line: string) => void,
  folder = RESULTS,
): Promise<readonly string[]> {
  const stamp = stampOf(part);
  const { report, lines } = await measured(part, tell);
  const file = join(folder, `${part.name}.json`);
  await mkdir(folder, { recursive: true });
  await writeFile(`${file}.making`, `${JSON.stringify({ stamp, ...report }, null, 2)}\n`);
  await rename(`${file}.making`, file);
  return lines;
}

async function measured({ plan }: FullPart, tell: (line: string) => void) {
  if ('kinds' in plan) {
    const report = await runRecovery(plan, tell);
    return { report, lines: recoveryLines(report) };
  }
  const report = await runChain(plan, tell);
  voidWhereMachineIsSlow(report);
  return { report, lines: chainLines(report) };
}
