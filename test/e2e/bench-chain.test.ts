import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { BudgetsReport } from '../../bench/budgets.ts';
import type { HeldReport } from '../../bench/chain/held.ts';
import type { ProfileReport } from '../../bench/chain/profile.ts';
import type { ChainReport } from '../../bench/chain/report.ts';
import type { MemoryReport } from '../../bench/memory/run.ts';
import type { RecoveryReport } from '../../bench/recovery/report.ts';
import type { StartReport } from '../../bench/start/run.ts';
import type { SwapsReport } from '../../bench/trading/swaps.ts';
import { ROOT } from '../../cli/stack/programs.ts';

const RUN_MS = 240_000;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-bench-test-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function bench(...args: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [join(ROOT, 'cli', 'main.ts'), 'bench', ...args], {
    env: { ...process.env, TMPDIR: folder },
    timeout: RUN_MS,
  });
}

const read = async (name: string): Promise<unknown> =>
  JSON.parse(await readFile(join(folder, name), 'utf8'));

it(
  'K-12 measures budgets, trading, recoveries and memory, each in small, and leaves nothing of it',
  async () => {
    const to = (name: string) => ['--no-goals', '--json', join(folder, name)];
    const few = ['--rate', '20', '--count', '20', '--warm-up', '20'];
    await Promise.all([
      bench('budgets', ...few, '--backlog', '2000', '--seconds', '1', ...to('budgets.json')),
      bench(
        'recovery',
        '--systems',
        'millrace',
        '--kinds',
        'restart,deploy',
        '--keys',
        '50',
        '--seconds',
        '8',
        ...to('recovery.json'),
      ),
      bench(
        'trading',
        '--rates',
        '20',
        '--seconds',
        '1',
        '--warm-up',
        '20',
        '--swaps',
        '5',
        ...to('trading.json'),
      ),
      bench('memory', '--keys', '200', '--rate', '20', '--seconds', '6', ...to('memory.json')),
    ]);
    const budgets = (await read('budgets.json')) as BudgetsReport;
    expect(budgets.latency.project?.count).toBeGreaterThan(0);
    expect(budgets.priority.classes.critical.count).toBe(10);
    expect(budgets.priority.classes.low.count).toBe(2_000);
    const { recoveries } = (await read('recovery.json')) as RecoveryReport;
    expect(recoveries).toMatchObject([
      { system: 'millrace', kind: 'restart', keys: 50 },
      { system: 'millrace', kind: 'deploy', keys: 50 },
    ]);
    expect(recoveries[0]?.allMs).toBeGreaterThan(0);
    expect(recoveries[0]?.restore?.records).toBeGreaterThan(0);
    const { samples } = (await read('memory.json')) as MemoryReport;
    expect(samples.at(-1)?.anonMiB).toBeGreaterThan(10);
    const { swaps } = (await read('trading.json')) as { readonly swaps: SwapsReport };
    expect(swaps.postToCompleted.count).toBe(5);
    expect(swaps.raw.p50).toBeGreaterThan(0);
    expect((await readdir(folder)).sort()).toEqual([
      'budgets.json',
      'memory.json',
      'recovery.json',
      'trading.json',
    ]);
  },
  RUN_MS,
);

it(
  'K-12 measures the chain at a rate and flat out beside a raw client, checked, and leaves nothing of it',
  async () => {
    const file = join(folder, 'engine.json');
    const load = ['--rates', '50', '--seconds', '1', '--rounds', '1', '--warm-up', '100'];
    const work = ['--flat-out', '2000', '--keys', '20', '--systems', 'millrace,twin,kafkajs'];
    await bench('engine', ...load, ...work, '--json', file, '--no-goals');
    const report = JSON.parse(await readFile(file, 'utf8')) as ChainReport;
    for (const system of ['millrace', 'twin', 'kafkajs']) {
      const [phase] = report.latency.filter((each) => each.system === system);
      expect(phase?.count).toBe(50);
      expect(phase?.p50).toBeGreaterThan(0);
      const [flat] = report.flatOut.filter((each) => each.system === system);
      expect(flat?.inputsPerSecond).toBeGreaterThan(0);
      expect(flat?.rssMiB).toBeGreaterThan(0);
    }
    expect(await readdir(folder)).toEqual(['engine.json']);
  },
  RUN_MS,
);

it(
  'K-12 measures starts, the highest rate held and where a worker’s time goes, in small, and leaves nothing of it',
  async () => {
    await Promise.all([
      bench('start', '--rounds', '1', '--no-goals', '--json', join(folder, 'start.json')),
      bench(
        'held',
        ...['--systems', 'twin', '--from', '20', '--most', '20', '--seconds', '1'],
        ...['--warm-up', '20', '--json', join(folder, 'held.json')],
      ),
      bench(
        'profile',
        ...['--rate', '50', '--seconds', '2', '--warm-up', '50'],
        ...['--json', join(folder, 'profile.json')],
      ),
    ]);
    const { starts } = (await read('start.json')) as StartReport;
    expect(starts.map(({ kind }) => kind)).toEqual(['first', 'again']);
    for (const { readyMs, parts } of starts) {
      expect(readyMs).toBeGreaterThan(parts['kafka'] ?? Infinity);
      expect(Object.keys(parts)).toContain('coordinator');
    }
    const { held } = (await read('held.json')) as HeldReport;
    expect(held[0]?.tried.map(({ rate, p50 }) => [rate, p50 > 0])).toEqual([[20, true]]);
    const { busy, shares } = (await read('profile.json')) as ProfileReport;
    expect(busy).toBeGreaterThan(0);
    expect(shares.handle).toBeGreaterThan(0);
    expect(Object.values(shares).reduce((sum, share) => sum + share)).toBeCloseTo(1, 1);
    expect((await readdir(folder)).sort()).toEqual(['held.json', 'profile.json', 'start.json']);
  },
  RUN_MS,
);
