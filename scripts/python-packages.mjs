// Python packages that tests need, in virtual environments under .cache/, each made once for its list: those of sdk/python,
// as its pyproject.toml pins them (the package itself is not in it: tests read its sources), and schemathesis. Prints the
// Python of the first.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const PROJECT = join(ROOT, 'sdk', 'python', 'pyproject.toml');
const HASH_DIGITS = 12;
/** Builds the package without asking the network again. */
const BUILD_TOOLS = ['setuptools==80.9.0', 'wheel==0.45.1'];

/** Packages of the extra `test`, as pinned there. */
function packages() {
  const line = /^test = (\[.*\])$/m.exec(readFileSync(PROJECT, 'utf8'));
  if (line === null) throw new Error(`${PROJECT} has no line: test = […]`);
  return [...JSON.parse(line[1]), ...BUILD_TOOLS];
}

function run(program, args) {
  const { status, stderr, stdout, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return stdout;
  const said = error?.message ?? `${stdout}${stderr}`.trim().slice(-2_000);
  throw new Error(`${program} ${args.slice(0, 3).join(' ')} failed: ${said}`);
}

/** What asks the gateway whether its API document is true. */
const SCHEMATHESIS = ['schemathesis==4.32.5'];

/** The Python of sdk/python's tests. Throws: Error that names what failed. */
export function pythonOf() {
  return pythonWith(packages());
}

/** The Python that has schemathesis. Throws: Error that names what failed. */
export function schemathesisPython() {
  return pythonWith(SCHEMATHESIS);
}

/** The Python of the environment with these packages; makes it when it is not there. */
function pythonWith(wanted) {
  const system = process.env.PYTHON ?? 'python3';
  const version = run(system, ['-c', 'import sys; print(sys.version)']);
  const hash = createHash('sha256')
    .update(JSON.stringify([wanted, version]))
    .digest('hex');
  const cache = join(ROOT, '.cache');
  const folder = join(cache, `python-${hash.slice(0, HASH_DIGITS)}`);
  const python = join(folder, 'bin', 'python');
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return python;
  if (['1', 'true'].includes(process.env.MILLRACE_NO_INSTALL ?? ''))
    throw new Error(
      `The Python packages ${wanted.join(' ')} are not there, and MILLRACE_NO_INSTALL forbids to fetch them. ` +
        'Run the tests once without it.',
    );
  mkdirSync(cache, { recursive: true });
  rmSync(folder, { recursive: true, force: true });
  run(system, ['-m', 'venv', folder]);
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...wanted]);
  writeFileSync(complete, `${wanted.join('\n')}\n`);
  return python;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(pythonOf());
