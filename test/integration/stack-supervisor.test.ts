import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isHealthy } from '../../cli/stack/app-part.ts';
import { Keeper } from '../../cli/stack/keeper.ts';
import type { News } from '../../cli/stack/news.ts';
import type { Part } from '../../cli/stack/part.ts';
import { freePort } from '../../cli/stack/ports.ts';
import { isAlive, RunFolder, type PartRecord } from '../../cli/stack/run-folder.ts';
import { supervise, type LocalSystem } from '../../cli/stack/supervisor.ts';
import { until } from '../support/millrace.ts';

/** Serves /health, and notes its start and its end in a file. */
const STUB = `
const [name, port, diary] = process.argv.slice(1);
const note = (what) => require('node:fs').appendFileSync(diary, what + ' ' + name + '\\n');
if (name === 'stillborn') process.exit(7);
require('node:http').createServer((_, response) => response.end()).listen(Number(port), '127.0.0.1', () => note('start'));
process.on('SIGINT', () => note('interrupted'));
process.on('SIGTERM', () => { note('end'); process.exit(0); });
`;

let data = '';
let stop: AbortController;
let news: News[] = [];
let running: Promise<void> = Promise.resolve();

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'millrace-supervisor-'));
  stop = new AbortController();
  news = [];
});

afterEach(async () => {
  stop.abort();
  await running.catch(() => undefined);
  await rm(data, { recursive: true, force: true });
});

async function stub(name: string): Promise<Part> {
  const port = await freePort();
  const args = ['-e', STUB, name, String(port), join(data, 'diary')];
  return {
    name,
    port,
    portVariable: 'STUB_PORT',
    stopSignal: 'SIGTERM',
    prepare: async () => ({ file: process.execPath, args }),
    probe: () => isHealthy(port),
  };
}

async function system(parts: Partial<LocalSystem>): Promise<LocalSystem> {
  return {
    dataFolder: data,
    given: [],
    servers: [],
    apply: null,
    apps: [],
    ready: async () => undefined,
    ...parts,
  };
}

const diary = async (): Promise<string[]> =>
  (await readFile(join(data, 'diary'), 'utf8')).trim().split('\n');

function start(parts: LocalSystem): Promise<void> {
  running = supervise(parts, { stop: stop.signal, tell: (item) => news.push(item) });
  return running;
}

describe('the supervisor', () => {
  it('starts servers, applies, starts apps, and ends apps before servers', async () => {
    const seen: string[] = [];
    const parts = await system({
      servers: [await stub('server')],
      apps: [await stub('app')],
      apply: async () => {
        seen.push(...(await diary()), 'apply');
        return 'all';
      },
      ready: async () => void seen.push(...(await diary()), 'ready'),
    });
    const done = start(parts);
    await until('ready', () => seen.includes('ready'));
    expect(seen).toEqual(['start server', 'apply', 'start server', 'start app', 'ready']);
    stop.abort();
    await done;
    expect((await diary()).slice(2)).toEqual(['end app', 'end server']);
  });

  it('ends everything when an app cannot start, and says which and where its log is', async () => {
    const server = await stub('server');
    const parts = await system({ servers: [server], apps: [await stub('stillborn')] });
    await expect(start(parts)).rejects.toThrow(
      /stillborn ended with exit code 7 .*log.stillborn\.log/,
    );
    expect(await diary()).toEqual(['start server', 'end server']);
    expect(new RunFolder(data).readAll()).toEqual([]);
    expect(new RunFolder(data).supervisor()).toBeNull();
  });

  it('ends everything when the apply step fails', async () => {
    const parts = await system({
      servers: [await stub('server')],
      apps: [await stub('app')],
      apply: () => Promise.reject(new Error('a topic differs')),
    });
    await expect(start(parts)).rejects.toThrow('a topic differs');
    expect(await diary()).toEqual(['start server', 'end server']);
  });

  it('starts an app again that was killed, alone', async () => {
    const parts = await system({ servers: [await stub('server')], apps: [await stub('app')] });
    const done = start(parts);
    const run = new RunFolder(data);
    await until('app runs', () => run.read('app')?.state === 'running');
    const before = run.read('app');
    process.kill(before?.pid ?? 0, 'SIGKILL');
    await until('app runs again', () => run.read('app')?.restarts === 1);
    await until('it answers', () => run.read('app')?.state === 'running');
    expect(before !== null && isAlive(before)).toBe(false);
    expect(run.read('server')?.restarts).toBe(0);
    expect(news.map(({ part, what }) => `${part} ${what}`)).toEqual([
      'server ready',
      'app ready',
      'app died',
      'app ready',
    ]);
    stop.abort();
    await done;
  });

  it('leaves stopped what was stopped by hand, while another part dies and lives again', async () => {
    const parts = await system({ servers: [await stub('server')], apps: [await stub('app')] });
    const done = start(parts);
    const run = new RunFolder(data);
    await until('app runs', () => run.read('app')?.state === 'running');
    run.markStopped('app');
    await until('app is stopped', () => run.read('app')?.state === 'stopped');
    process.kill(run.read('server')?.pid ?? 0, 'SIGKILL');
    await until('server died', () => run.read('server')?.state === 'waiting');
    await until('server runs again', () => run.read('server')?.state === 'running');
    expect(run.read('app')).toMatchObject({ state: 'stopped', pid: null, restarts: 0 });
    run.clearStopped('app');
    await until('app runs again', () => run.read('app')?.state === 'running');
    stop.abort();
    await done;
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    'leaves no process when the end is wanted %d turns after it became ready',
    async (turns) => {
      const app = await stub('app');
      const run = new RunFolder(data);
      const logFile = join(data, 'app.log');
      let record: PartRecord | null = null;
      const atOnce = Promise.resolve();
      const ended = new Promise<void>((resolve, reject) => {
        const endSoon = async (): Promise<void> => {
          for (let turn = 0; turn < turns; turn += 1) await atOnce;
          await keeper.end();
        };
        const finish = async (): Promise<void> => {
          record = run.read('app');
          endSoon().then(resolve, reject);
        };
        const options = { run, logFile, tell: () => undefined };
        const keeper = new Keeper({ ...app, finish }, options);
        keeper.start().catch(reject);
      });
      await ended;
      expect(record).not.toBeNull();
      expect(record !== null && isAlive(record)).toBe(false);
    },
  );

  it('can be stopped in the middle of a start', async () => {
    const slow = await stub('slow');
    const done = start(await system({ servers: [{ ...slow, probe: async () => false }] }));
    const run = new RunFolder(data);
    await until('slow has a process', () => (run.read('slow')?.pid ?? null) !== null);
    const record = run.read('slow');
    stop.abort();
    await done;
    expect(record !== null && isAlive(record)).toBe(false);
  });

  it('gives its parts process groups of their own, which a Ctrl-C does not reach', async () => {
    const done = start(await system({ apps: [await stub('app')] }));
    const run = new RunFolder(data);
    await until('app runs', () => run.read('app')?.state === 'running');
    const stat = await readFile(`/proc/${run.read('app')?.pid}/stat`, 'utf8');
    const [, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    expect(Number(group)).toBe(run.read('app')?.pid);
    stop.abort();
    await done;
  });
});
