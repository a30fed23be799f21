import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { pythonOf } from '../../scripts/python-packages.mjs';

const run = promisify(execFile);
const PROJECT = resolve('sdk', 'python');
const REPORT = resolve('test-results', 'python.xml');
const LIMIT_MS = 300_000;
/** pytest writes its report for the rows that it shows (scripts/rows.mjs); the types are checked with the same packages. */
const TESTS = ['-m', 'pytest', `--junitxml=${REPORT}`];

describe('the Python SDK', () => {
  it(
    'passes its own tests, which name the rows they show',
    async () => {
      const env = { ...process.env, PYTHONPATH: join(PROJECT, 'src') };
      const { stdout } = await run(pythonOf(), TESTS, { cwd: PROJECT, env });
      expect(stdout).toMatch(/\d{3} passed/);
    },
    LIMIT_MS,
  );

  it(
    'keeps its types, strictly',
    async () => {
      const cache = resolve('.cache', 'mypy');
      const check = ['-m', 'mypy', '--cache-dir', cache];
      const { stdout } = await run(pythonOf(), check, { cwd: PROJECT });
      expect(stdout).toContain('Success');
    },
    LIMIT_MS,
  );

  it(
    'K-11 S-43 is a package that pip installs, with its rules inside',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'millrace-pip-'));
      const options = ['--no-deps', '--no-build-isolation', '--no-index', '--quiet'];
      const install = ['-m', 'pip', 'install', ...options, '--target', folder, PROJECT];
      await run(pythonOf(), install, { cwd: folder });
      const program =
        'import millrace_bots; print(millrace_bots.__file__, millrace_bots.problem_of({}).message)';
      const env = { ...process.env, PYTHONPATH: folder };
      const { stdout } = await run(pythonOf(), ['-c', program], { cwd: folder, env });
      expect(stdout).toContain(join(folder, 'millrace_bots', '__init__.py'));
      expect(stdout).toContain('event_id is missing');
      await rm(folder, { recursive: true });
    },
    LIMIT_MS,
  );
});
