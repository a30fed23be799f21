import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ChaosResult } from '../../cli/chaos/run-chaos.ts';
import { freePorts } from '../../cli/stack/ports.ts';
import { eventually } from '../support/eventually.ts';
import { Millrace } from '../support/millrace.ts';

const LIMIT_MS = 300_000;
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
let millrace: Millrace;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'millrace-chaos-'));
  const ports = await freePorts(PORTS.length);
  const own = Object.fromEntries(PORTS.map((name, index) => [name, String(ports[index])]));
  millrace = new Millrace({ ...own, MILLRACE_DATA: data });
  await millrace.up(['--no-first-intent']);
}, LIMIT_MS);

afterAll(async () => {
  await millrace?.endAll();
  await rm(data, { recursive: true, force: true });
}, LIMIT_MS);

it(
  'B-81 K-06 chaos kills, holds and cuts, finds nothing wrong, and puts everything back',
  async () => {
    const faults = ['--kill', 'worker', '--pause', 'broker', '--rst', '5%', '--for', '15s'];
    const { code, out, err } = await millrace.run(['chaos', 'run', ...faults, '--json']);
    const result = JSON.parse(out || '{}') as Partial<ChaosResult>;
    expect(
      result.reports?.flatMap(({ anomalies }) => anomalies),
      err,
    ).toEqual([]);
    expect(result.demo?.mismatches).toEqual([]);
    expect(result.reports?.map(({ application }) => application)).toContain('orchestrator.workers');
    expect(result.done?.kills).toBeGreaterThan(0);
    expect(result.done?.pauses).toBeGreaterThan(0);
    expect(result.done?.resets['orchestrator']).toBeGreaterThan(0);
    expect(result.never).toEqual([]);
    expect(code).toBe(0);
    const isRunning = async (): Promise<boolean> =>
      (await millrace.run(['stack', 'status'])).code === 0;
    await eventually('every part runs again', isRunning, 60_000);
    const check = await millrace.run(['check']);
    expect(check.out).toContain('planner.workers: no anomalies');
    expect(check.code).toBe(0);
  },
  LIMIT_MS,
);

it(
  'B-81 K-06 chaos resets the connections of any app, and puts each back',
  async () => {
    const faults = ['gateway=10%', 'trading=10%', 'coordinator=10%'].flatMap((of) => ['--rst', of]);
    const { code, out, err } = await millrace.run(['chaos', 'run', ...faults, '--for', '12s']);
    expect(out, err).toMatch(/reset: \d+ of gateway, \d+ of trading, \d+ of coordinator/);
    expect(out).toContain('Nothing is wrong.');
    expect(code).toBe(0);
    expect((await millrace.run(['stack', 'status'])).code).toBe(0);
  },
  LIMIT_MS,
);

it(
  'chaos in which no fault happened that was asked for says so, and is no success',
  async () => {
    const { code, out } = await millrace.run(['chaos', 'run', '--rst', '0.01%', '--for', '2s']);
    expect(out).toContain('connections reset: 0 of orchestrator');
    expect(out).toContain('No connection of orchestrator was reset: let it run longer');
    expect(out).not.toContain('Nothing is wrong.');
    expect(code).toBe(1);
  },
  LIMIT_MS,
);

it('chaos and check refuse wrong use with exit code 2, before anything is touched', async () => {
  const wrong = [
    ['chaos'],
    ['chaos', 'run', '--kill', 'nobody'],
    ['chaos', 'run', '--rst', '500%'],
    ['chaos', 'run', '--rst', 'kafka=5%'],
    ['chaos', 'run', '--for', 'ever'],
    ['check', '--application', 'nobody'],
  ];
  for (const args of wrong) expect([args, (await millrace.run(args)).code]).toEqual([args, 2]);
}, 120_000);
