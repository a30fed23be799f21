import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { LatencyReport } from '../../bench/latency/report.ts';
import { ROOT } from '../../cli/stack/programs.ts';

const COUNT = 60;
const RUN_MS = 180_000;
const SERVERS_AND_APPS = ['kafka', 'registry', 'gateway', 'trading', 'orchestrator', 'raw-twin'];

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-bench-test-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const spawnBench = (...args: readonly string[]) =>
  spawn(process.execPath, [join(ROOT, 'cli', 'main.ts'), 'bench', 'latency', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: folder },
  });

async function bench(...args: readonly string[]): Promise<{ code: number | null; err: string }> {
  const child = spawnBench(...args);
  let err = '';
  child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()));
  child.stdout.resume();
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, err };
}

/** Process ids of what has this test's folder in its environment. */
async function left(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (environment.includes(`TMPDIR=${folder}\0`)) found.push(pid);
  }
  return found;
}

it(
  'K-12 B-100 measures POST to plan.created on a system of its own, and leaves nothing of it',
  async () => {
    const file = join(folder, 'latency.json');
    const load = ['--rate', '50', '--count', String(COUNT), '--warm-up', '20'];
    const { code, err } = await bench(...load, '--no-budget', '--json', file);
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    const report = JSON.parse(await readFile(file, 'utf8')) as LatencyReport;
    const { postToPlan, postToAnswer, intakeToPlan, twin, rounds, hops, costs } = report;
    for (const series of [postToPlan, postToAnswer, intakeToPlan, twin]) {
      expect(series.count).toBe(COUNT);
      expect(series.p50).toBeGreaterThan(0);
      expect(series.max).toBeGreaterThanOrEqual(series.p99);
    }
    expect(postToPlan.p50).toBeGreaterThan(postToAnswer.p50);
    expect(rounds.map(({ what }) => what)).toEqual([
      'intakeToPlan',
      'intakeToPlan',
      'twin',
      'twin',
    ]);
    expect(hops.parts.find(({ name }) => name === 'journal append')?.ms).toBeGreaterThan(0);
    expect(Object.keys(costs)).toEqual(
      expect.arrayContaining([...SERVERS_AND_APPS, 'bench', 'all others']),
    );
    expect(await readdir(folder)).toEqual(['latency.json']);
    expect(await left()).toEqual([]);
  },
  RUN_MS,
);

it(
  'K-12 ends its servers when it is asked to end, also twice, while they start',
  async () => {
    const child = spawnBench();
    const ended = once(child, 'exit');
    // The benchmark itself, the broker and the registry at least.
    const patience = { timeout: 60_000, interval: 20 };
    await vi.waitUntil(async () => (await left()).length >= 3, patience);
    const started = (await left()).length;
    child.kill('SIGTERM');
    await vi.waitUntil(async () => (await left()).length < started, patience);
    child.kill('SIGTERM');
    expect(await ended).toEqual([1, null]);
    expect(await left()).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  },
  RUN_MS,
);

it('K-12 says what is wrong with its arguments, and starts nothing', async () => {
  expect((await bench('--rate', '0')).code).toBe(2);
  expect(await readdir(folder)).toEqual([]);
});
