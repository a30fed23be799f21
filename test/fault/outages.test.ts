import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { APP_NAMES } from '../../apps/config.ts';
import { endOf, historyOf } from '../../cli/demo/gateway-client.ts';
import { freePorts } from '../../cli/stack/ports.ts';
import { ROOT } from '../../cli/stack/programs.ts';
import { isAlive, RunFolder } from '../../cli/stack/run-folder.ts';
import { SERVERS } from '../../cli/stack/servers.ts';
import { eventually } from '../support/eventually.ts';
import { Millrace, type Up } from '../support/millrace.ts';
import { type Accepted, SOUND, SteadyLoad } from '../support/steady-load.ts';

/*
 * Each server of the local system is stopped under load and started again, by the commands a user has. The
 * demo's file must end as it does without an outage, and what was accepted before the server answers again
 * is executed 10 s after that. OUTAGE_SECONDS and OUTAGE_LINES make the round longer: npm run fault:outages takes 30 s and the whole
 * file. In the end the system is stopped, started on its data, stopped and wiped.
 */

const OUTAGE_MS = Number(process.env['OUTAGE_SECONDS'] ?? 3) * 1000;
const LINES = Number(process.env['OUTAGE_LINES'] ?? 40);
/** The load lasts from before the outage until after it. */
const RATE = Math.max(2, Math.round((LINES * 1000) / (OUTAGE_MS + 3_000)));
const LIMIT_MS = OUTAGE_MS + 150_000;
/** From the moment that a server answers again. */
const EXECUTED_WITHIN_MS = 10_000;
const ANSWERED_WITHIN_MS = 5_000;

const PORTS = [
  'KAFKA_PORT',
  'SCHEMA_REGISTRY_PORT',
  'POSTGRES_PORT',
  'REDIS_PORT',
  'PORT',
  'TRADING_PORT',
  'ORCHESTRATOR_PORT',
  'COORDINATOR_PORT',
];

let folder: string;
let data: string;
let gateway: string;
let file: string;
let millrace: Millrace;
let up: Up;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-outages-'));
  data = join(folder, 'data');
  const ports = await freePorts(PORTS.length);
  const own = Object.fromEntries(PORTS.map((name, index) => [name, String(ports[index])]));
  gateway = `http://127.0.0.1:${own['PORT']}`;
  const lines = (await readFile(join(ROOT, 'demo', 'intents.ndjson'), 'utf8')).split('\n');
  file = join(folder, 'intents.ndjson');
  await writeFile(file, `${lines.slice(0, LINES).join('\n')}\n`);
  millrace = new Millrace({ ...own, MILLRACE_DATA: data });
  up = await millrace.up(['--no-first-intent']);
}, 90_000);

afterAll(async () => {
  await millrace?.endAll();
  await rm(folder, { recursive: true, force: true });
});

async function statusOf(component: string): Promise<string | undefined> {
  const response = await fetch(`${gateway}/health`);
  const health = (await response.json()) as { components: Record<string, { status: string }> };
  return health.components[component]?.status;
}

/** Settles when the life of each has come to its end, in both stores. Throws: Error that names those which have not. */
async function allExecuted(accepted: readonly Accepted[], deadline: number): Promise<void> {
  const open = new Set(accepted.map(({ intentId }) => intentId));
  while (open.size > 0) {
    for (const intentId of open) {
      const end = await endOf(gateway, intentId);
      const last = (await historyOf(gateway, intentId)).at(-1)?.topic;
      if (end?.state === 'Completed' && last === 'exec.completed') open.delete(intentId);
    }
    if (open.size > 0 && Date.now() > deadline)
      throw new Error(`${open.size} of ${accepted.length} not executed: ${[...open].join(', ')}`);
  }
}

describe('a broker that hangs', () => {
  it('has POST answer 503 with Retry-After within 5 s, and 202 once it goes on', async () => {
    const broker = new RunFolder(data).read('kafka')?.pid ?? 0;
    const submit = (): Promise<Response> =>
      fetch(`${gateway}/intents`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(SOUND),
      });
    expect((await submit()).status).toBe(202);
    process.kill(broker, 'SIGSTOP');
    try {
      const sentAt = performance.now();
      const response = await submit();
      expect(performance.now() - sentAt).toBeLessThan(ANSWERED_WITHIN_MS);
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(response.headers.get('content-type')).toContain('application/problem+json');
    } finally {
      process.kill(broker, 'SIGCONT');
    }
    await eventually('POST gives 202', async () => (await submit()).status === 202);
  }, 60_000);
});

describe('a server that is away', () => {
  it.each([
    ['broker', 'kafka', 'kafka'],
    ['schema registry', 'registry', 'schema_registry'],
    ['event store', 'postgres', 'postgres'],
    ['read models', 'redis', 'redis'],
  ])(
    'the %s: the demo ends in the same table, and /health says what is away',
    async (_name, part, component) => {
      const demo = millrace.run(['demo', '--file', file, '--rate', String(RATE)]);
      const load = new SteadyLoad(gateway);
      await pause(1_000);
      expect((await millrace.run(['stack', 'stop', part])).code).toBe(0);
      const awayAt = Date.now();
      const stoppedAt = performance.now();
      const away = async (): Promise<boolean> => (await statusOf(component)) === 'unhealthy';
      await eventually(`/health says that ${component} is away`, away);
      await pause(Math.max(0, OUTAGE_MS - (performance.now() - stoppedAt)));
      expect((await millrace.run(['stack', 'start', part])).code).toBe(0);
      const { since: backAt = 0 } = new RunFolder(data).read(part) ?? {};
      const accepted = (await load.end()).filter(({ at }) => at <= backAt);
      if (part !== 'kafka') expect(accepted.some(({ at }) => at >= awayAt)).toBe(true);
      await allExecuted(accepted, backAt + EXECUTED_WITHIN_MS);
      const back = async (): Promise<boolean> => (await statusOf(component)) === 'healthy';
      await eventually(`/health says that ${component} is back`, back);
      const { code, out, err } = await demo;
      expect(`${out}${err}`).toContain('mismatches                                 0');
      expect(code).toBe(0);
    },
    LIMIT_MS,
  );
});

describe('the local system', () => {
  it('leaves no process after SIGINT and SIGTERM, finds its data again, and is wiped whole', async () => {
    const load = new SteadyLoad(gateway);
    await pause(1_000);
    const accepted = await load.end();
    await allExecuted(accepted, Date.now() + EXECUTED_WITHIN_MS);
    const [first] = accepted;
    const read = async (): Promise<string> =>
      (await fetch(`${gateway}/intents/${first?.intentId}`)).text();
    const before = await read();
    await stop('SIGINT');
    up = await millrace.up(['--no-first-intent']);
    expect(JSON.parse(before)).toMatchObject({ state: 'Completed' });
    expect(await read()).toBe(before);
    expect(up.out()).toMatch(/new: 0 topics, 0 migrations/);
    await stop('SIGTERM');
    expect(await readdir(data)).toContain('state');
    expect((await millrace.run(['reset'])).code).toBe(0);
    expect(existsSync(data)).toBe(false);
  }, 120_000);
});

/** Every part has a process before, and none of its group is left after. */
async function stop(signal: 'SIGINT' | 'SIGTERM'): Promise<void> {
  const records = new RunFolder(data).readAll();
  expect(records.map(({ part }) => part).sort()).toEqual([...SERVERS, ...APP_NAMES].sort());
  expect(records.every(isAlive)).toBe(true);
  up.child.kill(signal);
  expect(await up.exit).toBe(0);
  for (const { pid } of records) expect(() => process.kill(-(pid ?? 0), 0)).toThrow(/ESRCH/);
}
