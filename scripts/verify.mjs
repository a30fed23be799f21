#!/usr/bin/env node
// All that needs no servers, in two lanes beside each other: the fast tests take about as long as the rest together, so
// that two cores are busy to the end. Every step prints whole when it has ended, with its time; what failed stands in the
// last lines. Exit: 0 all is well, 1 otherwise.
import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';

const LANES = [
  [['test:fast']],
  [['lint'], ['format:check'], ['typecheck'], ['model', '--', '--quick']],
];

const secondsSince = (startedAt) => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;

/** Runs a script of package.json; resolves to its exit code and all that it printed. */
function run(script) {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', ['run', '--silent', ...script], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const printed = [];
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => printed.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, printed: Buffer.concat(printed) }));
  });
}

async function carryOut(lane) {
  const failed = [];
  for (const script of lane) {
    const startedAt = performance.now();
    const { code, printed } = await run(script);
    process.stdout.write(`\n== ${script.join(' ')}\n`);
    process.stdout.write(printed);
    console.log(
      `== ${script[0]}: ${code === 0 ? 'done' : `failed (${code})`} in ${secondsSince(startedAt)}`,
    );
    if (code !== 0) failed.push(script[0]);
  }
  return failed;
}

const startedAt = performance.now();
console.log(
  `verify        ${LANES.flat()
    .map(([name]) => name)
    .join(', ')} …`,
);
const failed = (await Promise.all(LANES.map(carryOut))).flat();
const outcome = failed.length === 0 ? 'all is well' : `failed: ${failed.join(', ')}`;
console.log(`\nverify        ${outcome}, ${secondsSince(startedAt)}`);
process.exitCode = failed.length === 0 ? 0 : 1;
