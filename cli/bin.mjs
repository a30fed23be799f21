#!/usr/bin/env node
// The millrace command: runs cli/main.ts of a clone, or what the package was built of it, on Node 24: this one, or that of
// the npm package `node` beside it, whatever Node the system has (20 or later).
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as modules from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NEEDED_MAJOR = 24;
/** Of an app's heap: what was made last, in MiB, twice over; else as much as 64, by the memory of the machine. */
const YOUNG_HEAP = '--max-semi-space-size=16';
const self = fileURLToPath(import.meta.url);
const root = join(dirname(self), '..');
const source = join(root, 'cli', 'main.ts');
const isClone = existsSync(source);
// Node runs no TypeScript under node_modules.
const main = isClone ? source : join(root, 'dist', 'cli', 'main.js');

if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) {
  if (process.argv[2] === 'run') boundHeap();
  // What was compiled once is not compiled again: a third of what a start takes.
  modules.enableCompileCache(isClone ? join(root, '.cache', 'node') : undefined);
  const { paceHeap, runCommandLine } = await import(pathToFileURL(main).href);
  if (process.argv[2] === 'run') paceHeap();
  await runCommandLine(process.argv.slice(2));
  // Else it would be kept when the process ends by itself, and one that is killed does not.
  modules.flushCompileCache();
} else {
  runOnOwnNode();
}

/** A process that runs for weeks takes what it needs, not what the machine has (docs/adr/032-memory-of-a-worker.md). */
function boundHeap() {
  const [option] = YOUNG_HEAP.split('=');
  const given = [...process.execArgv, process.env.NODE_OPTIONS].join(' ');
  if (given.includes(option) || process.platform === 'win32') return;
  // Known to a process from its start on only: so it starts once more, in its place and with its pid. Windows cannot.
  process.execve(process.execPath, [
    process.execPath,
    ...process.execArgv,
    YOUNG_HEAP,
    self,
    ...process.argv.slice(2),
  ]);
}

function runOnOwnNode() {
  const packages = isClone ? join(root, 'node_modules') : join(root, '..');
  const node = join(packages, 'node', 'bin', 'node');
  if (!existsSync(node)) {
    const remedy = isClone
      ? 'Run node scripts/setup.mjs first.'
      : `Install Node ${NEEDED_MAJOR}, or run npm install node@${NEEDED_MAJOR} in this folder.`;
    console.error(`millrace runs on Node ${NEEDED_MAJOR}, and ${node} is not there. ${remedy}`);
    process.exit(2);
  }
  const child = spawn(node, [self, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A Ctrl-C reaches the child through the terminal too; it takes the second one as the first.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}
