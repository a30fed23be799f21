import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { LatencyReport } from '../../bench/latency/run.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const COUNT = 60;

it('K-12 B-100 measures POST to plan.created on a system of its own, beside a raw client', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-test-'));
  try {
    const file = join(folder, 'latency.json');
    const args = ['latency', '--rate', '30', '--count', String(COUNT), '--warm-up', '20'];
    const child = spawn(
      process.execPath,
      [join(ROOT, 'cli', 'main.ts'), 'bench', ...args, '--no-budget', '--json', file],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let err = '';
    child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()));
    child.stdout.resume();
    const [code] = (await once(child, 'close')) as [number | null];
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    const report = JSON.parse(await readFile(file, 'utf8')) as LatencyReport;
    const phases = [report.http, ...report.direct, ...report.twin];
    expect(phases).toHaveLength(5);
    for (const { toPlan, toAnswer } of phases) {
      expect(toPlan.count).toBe(COUNT);
      expect(toPlan.p50).toBeGreaterThan(0);
      expect(toAnswer.count).toBe(COUNT);
    }
    expect(report.hops['trading: journal append']).toBeGreaterThan(0);
    expect(report.costs['gateway']?.cpuMs).toBeGreaterThan(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);
