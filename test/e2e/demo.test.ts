import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../cli/demo/report.ts';
import { ROOT } from '../../cli/stack/programs.ts';
import { eventually } from '../support/eventually.ts';
import { LIFE } from './system-client.ts';
import { type Outcome, startSystem, type System } from './system-fixture.ts';

/** `npm run fault:demo` takes the whole file of 200, and kills five times as often. */
const LINES = Number(process.env['DEMO_LINES'] ?? 40);
/** Slow enough that each app is away for a part of the lines. */
const KILL_RATE = LINES > 40 ? '2' : '4';
const LINES_A_KILL = 8;
const KILLED = ['trading', 'orchestrator', 'coordinator'] as const;
const DEMO_MS = 120_000 + LINES * 1_000;

let system: System;
let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-demo-file-'));
  const whole = await readFile(join(ROOT, 'demo', 'intents.ndjson'), 'utf8');
  file = await saved('first.ndjson', whole.split('\n').slice(0, LINES));
  system = await startSystem('demo', { separate: true });
}, 120_000);

afterAll(async () => {
  await system?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function saved(name: string, lines: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `${lines.join('\n')}\n`);
  return path;
}

function demo(path: string, ...args: readonly string[]): Promise<Outcome> {
  return system.run('cli/main.ts', 'demo', '--file', path, '--url', system.url, ...args);
}

/** What has to be the same in every run of a file. */
function tableOf({ completed, rejected, refused, unfinished, lines, mismatches }: Report) {
  return { completed, rejected, refused, unfinished, lines, mismatches };
}

interface Ends {
  readonly completed: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
}

/** Of the first lines of the file, and of all. */
const ENDS: Readonly<Record<number, Ends>> = {
  40: {
    completed: 26,
    rejected: { NOTIONAL_LIMIT: 4, SLIPPAGE_LIMIT: 1, UNKNOWN_PAIR: 1 },
    refused: { MALFORMED_JSON: 1, VALIDATION_FAILED: 7 },
  },
  200: {
    completed: 135,
    rejected: { NOTIONAL_LIMIT: 14, SLIPPAGE_LIMIT: 12, UNKNOWN_PAIR: 7 },
    refused: { MALFORMED_JSON: 4, VALIDATION_FAILED: 28 },
  },
};
const TABLE = { ...ENDS[LINES], unfinished: 0, lines: LINES, mismatches: [] };

describe('millrace demo', () => {
  it('B-37 B-45 ends every line as the file says', async () => {
    const { code, out, err } = await demo(file, '--json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const report = JSON.parse(out) as Report;
    expect(tableOf(report)).toEqual(TABLE);
    expect(report.resent.count).toBe(0);
    expect(report.latency_ms['exec.completed'].count).toBe(ENDS[LINES]?.completed);
    expect(report.latency_ms['plan.created'].count).toBe(ENDS[LINES]?.completed);
    expect(report.example?.events.map(({ topic }) => topic)).toEqual(LIFE);
  });

  it('names a line that ended otherwise, and prints the table and one correlation', async () => {
    const body = {
      strategyId: 'demo',
      base: 'WETH',
      quote: 'USDC',
      amount_in: '0.1',
      notional_usd: '250',
      max_slippage: '0.01',
    };
    const wrong = { name: 'too good', body: { ...body, notional_usd: '10001' } };
    const path = await saved('wrong.ndjson', [
      JSON.stringify({ name: 'sound', body, expect: { http: 202, state: 'Completed' } }),
      JSON.stringify({ ...wrong, expect: { http: 202, state: 'Completed' } }),
    ]);
    const { code, out } = await demo(path);
    expect(code).toBe(1);
    expect(out).toMatch(/^completed +1$/m);
    expect(out).toMatch(/^rejected +NOTIONAL_LIMIT +1$/m);
    expect(out).toMatch(/^mismatches +1$/m);
    expect(out).toMatch(/line 2, too good\n +expected 202 Completed\n +got +202 Failed NOTIONAL_L/);
    expect(out).toMatch(/^ +8 +exec\.completed +\d+\.\d$/m);
  });

  it('takes no bad file, no unknown address and no other chain', async () => {
    const bad = await saved('bad.ndjson', ['', '{"name":"x","body":{}}']);
    const refused = await demo(bad);
    expect(refused.code).toBe(2);
    expect(refused.err).toContain(`${bad}, line 2: has no "expect"`);
    const nowhere = await system.run('cli/main.ts', 'demo', '--url', 'http://127.0.0.1:9');
    expect(nowhere.code).toBe(2);
    expect(nowhere.err).toMatch(/No gateway answers at http:\/\/127\.0\.0\.1:9\. .*npm start/);
    const other = await demo(file, '--chain', 'other');
    expect(other.code).toBe(2);
    expect(other.err).toContain('--chain is mock or anvil, not other');
  });

  it(
    "the demo's table is the same while apps are killed in turn",
    async () => {
      const before = await accepted();
      const running = demo(file, '--json', '--rate', KILL_RATE);
      let isOver = false;
      void running.finally(() => (isOver = true));
      const kills = KILLED.length * (LINES / 40);
      for (let turn = 0; turn < kills && !isOver; turn += 1) {
        const due = before + turn * LINES_A_KILL;
        await eventually('some more were accepted', async () => (await accepted()) > due || isOver);
        const app = KILLED[turn % KILLED.length] ?? 'trading';
        await system.kill(app);
        await system.start(app);
      }
      const { code, out, err } = await running;
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(tableOf(JSON.parse(out) as Report)).toEqual(TABLE);
    },
    DEMO_MS,
  );
});

/** Intents that the gateway has taken so far, by its own count. */
async function accepted(): Promise<number> {
  const metrics = await (await fetch(`${system.url}/metrics`)).text();
  return Number(/^intents_submitted(?:_total)?(?:\{.*\})? (\d+)/m.exec(metrics)?.[1]);
}

interface StoredEvent {
  readonly topic: string;
  readonly sequence: number;
  readonly eventId: string;
  readonly causationId: string | null;
}

describe('the fake flow', () => {
  it('B-90 is on the bus from its causes to its end, and completed in Redis', async () => {
    const { code, out, err } = await system.run('scripts/publish-fake-flow.ts');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const intent = `/intents/${out.trim()}`;
    const read = async (path: string): Promise<Record<string, unknown>> =>
      (await (await fetch(system.url + path)).json()) as Record<string, unknown>;
    const history = async (): Promise<readonly StoredEvent[]> =>
      ((await read(`${intent}/history`))['events'] ?? []) as readonly StoredEvent[];
    await eventually('the workers answered', async () =>
      (await history()).some(({ topic }) => topic === 'exec.failed'),
    );
    await eventually('it is completed', async () => (await read(intent))['state'] === 'Completed');
    // Each topic is stored at its own pace.
    await eventually('its history is whole', async () => {
      const types = (await history()).map(({ topic }) => topic);
      return LIFE.every((type) => types.includes(type));
    });
    const stored = await history();
    const chain = chainOf(stored);
    expect(chain.map(({ topic }) => topic)).toEqual(
      LIFE.filter((topic) => topic !== 'risk.approved'),
    );
    expect(chain.map(({ sequence }) => sequence)).toEqual([1, 3, 4, 5, 6, 7, 8]);
    const approval = stored.find(({ topic }) => topic === 'risk.approved');
    expect(approval).toMatchObject({ sequence: 2, causationId: chain[0]?.eventId });
    const { latest_plan_id: planId, summary } = await read(intent);
    expect(summary).toMatchObject({ strategy_id: 'fake-flow', failed_stage: null, code: null });
    expect(await read(`/plans/${String(planId)}`)).toMatchObject({ status: 'completed' });
  });
});

/** From exec.completed back to what nothing caused. */
function chainOf(events: readonly StoredEvent[]): readonly StoredEvent[] {
  const chain: StoredEvent[] = [];
  let event = events.find(({ topic }) => topic === 'exec.completed');
  while (event !== undefined) {
    chain.unshift(event);
    const { causationId } = event;
    event = events.find(({ eventId }) => eventId === causationId);
  }
  return chain;
}
