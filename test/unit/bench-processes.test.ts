import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ROOT } from '../../cli/stack/programs.ts';

/* A benchmark that is asked to end, as a process of its own: what it started has ended when it has. */

let folder: string;
let data: string;
let file: (name: string) => string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-signals-test-'));
  data = join(folder, 'data');
  file = (name) => join(folder, name);
});

afterEach(async () => {
  for (const pid of await left()) process.kill(pid, 'SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** Ids of the processes whose command line names this test's folder. */
async function left(): Promise<readonly number[]> {
  const found: number[] = [];
  for (const pid of await readdir('/proc')) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(folder)) found.push(Number(pid));
  }
  return found;
}

/** A server that says who it is and that it was asked, and takes its time to end. */
const server = (name: string): string => `
  const { writeFileSync } = require('node:fs');
  process.on('SIGTERM', () => {
    writeFileSync(${JSON.stringify(file(`${name}-asked`))}, '');
    setTimeout(() => process.exit(0), 400);
  });
  writeFileSync(${JSON.stringify(file(name))}, '');
  setInterval(() => undefined, 1_000);`;

const url = (path: string): string => JSON.stringify(join(ROOT, 'bench', path));

/** A benchmark with a child and a server; `prepare` is run before the server is spawned. */
async function benchmark(prepare = ''): Promise<ChildProcess> {
  await writeFile(
    file('bench.mjs'),
    `import { spawn } from 'node:child_process';
     import { once } from 'node:events';
     import { existsSync } from 'node:fs';
     import { Processes } from ${url('processes.ts')};
     import { holdChild } from ${url('signals.ts')};
     const args = (text) => ['-e', text];
     holdChild(spawn(process.execPath, args(${JSON.stringify(server('child'))})));
     const processes = new Processes(${JSON.stringify(data)});
     await processes.begin({
       name: 'part', port: 0, portVariable: '', stopSignal: 'SIGTERM',
       prepare: async () => {
         ${prepare}
         return { file: process.execPath, args: args(${JSON.stringify(server('part'))}) };
       },
       probe: async () => existsSync(${JSON.stringify(file('part'))}),
     }).catch(() => processes.stop());
     setInterval(() => undefined, 1_000);`,
  );
  return spawn(process.execPath, [file('bench.mjs')], { stdio: 'ignore' });
}

const until = (name: string) =>
  vi.waitUntil(() => existsSync(file(name)), { timeout: 20_000, interval: 10 });

async function expectNothingLeft(): Promise<void> {
  expect(await left()).toEqual([]);
  expect(existsSync(data)).toBe(false);
}

describe('a benchmark that a signal asks to end', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'K-12 ends what it started before itself, also when %s comes twice',
    async (signal) => {
      const bench = await benchmark();
      const closed = once(bench, 'close');
      await Promise.all([until('part'), until('child')]);
      bench.kill(signal);
      await until('part-asked');
      bench.kill(signal);
      expect(await closed).toEqual([1, null]);
      expect(existsSync(file('child-asked'))).toBe(true);
      await expectNothingLeft();
    },
  );

  it('K-12 waits for what prepares a server, as initdb does, and starts it no more', async () => {
    const initdb = JSON.stringify(`setTimeout(() => undefined, 600); // ${data}`);
    const bench = await benchmark(`
      process.kill(process.pid, 'SIGTERM');
      await once(spawn(process.execPath, args(${initdb})), 'close');`);
    expect(await once(bench, 'close')).toEqual([1, null]);
    expect(existsSync(file('part'))).toBe(false);
    await expectNothingLeft();
  });
});
