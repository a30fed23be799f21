import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROWS = `| id | requirement | section | check |
|---|---|---|---|
| B-01 | one | L1 | x |
| B-02 | two | L2 | x |
| B-03 | three | L3 | x |
| B-04 | four | L4 | x |
| B-05 | [FUT] five | L5 | x |
| S-42 | same partition | L6 | x |
`;

interface Folder {
  readonly path: string;
  readonly reports: string;
  readonly rows: string;
}

function makeFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'millrace-rows-'));
  const folder = { path, reports: join(path, 'reports'), rows: join(path, 'rows') };
  mkdirSync(folder.reports);
  mkdirSync(folder.rows);
  writeFileSync(join(folder.rows, 'trading.md'), ROWS);
  return folder;
}

describe('scripts/rows.mjs and scripts/summary.mjs', () => {
  let folder: Folder;
  beforeEach(() => {
    folder = makeFolder();
  });
  afterEach(() => rmSync(folder.path, { recursive: true }));

  function vitestReport(tests: Readonly<Record<string, string>>, status = 'passed'): void {
    const assertionResults = Object.entries(tests).map(([fullName, each]) => ({
      fullName,
      status: each,
      failureMessages: each === 'failed' ? [`${fullName} said why`] : [],
    }));
    const suite = { name: 'suite.test.ts', status, message: 'no such module', assertionResults };
    const report = { testResults: [suite] };
    writeFileSync(join(folder.reports, 'unit.json'), JSON.stringify(report));
  }

  function run(script: string, ...args: string[]): { status: number | null; output: string } {
    const run = spawnSync(process.execPath, [resolve('scripts', script), ...args], {
      encoding: 'utf8',
    });
    return { status: run.status, output: run.stdout + run.stderr };
  }

  const rows = (...args: string[]): ReturnType<typeof run> =>
    run('rows.mjs', '--reports', folder.reports, '--rows', folder.rows, ...args);

  it('lists what no passing test shows, and apart from it what is only planned', () => {
    vitestReport({
      'risk B-01 approves': 'passed',
      'B-02 fails': 'failed',
      'B-03 waits': 'skipped',
    });
    const { status, output } = rows('B');
    expect(status).toBe(0);
    expect(output).toContain('B: 1 of 5 rows shown');
    expect(output).toMatch(/not yet:\n +B-02 B-03 B-04\n +only planned, or information:\n +B-05\n/);
    expect(rows('B', '--all').output).toMatch(/B-04 B-05/);
  });

  it('does not count a test that names more than three rows, and says so', () => {
    vitestReport({ 'B-01 B-02 B-03 B-04 all of it': 'passed', 'B-01 B-02 B-03 three': 'passed' });
    const { output } = rows('B');
    expect(output).toContain('B: 3 of 5');
    expect(output).toContain('counts for none, 4 rows: B-01 B-02 B-03 B-04 all of it');
  });

  it('names rows that do not exist', () => {
    vitestReport({ 'B-77 invented': 'passed' });
    expect(rows('B').output).toContain('there is no row B-77');
  });

  it('reads JUnit reports, with underscores for dashes', () => {
    writeFileSync(
      join(folder.reports, 'python.xml'),
      `<testsuite><testcase classname="a" name="test_S_42_same_partition" time="0.1"/>
       <testcase name="test_B_01_broken"><failure message="x">y</failure></testcase></testsuite>`,
    );
    expect(rows('S').output).toContain('S: 1 of 1');
    expect(rows('B').output).toContain('B: 0 of 5');
  });

  it('fails without reports', () => {
    const { status, output } = rows();
    expect(status).toBe(1);
    expect(output).toContain('run npm test');
  });

  it('fails when a required row is no longer shown', () => {
    const list = join(folder.path, 'shown.txt');
    writeFileSync(list, '# since 0.1.0\nB-01 B-02 # both\n');
    vitestReport({ 'B-01 one': 'passed', 'B-02 two': 'passed' });
    expect(rows('--require', list).status).toBe(0);
    vitestReport({ 'B-01 one': 'passed', 'B-02 two': 'failed' });
    const { status, output } = rows('--require', list);
    expect(status).toBe(1);
    expect(output).toMatch(/no passing test shows:\n\s+B-02\n/);
  });

  it('answers wrong use with its usage', () => {
    expect(rows('Q')).toMatchObject({ status: 2 });
    expect(rows('--nonsense').output).toContain('Usage:');
  });

  it('sums passed and failed in a line of its own', () => {
    vitestReport({ a: 'passed', b: 'passed', c: 'skipped' });
    expect(run('summary.mjs', folder.reports)).toEqual({
      status: 0,
      output: 'skipped: c\n2 passed, 0 failed\n',
    });
    vitestReport({ a: 'passed', b: 'failed' }, 'failed');
    expect(run('summary.mjs', folder.reports)).toEqual({
      status: 1,
      output: 'failed: b\n    b said why\n1 passed, 1 failed\n',
    });
  });

  it('counts a file that could not be loaded as failed, and nothing at all as failed, too', () => {
    vitestReport({}, 'failed');
    expect(run('summary.mjs', folder.reports)).toEqual({
      status: 1,
      output: 'failed: suite.test.ts (file)\n    no such module\n0 passed, 1 failed\n',
    });
    expect(run('summary.mjs', join(folder.path, 'none')).status).toBe(1);
  });
});
