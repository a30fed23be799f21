import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nextPauseMs } from '../../cli/stack/keeper.ts';
import { serverProperties } from '../../cli/stack/kafka.ts';
import { formatNews } from '../../cli/stack/news.ts';
import { freePorts, isPortBusy } from '../../cli/stack/ports.ts';
import { identityOf, isSame, parseStat } from '../../cli/stack/process-identity.ts';
import { isAlive, parseRecord, RunFolder, type PartRecord } from '../../cli/stack/run-folder.ts';
import { dataFolderOf, stackSettings } from '../../cli/stack/settings.ts';

const RECORD: PartRecord = {
  part: 'kafka',
  state: 'running',
  pid: 4242,
  identity: 'boot:1',
  port: 19_092,
  since: 1,
  restarts: 0,
};

describe('a part’s record', () => {
  it('is what was written', () => {
    expect(parseRecord(JSON.stringify(RECORD))).toEqual(RECORD);
  });

  it.each(['', '{', 'null', '[]', '{"part":"kafka"}'])('is nothing when it reads %j', (text) => {
    expect(parseRecord(text)).toBeNull();
  });

  it.each([0, 1, -5, 1.5, '7'])('never names %j as the pid to end', (pid) => {
    expect(parseRecord(JSON.stringify({ ...RECORD, pid }))).toBeNull();
  });
});

describe('the run folder', () => {
  let data = '';
  beforeEach(() => {
    data = mkdtempSync(join(tmpdir(), 'millrace-run-'));
  });
  afterEach(() => rmSync(data, { recursive: true, force: true }));

  it('holds the bare pid of a part, for kill $(cat …)', () => {
    new RunFolder(data).write(RECORD);
    expect(readFileSync(join(data, 'run', 'kafka.pid'), 'utf8')).toBe('4242\n');
  });

  it('forgets a part whole', () => {
    const run = new RunFolder(data);
    run.write(RECORD);
    run.markStopped('kafka');
    run.forget('kafka');
    expect([run.read('kafka'), run.isMarkedStopped('kafka'), run.readAll()]).toEqual([
      null,
      false,
      [],
    ]);
  });

  it('knows a supervisor by pid and start, not by pid alone', () => {
    const run = new RunFolder(data);
    run.claim('running');
    expect(run.supervisor()?.pid).toBe(process.pid);
    run.write({ ...RECORD, part: 'supervisor', pid: process.pid, identity: 'of another process' });
    expect(run.supervisor()).toBeNull();
  });
});

describe('a process’ identity', () => {
  it('is the start time in the 22nd field, whatever the command is called', () => {
    const rest = Array.from({ length: 18 }, (_, index) => String(index)).join(' ');
    expect(parseStat(`77 (a) b) (c) S ${rest} 987654 0 0`)).toBe('987654');
  });

  it('is none for a process that has ended and was not reaped', () => {
    const rest = Array.from({ length: 18 }, () => '0').join(' ');
    expect(parseStat(`77 (node) Z ${rest} 987654 0`)).toBeNull();
  });

  it('is that of a child until it has ended', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const pid = child.pid ?? 0;
    const identity = identityOf(pid);
    expect(identity).not.toBeNull();
    expect(isSame(pid, identity ?? '')).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isAlive({ ...RECORD, pid, identity })).toBe(false);
  });
});

describe('ports', () => {
  it('are busy while something listens, on this address or on all', async () => {
    for (const host of ['127.0.0.1', '0.0.0.0']) {
      const server = createServer().listen(0, host);
      await once(server, 'listening');
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      expect(await isPortBusy(port)).toBe(true);
      server.close();
      await once(server, 'close');
      expect(await isPortBusy(port)).toBe(false);
    }
  });

  it('are different and below those of outgoing connections', async () => {
    const ports = await freePorts(20);
    expect(new Set(ports).size).toBe(20);
    for (const port of ports) expect(port).toBeLessThan(32_768);
  });
});

describe('the pause before a new start', () => {
  it('doubles from 1 s to 10 s', () => {
    const pauses = [0, 1, 2, 3, 4, 5].reduce<number[]>(
      (sofar) => [...sofar, nextPauseMs(sofar.at(-1) ?? 0, 100)],
      [],
    );
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });

  it('is 1 s again after 30 s alive', () => {
    expect(nextPauseMs(10_000, 30_000)).toBe(1_000);
    expect(nextPauseMs(8_000, 29_999)).toBe(10_000);
  });
});

describe('the environment of the stack', () => {
  it('gives apps the addresses of the local servers', async () => {
    const { env, given, dataFolder } = await stackSettings({ KAFKA_PORT: '29092', REDIS_URL: '' });
    expect(given).toEqual([]);
    expect(env).toMatchObject({
      KAFKA_BROKERS: '127.0.0.1:29092',
      SCHEMA_REGISTRY_URL: 'http://127.0.0.1:18081/apis/ccompat/v7',
      DATABASE_URL: 'postgres://millrace:millrace@127.0.0.1:15432/millrace',
      REDIS_URL: 'redis://127.0.0.1:16379',
      PORT: '3000',
      MILLRACE_DATA: dataFolder,
    });
  });

  it('lets each app log in as who it is, and only who migrates as the owner', async () => {
    const { envOf, config } = await stackSettings({});
    expect(envOf('coordinator')).toMatchObject({
      DATABASE_URL: 'postgres://millrace_coordinator:millrace_coordinator@127.0.0.1:15432/millrace',
      REDIS_URL: 'redis://millrace_coordinator:millrace_coordinator@127.0.0.1:16379',
      DATABASE_OWNER_URL: '',
    });
    expect(envOf('gateway')).toMatchObject({
      DATABASE_URL: 'postgres://millrace_reader:millrace_reader@127.0.0.1:15432/millrace',
      REDIS_URL: 'redis://millrace_gateway:millrace_gateway@127.0.0.1:16379',
      DATABASE_OWNER_URL: '',
    });
    expect(envOf('trading')['REDIS_URL']).toContain('//millrace_reader:');
    expect(config.stores.ownerDatabaseUrl).toContain('//millrace_owner:');
  });

  it('leaves a server alone that is given', async () => {
    const { given, env, envOf } = await stackSettings({
      DATABASE_URL: 'postgres://a:b@db.example/c',
      REDIS_URL: 'redis://cache.example:6379',
    });
    expect(given).toEqual(['postgres', 'redis']);
    expect(env['REDIS_URL']).toBe('redis://cache.example:6379');
    expect(envOf('gateway')).toMatchObject({
      DATABASE_URL: 'postgres://a:b@db.example/c',
      REDIS_URL: 'redis://cache.example:6379',
    });
  });

  it('tells apps of a local chain, and nothing of one without it', async () => {
    const { env, chain } = await stackSettings({ ANVIL_PORT: '28545' }, 'anvil');
    expect(chain).toMatchObject({ url: 'http://127.0.0.1:28545', port: 28_545, given: false });
    expect(env).toMatchObject({
      PLATFORM_MOCK_CHAIN: 'false',
      ETH_RPC_URL: 'http://127.0.0.1:28545',
      CHAIN_ID: '31337',
    });
    const mock = await stackSettings({ ANVIL_PORT: '28545' });
    expect(mock.chain).toBeNull();
    expect(mock.env['ETH_RPC_URL']).toBeUndefined();
  });

  it('leaves a chain alone that is given, and its trader', async () => {
    const key = `0x${'1'.repeat(64)}`;
    const given = { ETH_RPC_URL: 'http://chain.example:8545', SIGNER_PRIVATE_KEY: key };
    const { env, chain } = await stackSettings(given, 'anvil');
    expect(chain).toMatchObject({ url: 'http://chain.example:8545', given: true });
    expect(chain?.trader).toMatch(/^0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A$/i);
    expect(env['SIGNER_PRIVATE_KEY']).toBe(key);
  });

  it('turns port 0 of an app into a free one', async () => {
    const { appPorts, env } = await stackSettings({ PORT: '0' });
    expect(appPorts.gateway).toBeGreaterThan(0);
    expect(env['PORT']).toBe(String(appPorts.gateway));
  });

  it('lists every bad port', async () => {
    const settings = stackSettings({ POSTGRES_PORT: 'x', REDIS_PORT: '70000' });
    await expect(settings).rejects.toThrow(/POSTGRES_PORT=x[^]*REDIS_PORT=70000/);
  });

  it('keeps data in .data of the clone, wherever it is called', () => {
    expect(dataFolderOf({})).toBe(join(import.meta.dirname, '..', '..', '.data'));
    expect(dataFolderOf({ MILLRACE_DATA: 'else' })).toBe(join(process.cwd(), 'else'));
  });
});

describe('Kafka’s settings', () => {
  const properties = serverProperties({ port: 1, controllerPort: 2, logs: 'logs' });

  it('listen on this machine only', () => {
    const listeners = /^listeners=(.*)$/m.exec(properties)?.[1]?.split(',') ?? [];
    expect(listeners).toEqual(['PLAINTEXT://127.0.0.1:1', 'CONTROLLER://127.0.0.1:2']);
  });

  it('make no topic by a misspelling, and wait for no second member', () => {
    expect(properties).toContain('\nauto.create.topics.enable=false\n');
    expect(properties).toContain('\ngroup.initial.rebalance.delay.ms=0\n');
  });
});

describe('a line of millrace up', () => {
  it('says part, what, time and detail', () => {
    const line = formatNews({ part: 'kafka', what: 'ready', ms: 4_120, detail: 'port 19092' });
    expect(line).toBe('kafka         ready      4.1 s  port 19092');
  });
});
