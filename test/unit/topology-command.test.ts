import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCommand } from '../../cli/main.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'topology-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

async function topology(...args: readonly string[]) {
  const lines: string[] = [];
  const complaints: string[] = [];
  const out = (line: string): void => void lines.push(line);
  const err = (line: string): void => void complaints.push(line);
  const code = await runCommand(['topology', ...args], { out, err, env: {} });
  return { code, out: lines.join('\n'), err: complaints.join('\n') };
}

it('X-07 draws the graph for two drawing programs', async () => {
  const { code, out } = await topology('graph');
  expect(code).toBe(0);
  expect(out).toContain('topic_intents -->|"intent.submitted"| actor_planner_workers_risk');
  expect(out).toContain('actor_state_coordinator_intent -->|"rm.intent"| topic_rm_intent');
  expect((await topology('graph', '--format', 'dot')).out).toContain(
    'topic_plans -> actor_orchestrator_workers_orchestrator [label="plan.created"];',
  );
  expect((await topology('graph', '--format', 'png')).code).toBe(2);
});

it('X-07 imports what it exported without a difference, and names each one there is', async () => {
  const { code, out } = await topology('export');
  expect(code).toBe(0);
  const file = join(folder, 'graph.json');
  writeFileSync(file, out);
  expect(await topology('import', file)).toMatchObject({ code: 0 });

  const changed = JSON.parse(out);
  changed.partitions = 7;
  changed.applications['planner.workers'].actors.risk.emits.pop();
  delete changed.topics['rm.plan'];
  writeFileSync(file, JSON.stringify(changed));
  const compared = await topology('import', file, '--json');
  expect(compared.code).toBe(1);
  const { differences } = JSON.parse(compared.out) as { differences: { path: string[] }[] };
  expect(differences.map(({ path }) => path.join(' '))).toEqual([
    'partitions',
    'applications planner.workers actors risk emits',
    'topics rm.plan',
  ]);
});

it('refuses a file that is no export, and one that is not there', async () => {
  const file = join(folder, 'other.json');
  writeFileSync(file, '{}');
  expect((await topology('import', file)).err).toContain('is no exported topology');
  expect((await topology('import', join(folder, 'nothing'))).code).toBe(2);
  expect((await topology('import')).code).toBe(2);
});
