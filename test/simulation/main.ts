import { parseArgs } from 'node:util';
import { type Campaign, campaign, type Failure } from './campaign.ts';

/*
 * npm run simulate -- [--seeds 1000] [--seed 1] [--trace] [--no-shrink]
 * Exit 0: nothing wrong; 1: a seed failed, or a kind of fault never happened; 2: wrong use.
 */

/** So many seeds must show every kind of fault; fewer need not. */
const ENOUGH_SEEDS = 100;
const TRACE_LINES = 60;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
  },
});
const [first, seeds] = [Number(values.seed), Number(values.seeds)];
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(seeds) || seeds < 1) {
  console.error('--seed and --seeds are whole numbers: npm run simulate -- --seeds 1000 --seed 1');
  process.exit(2);
}
const startedAt = performance.now();
const result = await campaign(first, seeds, { shrinks: !values['no-shrink'] });
const seconds = (performance.now() - startedAt) / 1000;
report(result);
for (const failure of result.failures) tell(failure);
const never = [...result.fired].filter(([, times]) => times === 0).map(([kind]) => kind);
const isJudged = result.failures.length === 0 && seeds >= ENOUGH_SEEDS;
if (isJudged && never.length > 0) console.log(`Never happened: ${never.join(', ')}.`);
process.exitCode = result.failures.length > 0 || (isJudged && never.length > 0) ? 1 : 0;

function report({ counts, fired, seeds: done }: Campaign): void {
  console.log(`${done} seeds from ${first} in ${seconds.toFixed(1)} s`);
  console.log(
    `${counts.batches} valid batches, ${counts.voidBatches} void; ${counts.fences} fences; ` +
      `${counts.duplicates} outputs published again`,
  );
  for (const [kind, times] of fired) console.log(`${String(times).padStart(7)}  ${kind}`);
}

function tell({ plan, outcome, faults }: Failure): void {
  console.log(`\nSeed ${plan.seed} (${plan.deployment}) fails:`);
  for (const violation of outcome.violations) console.log(`- ${violation}`);
  console.log(`With ${plan.faults.length} of its ${faults} faults:`);
  for (const fault of plan.faults) console.log(`- ${JSON.stringify(fault)}`);
  const lines = values.trace ? outcome.trace : outcome.trace.slice(-TRACE_LINES);
  console.log(`Trace${values.trace ? '' : `, its last ${TRACE_LINES} lines`}:`);
  console.log(lines.join('\n'));
  console.log(`Again: npm run simulate -- --seed ${plan.seed} --seeds 1 --trace`);
}
