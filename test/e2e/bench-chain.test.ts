import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ChainReport } from '../../bench/chain/report.ts';
import { ROOT } from '../../cli/stack/programs.ts';

const RUN_MS = 240_000;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-bench-test-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

it(
  'K-12 measures the chain at a rate and flat out beside a raw client, checked, and leaves nothing of it',
  async () => {
    const file = join(folder, 'engine.json');
    const load = ['--rates', '50', '--seconds', '1', '--rounds', '1', '--warm-up', '100'];
    const args = ['bench', 'engine', ...load, '--flat-out', '2000', '--keys', '20', '--json', file];
    await promisify(execFile)(process.execPath, [join(ROOT, 'cli', 'main.ts'), ...args], {
      env: { ...process.env, TMPDIR: folder },
      timeout: RUN_MS,
    });
    const report = JSON.parse(await readFile(file, 'utf8')) as ChainReport;
    for (const system of ['millrace', 'twin']) {
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
