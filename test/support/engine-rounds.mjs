// `npm run fault:engine -- --rounds 50`: the runner's process killed at that many random moments.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '50' } } });
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) {
  console.error(`--rounds takes a whole number from 1, not '${values.rounds}'.`);
  process.exit(2);
}
const root = join(import.meta.dirname, '..', '..');
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const args = [vitest, 'run', '--project', 'servers', 'test/fault/engine-kill.test.ts'];
const child = spawn(process.execPath, [...args, '-t', 'random moments'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, ENGINE_ROUNDS: String(rounds) },
});
child.on('exit', (code) => process.exit(code ?? 1));
