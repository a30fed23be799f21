import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { findProgram } from '../../cli/stack/programs.ts';
import {
  ALERTS_FILE,
  ALERTS_TEST_FILE,
  readAlerts,
  readDashboards,
  shown,
} from '../support/monitoring.ts';

interface AlertCase {
  readonly alertname: string;
  readonly exp_alerts: readonly unknown[];
}
interface Suite {
  readonly tests: readonly { readonly alert_rule_test: readonly AlertCase[] }[];
}

const suite = parse(readFileSync(ALERTS_TEST_FILE, 'utf8')) as Suite;
const names = readAlerts().map(({ alert }) => alert);
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-alerts-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs Prometheus's own tool. Throws where it is missing: without it nothing here is known. */
function promtool(...args: readonly string[]) {
  const file = findProgram('promtool');
  if (file === null)
    throw new Error(
      'promtool is not in PATH. Run node scripts/setup.mjs --tests as root, or install Prometheus (Debian: apt-get install prometheus).',
    );
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

/** The alerts that promtool finds other than expected, with every rule's expression changed and some cases left out. */
function failing(expression: string, isKept: (one: AlertCase) => boolean): readonly string[] {
  const rules = readFileSync(ALERTS_FILE, 'utf8')
    .replaceAll(/^( +expr:) .*$/gm, `$1 ${expression}`)
    .replaceAll(/^ +for: .*\n/gm, '');
  writeFileSync(join(folder, 'alerts.yml'), rules);
  const tests = suite.tests.map((test) => ({
    ...test,
    alert_rule_test: test.alert_rule_test.filter(isKept),
  }));
  const file = join(folder, 'alerts.test.yml');
  writeFileSync(file, stringify({ ...suite, tests }));
  const { status, said } = promtool('test', 'rules', file);
  expect(status).not.toBe(0);
  return [...said.matchAll(/alertname: (\w+), time/g)].map(([, name = '']) => name);
}

describe('the alert rules', () => {
  it('fire and are silent when they should, as Prometheus itself evaluates them', () => {
    const { status, said } = promtool('test', 'rules', ALERTS_TEST_FILE);
    expect(status, said).toBe(0);
  });

  it('have each a case that fails when it never fires', () => {
    const found = failing('vector(0) > 1', () => true);
    expect(names.filter((name) => !found.includes(name))).toEqual([]);
  });

  it('have each a case that fails when it always fires', () => {
    const found = failing('vector(1)', ({ exp_alerts: expected }) => expected.length === 0);
    expect(names.filter((name) => !found.includes(name))).toEqual([]);
  });
});

it('every panel asks in words that Prometheus understands', () => {
  const rules = shown(readDashboards()).map((expr, index) => ({ record: `panel_${index}`, expr }));
  expect(rules.length).toBeGreaterThan(40);
  const file = join(folder, 'panels.yml');
  writeFileSync(file, stringify({ groups: [{ name: 'panels', rules }] }));
  const { status, said } = promtool('check', 'rules', file);
  expect(status, said).toBe(0);
});
