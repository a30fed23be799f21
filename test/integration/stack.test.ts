import { createServer } from 'node:net';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endChild, launch, untilReady } from '../../cli/stack/launch.ts';
import { freePort } from '../../cli/stack/ports.ts';
import { registryPart, registryUrl } from '../../cli/stack/registry.ts';
import { isAlive, RunFolder, type PartRecord } from '../../cli/stack/run-folder.ts';
import { Millrace, until } from '../support/millrace.ts';

let data = '';
let millrace: Millrace;

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'millrace-stack-'));
  millrace = new Millrace({ MILLRACE_DATA: data, REDIS_PORT: String(await freePort()) });
});

afterEach(async () => {
  await millrace.endAll();
  await rm(data, { recursive: true, force: true });
});

const redis = (): PartRecord => {
  const record = new RunFolder(data).read('redis');
  if (record === null) throw new Error('Nothing is known of redis.');
  return record;
};

describe('the registry', () => {
  it('gives a schema the same id after it was killed and started again', async () => {
    const part = registryPart({ port: await freePort(), folder: join(data, 'registry') });
    const logFile = join(data, 'registry.log');
    const url = `${registryUrl(part.port)}/subjects/kept-value/versions`;
    const register = async (schema: string): Promise<unknown> => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ schema });
      return (await fetch(url, { method: 'POST', headers, body })).json();
    };
    const life = async (
      signal: 'SIGKILL' | 'SIGTERM',
      ...schemas: string[]
    ): Promise<unknown[]> => {
      const running = await launch(part.name, await part.prepare(), logFile);
      try {
        await untilReady(part, running, { logFile });
        const ids: unknown[] = [];
        for (const schema of schemas) ids.push(await register(schema));
        return ids;
      } finally {
        await endChild({ ...part, stopSignal: signal }, running);
      }
    };
    const [first, second] = await life('SIGKILL', '"string"', '"long"');
    expect(first).toEqual({ id: expect.any(Number) });
    const [again, third, same] = await life('SIGTERM', '"long"', '"double"', '"string"');
    expect([again, same]).toEqual([second, first]);
    expect([first, second]).not.toContainEqual(third);
  });
});

describe('millrace up', () => {
  it('names a busy port, its part and its variable, and starts nothing', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { code, err } = await millrace.run(['up', '--only', 'redis'], { REDIS_PORT: `${port}` });
    server.close();
    expect(err).toContain(`Port ${port} of redis is in use`);
    expect(err).toContain('REDIS_PORT');
    expect(code).toBe(2);
    expect(new RunFolder(data).readAll()).toEqual([]);
  });

  it('refuses a second one on the same data', async () => {
    await millrace.up(['--only', 'redis']);
    const { code, err } = await millrace.run(['up', '--only', 'redis']);
    expect(err).toMatch(/already runs/);
    expect(code).toBe(2);
    expect(isAlive(redis())).toBe(true);
  });

  it('stops a part by hand, leaves it stopped, and starts it with its data', async () => {
    await millrace.up(['--only', 'redis']);
    const before = redis();
    expect((await millrace.run(['stack', 'stop', 'redis'])).code).toBe(0);
    expect(isAlive(before)).toBe(false);
    const status = await millrace.run(['stack', 'status', '--json']);
    expect(JSON.parse(status.out)).toMatchObject({ parts: [{ part: 'redis', state: 'stopped' }] });
    expect(status.code).toBe(1);
    expect((await millrace.run(['stack', 'start', 'redis'])).code).toBe(0);
    expect(isAlive(redis())).toBe(true);
    expect((await millrace.run(['stack', 'status'])).code).toBe(0);
  });

  it('starts again what was killed, and says so in a line', async () => {
    const up = await millrace.up(['--only', 'redis']);
    const { pid } = redis();
    process.kill(pid ?? 0, 'SIGKILL');
    await until('redis runs again', () => redis().state === 'running' && redis().pid !== pid);
    expect(up.out()).toMatch(/^redis +died .*SIGKILL; starts again in 1 s/m);
    expect(redis().restarts).toBe(1);
  });

  it('leaves no process after SIGTERM', async () => {
    const up = await millrace.up(['--only', 'redis']);
    const record = redis();
    up.child.kill('SIGTERM');
    expect(await up.exit).toBe(0);
    expect(isAlive(record)).toBe(false);
    const after = await millrace.run(['stack', 'status', '--json']);
    expect(JSON.parse(after.out)).toEqual({ running: false, pid: null, parts: [] });
    expect(after.code).toBe(2);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('ends with npm when that gets %s', async (signal) => {
    const npm = await millrace.npmStart(['--only', 'redis']);
    const record = redis();
    npm.child.kill(signal);
    await until('redis has ended', () => !isAlive(record));
    await until('the supervisor has ended', () => new RunFolder(data).supervisor() === null);
  });

  it('waits for one that is stopping', async () => {
    const first = await millrace.up(['--only', 'redis']);
    first.child.kill('SIGTERM');
    await until('stopping', () => new RunFolder(data).supervisor()?.state !== 'running');
    await millrace.up(['--only', 'redis']);
    expect(await first.exit).toBe(0);
    expect(isAlive(redis())).toBe(true);
  });

  it('finds and stops what a killed one left', async () => {
    const first = await millrace.up(['--only', 'redis']);
    const left = redis();
    first.child.kill('SIGKILL');
    await first.exit;
    expect(isAlive(left)).toBe(true);
    const second = await millrace.up(['--only', 'redis']);
    expect(second.out()).toContain(`pid ${left.pid} of an earlier start`);
    expect(isAlive(left)).toBe(false);
    expect(isAlive(redis())).toBe(true);
  });

  it('keeps its data until reset, which refuses while it runs', async () => {
    const up = await millrace.up(['--only', 'redis']);
    expect((await millrace.run(['reset'])).code).toBe(2);
    up.child.kill('SIGTERM');
    await up.exit;
    await expect(readFile(join(data, 'log', 'redis.log'), 'utf8')).resolves.not.toBe('');
    expect((await millrace.run(['reset'])).code).toBe(0);
    expect(existsSync(data)).toBe(false);
  });

  it('wipes local stores and the marks of imports too, and nothing of anybody else', async () => {
    for (const folder of ['state/trading/0', 'import', 'photographs']) {
      await mkdir(join(data, folder), { recursive: true });
      await writeFile(join(data, folder, 'file'), 'x');
    }
    const { code, out } = await millrace.run(['reset', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
      folder: data,
      wiped: ['import', 'state'],
      left: ['photographs'],
    });
    expect(await readdir(data)).toEqual(['photographs']);
  });
});
