import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runCanary } from './canary.ts';
import { CANARIES } from './canary-list.ts';

/*
 * npm run simulate:canaries -- [--seeds 2000] [--rule J5] [--jobs N]
 * Exit 0: every canary was caught; 1: one was not, or its patch is out of date.
 */

const { values } = parseArgs({
  options: {
    // The rarest of them shows once in a thousand.
    seeds: { type: 'string', default: '2000' },
    rule: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
});
const chosen = CANARIES.filter(({ rule }) => values.rule === undefined || rule === values.rule);
const waiting = [...chosen];
let alive = 0;

async function work(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await look(next);
}

async function look(canary: (typeof CANARIES)[number]): Promise<void> {
  const startedAt = performance.now();
  const { isCaught, output } = await runCanary(canary, Number(values.seeds));
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const how = /^Seed \d+ .*\n.*/m.exec(output)?.[0].replace('\n', ' ');
  console.log(`${isCaught ? 'caught' : 'ALIVE '} ${canary.rule} ${canary.what} (${seconds} s)`);
  console.log(`       ${isCaught ? how : output.slice(-400)}`);
  if (!isCaught) alive += 1;
}

await Promise.all(Array.from({ length: Number(values.jobs) }, work));
console.log(`${chosen.length - alive} of ${chosen.length} canaries caught`);
process.exitCode = alive === 0 && chosen.length > 0 ? 0 : 1;
