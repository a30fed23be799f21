import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../cli/stack/ports.ts';
import { ROOT } from '../../cli/stack/programs.ts';
import { eventually } from '../support/eventually.ts';
import { Millrace } from '../support/millrace.ts';

/*
 * Each server of the local system is stopped under load and started again, by the commands a user has. The
 * demo's file must end as it does without an outage. OUTAGE_SECONDS and OUTAGE_LINES make the round longer:
 * npm run fault:outages takes 30 s and the whole file.
 */

const OUTAGE_MS = Number(process.env['OUTAGE_SECONDS'] ?? 3) * 1000;
const LINES = Number(process.env['OUTAGE_LINES'] ?? 40);
/** The load lasts from before the outage until after it. */
const RATE = Math.max(2, Math.round((LINES * 1000) / (OUTAGE_MS + 3_000)));
const LIMIT_MS = OUTAGE_MS + 150_000;

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

let data: string;
let gateway: string;
let file: string;
let millrace: Millrace;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'millrace-outages-'));
  const ports = await freePorts(PORTS.length);
  const own = Object.fromEntries(PORTS.map((name, index) => [name, String(ports[index])]));
  gateway = `http://127.0.0.1:${own['PORT']}`;
  const lines = (await readFile(join(ROOT, 'demo', 'intents.ndjson'), 'utf8')).split('\n');
  file = join(data, 'intents.ndjson');
  await writeFile(file, `${lines.slice(0, LINES).join('\n')}\n`);
  millrace = new Millrace({ ...own, MILLRACE_DATA: data });
  await millrace.up(['--no-first-intent']);
}, 90_000);

afterAll(async () => {
  await millrace?.endAll();
  await rm(data, { recursive: true, force: true });
});

async function statusOf(component: string): Promise<string | undefined> {
  const response = await fetch(`${gateway}/health`);
  const health = (await response.json()) as { components: Record<string, { status: string }> };
  return health.components[component]?.status;
}

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
      await pause(1_000);
      expect((await millrace.run(['stack', 'stop', part])).code).toBe(0);
      const stoppedAt = performance.now();
      const away = async (): Promise<boolean> => (await statusOf(component)) === 'unhealthy';
      await eventually(`/health says that ${component} is away`, away);
      await pause(Math.max(0, OUTAGE_MS - (performance.now() - stoppedAt)));
      expect((await millrace.run(['stack', 'start', part])).code).toBe(0);
      const back = async (): Promise<boolean> => (await statusOf(component)) === 'healthy';
      await eventually(`/health says that ${component} is back`, back);
      const { code, out, err } = await demo;
      expect(`${out}${err}`).toContain('mismatches                                 0');
      expect(code).toBe(0);
    },
    LIMIT_MS,
  );
});
