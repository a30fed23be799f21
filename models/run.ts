// `npm run model [-- --quick] [--json] [--jobs N] [--only TEXT]`: compiles each configuration with spin and gcc, explores
// it, and prints a line for each. Exit code 1 when a rule does not hold, a canary finds nothing, a search was cut short, or spin or gcc
// is not there; with --quick that is said, and the models are left out.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { CANARIES } from './canaries.ts';
import { CONFIGURATIONS, type Configuration, type Defines } from './configurations.ts';
import {
  coverageText,
  type Found,
  judge,
  parsePan,
  readableTrace,
  type Search,
  type Verdict,
} from './pan-output.ts';

/** No path through these models is nearly as long; pan says so when one is, and the run fails. */
const DEPTH = 100_000;
const JOBS = 2;
const OUTPUT_BYTES = 1024 * 1024;
/**
 * How gcc builds the search. More than -O1 takes longer to compile than it saves: most searches take a second, and a canary's less.
 * Breadth first finds the shortest trace.
 */
const BUILD: Record<Search, readonly string[]> = {
  exhaustive: ['-O1'],
  canary: ['-O0', '-DBFS'],
  bitstate: ['-O1', '-DBITSTATE', '-DT_RAND'],
};
/** A sample has 2^32 bits, this seed, and a minute; and it says which statements it has not reached. */
const SAMPLE = ['-w32', '-RS20', '-Q1', '-v'];

type Result = Configuration & Partial<Found> & Verdict & { readonly trace: readonly string[] };

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      jobs: { type: 'string', default: String(JOBS) },
      only: { type: 'string', default: '' },
    },
  });
  const missing = ['spin', 'gcc'].filter(isMissing);
  if (missing.length > 0) return withoutPrograms(missing, values.quick);
  const waiting = [...CONFIGURATIONS, ...CANARIES].filter(
    (each) =>
      (!values.quick || each.isQuick === true) &&
      `${each.rules} ${each.name} ${each.off ?? ''}`.includes(values.only),
  );
  // A sample looks for a minute, and is worth what it gets of the processor: it comes last, when least runs beside it.
  waiting.sort(
    (one, other) => Number(one.search !== undefined) - Number(other.search !== undefined),
  );
  const results: Result[] = [];
  const startedAt = performance.now();
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const result = await explore(next);
      results.push(result);
      if (!values.json) print(result);
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, work));
  const failed = results.filter((result) => !result.isGood).length;
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  if (values.json) console.log(JSON.stringify({ seconds, failed, results }, null, 2));
  else console.log(`${results.length - failed} of ${results.length} as expected, ${seconds} s.`);
  return failed === 0 && results.length > 0 ? 0 : 1;
}

async function explore(configuration: Configuration): Promise<Result> {
  const { defines, off } = configuration;
  const search: Search = off === undefined ? (configuration.search ?? 'exhaustive') : 'canary';
  const model = join(import.meta.dirname, configuration.file);
  const macros = macrosOf(
    off === undefined ? defines : { ...defines, [off]: true, SHORTEST: true },
  );
  const folder = await mkdtemp(join(tmpdir(), 'millrace-model-'));
  try {
    await run('spin', ['-a', ...macros, model], folder);
    const flags = ['-w', '-DNOREDUCE', '-DSAFETY', ...BUILD[search]];
    await run('gcc', [...flags, '-o', 'pan', 'pan.c'], folder);
    const options = [`-m${DEPTH}`, ...(search === 'bitstate' ? SAMPLE : [])];
    const found = parsePan(await run(join(folder, 'pan'), options, folder));
    const trail = join(folder, `${basename(model)}.trail`);
    const isBroken = (found.errors ?? 0) > 0;
    const replay = ['-T', '-B', '-k', trail, ...macros, model];
    const trace = isBroken ? readableTrace(await run('spin', replay, folder)) : [];
    return { ...configuration, ...found, ...judge(found, search, trace), trace };
  } catch (error) {
    return { ...configuration, isGood: false, verdict: String(error), trace: [] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function macrosOf(defines: Defines): string[] {
  return Object.entries(defines).map(([name, value]) =>
    value === true ? `-D${name}` : `-D${name}=${value}`,
  );
}

function print(result: Result): void {
  const { isGood, rules, name, off, states = 0, depth = 0, seconds = 0 } = result;
  const what = off === undefined ? name : `without: ${name}`;
  const figures = `${states.toLocaleString('en')} states, depth ${depth}, ${seconds} s`;
  console.log(
    `${isGood ? 'ok  ' : 'FAIL'} ${rules.padEnd(12)} ${what}: ${result.verdict}; ${figures}`,
  );
  if (result.coverage !== undefined) console.log(`       ${coverageText(result.coverage)}`);
  for (const line of result.trace) console.log(`       ${line}`);
}

function isMissing(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined;
}

/** A quick run, which is a part of verify, leaves the models out where their programs cannot be installed; others fail. */
function withoutPrograms(missing: readonly string[], isQuick: boolean): number {
  const remedy = `apt-get install ${missing.join(' ')}`;
  const what = `${missing.join(' and ')} not there, and the models need it: ${remedy}`;
  if (isQuick) console.log(`left out: ${what}. npm run model, without --quick, insists on it.`);
  else console.error(what);
  return isQuick ? 0 : 1;
}

function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes) => (output = (output + String(bytes)).slice(-OUTPUT_BYTES)));
    child.on('error', reject);
    child.on('close', (code) => {
      // Pan and the replay of a trail may end in 1; what they printed decides.
      if (code === 0 || (code === 1 && program !== 'gcc' && !args.includes('-a'))) resolve(output);
      else reject(new Error(`${program} gave exit code ${code}: ${output.trim().slice(-1500)}`));
    });
  });
}

process.exitCode = await main();
