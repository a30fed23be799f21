import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { SdkReport } from '../../bench/bots/sdk.ts';
import { ROOT } from '../../cli/stack/programs.ts';

const RUN_MS = 240_000;

it(
  'K-11 K-12 measures both SDKs beside the clients they stand on, and counts what was sent',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-test-'));
    const file = join(folder, 'bots.json');
    const load = ['--count', '500', '--rounds', '1', '--given', '--no-goals', '--json', file];
    const args = [join(ROOT, 'cli', 'main.ts'), 'bench', 'bots', ...load];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: RUN_MS });
    const report = JSON.parse(await readFile(file, 'utf8')) as SdkReport;
    for (const language of ['TypeScript', 'Python']) {
      const figures = report.figures.find((each) => each.language === language);
      expect(figures?.sdkPerSecond).toBeGreaterThan(0);
      expect(figures?.rawPerSecond).toBeGreaterThan(0);
      expect(figures?.nowait.count).toBe(2_000);
      expect(stdout).toContain(`${language.padEnd(10)} ${figures?.sdkPerSecond} events/s`);
    }
    await rm(folder, { recursive: true });
  },
  RUN_MS,
);
