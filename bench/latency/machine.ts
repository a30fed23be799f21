import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../cli/stack/programs.ts';
import stack from '../../cli/stack/versions.json' with { type: 'json' };
import { rounded } from './summary.ts';

/** What a result was measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** Average of the minute before: others at work make every number worse. */
  readonly loadBefore: number;
  readonly loadAfter: number;
}

export function loadAverage(): number {
  return rounded(loadavg()[0] ?? 0);
}

function machineWith(loadBefore: number): Machine {
  const found = cpus();
  return {
    cpu: found[0]?.model ?? 'unknown',
    cores: found.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    loadBefore,
    loadAfter: loadAverage(),
  };
}

function versions(): Readonly<Record<string, string>> {
  const client = join(ROOT, 'node_modules', '@platformatic', 'kafka', 'package.json');
  const { version } = JSON.parse(readFileSync(client, 'utf8')) as { readonly version: string };
  return { node: process.version, kafka: stack.kafka, '@platformatic/kafka': version };
}

/** The commit of the clone, with a plus sign when tracked files differ from it; `unknown` outside of git. */
export function commit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }).trim();
    const changed = git(
      'status',
      '--porcelain',
      '--untracked-files=no',
      '--',
      '.',
      ':!README.md',
      ':!bench/results',
    );
    return git('rev-parse', '--short', 'HEAD') + (changed === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}

/** What every result file says first: when, of what and on what it was measured. */
export interface RunHead<Plan> {
  readonly at: string;
  readonly commit: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly plan: Plan;
}

/** `loadBefore`: what `loadAverage` said before the run began. */
export function headOf<Plan>(plan: Plan, loadBefore: number): RunHead<Plan> {
  return {
    at: new Date().toISOString(),
    commit: commit(),
    machine: machineWith(loadBefore),
    versions: versions(),
    plan,
  };
}
