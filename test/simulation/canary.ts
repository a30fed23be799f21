import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** One change of a source file. `find` must stand there exactly once. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const ROOT = resolve(import.meta.dirname, '../..');
/** What a simulation needs of the repository. */
const PARTS = ['engine', 'kafka', 'avro', 'testing', 'test/simulation', 'test/support'];
/** A canary that lives on is found out by then. */
const DEADLINE_MS = 180_000;

/** Throws: Error when the patch is out of date: its text stands nowhere, or in several places. */
export function patched(source: string, { file, find, replace }: Patch): string {
  const places = source.split(find).length - 1;
  if (places !== 1)
    throw new Error(
      `The patch of ${file} is out of date: '${find}' stands there ${places} times; write it anew.`,
    );
  return source.replace(find, () => replace);
}

/** What a simulation of a changed copy of the sources came to. */
export interface CanaryVerdict {
  readonly isCaught: boolean;
  /** What the simulation printed. */
  readonly output: string;
}

/** Runs up to `seeds` seeds on a copy of the sources with one change in it. */
export async function runCanary(patch: Patch, seeds: number): Promise<CanaryVerdict> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-canary-'));
  try {
    for (const part of PARTS) await cp(join(ROOT, part), join(folder, part), { recursive: true });
    await cp(join(ROOT, 'package.json'), join(folder, 'package.json'));
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const file = join(folder, patch.file);
    await writeFile(file, patched(await readFile(file, 'utf8'), patch));
    const main = join(folder, 'test/simulation/main.ts');
    const child = spawn(process.execPath, [main, '--seeds', String(seeds), '--no-shrink']);
    return await verdictOf(child);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function verdictOf(child: ChildProcess): Promise<CanaryVerdict> {
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (bytes: Buffer) => (output += bytes.toString()));
  const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(deadline);
      // Only a seed that fails counts: a copy that does not even start has caught nothing.
      resolve({ isCaught: /^Seed \d+ \(/m.test(output), output });
    });
  });
}
