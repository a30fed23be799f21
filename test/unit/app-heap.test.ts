import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { VARIED } from '../../bench/chain/systems.ts';
import { variantOf } from '../../bench/chain/variants.ts';

const BIN = join(import.meta.dirname, '..', '..', 'cli', 'bin.mjs');

/** Holds some 40 MB and makes garbage of what it held before; says how much of each generation the process had at most. */
const HUNGRY = `
import { getHeapSpaceStatistics } from 'node:v8';
const ring = new Array(500_000);
const most = { new_space: 0, old_space: 0 };
for (let at = 0; at < 4_000_000; at++) {
  ring[at % ring.length] = { at, text: 'text ' + at };
  if (at % 20_000 !== 0) continue;
  for (const { space_name: name, space_size: bytes } of getHeapSpaceStatistics())
    if (name in most) most[name] = Math.max(most[name], bytes / 2 ** 20);
}
console.log(JSON.stringify({ pid: process.pid, young: most.new_space, old: most.old_space }));
process.exit(0);
`;

const folder = mkdtempSync(join(tmpdir(), 'millrace-heap-'));
const file = join(folder, 'hungry.mjs');
writeFileSync(file, HUNGRY);
afterAll(() => rmSync(folder, { recursive: true }));

interface Said {
  readonly pid: number;
  /** MiB. */
  readonly young: number;
  readonly old: number;
}

const run = (flags: readonly string[], nodeOptions = '') =>
  saidOf([...flags, BIN, 'run', '--topology', file], nodeOptions);

async function saidOf(args: readonly string[], nodeOptions = '') {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, NODE_OPTIONS: nodeOptions },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { pid: child.pid, said: JSON.parse(output) as Said };
}

describe('the heap of an app', () => {
  it('is bounded by what the app needs, in the process that was started', async () => {
    const { pid, said } = await run([]);
    // 128 as V8 would have it on a machine of 24 GiB.
    expect(said.young).toBeLessThan(50);
    // 115, and 215 as V8 would have it.
    expect(said.old).toBeLessThan(165);
    expect(said.pid).toBe(pid);
  });

  it('has the young generation that was asked for', async () => {
    const option = '--max-semi-space-size=4';
    for (const { said } of [await run([option]), await run([], option)])
      expect(said.young).toBeLessThan(16);
  });

  it('has what a variant of the benchmark gives, and nothing else', async () => {
    const flags = ['--max-semi-space-size=4', '--heap-growing-percent=300'];
    const variant = variantOf(VARIED, { name: 'wide', flags, settings: {} });
    const { args } = variant.command({
      prefix: '',
      member: '',
      folder: '',
      work: 'chain',
      env: {},
    });
    const { said } = await saidOf([...args.slice(0, -1), file]);
    expect(said.young).toBeLessThan(16);
    // Below 140 as `millrace run` would have it.
    expect(said.old).toBeGreaterThan(170);
  });
});
