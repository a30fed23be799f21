import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { makeMutant, type Mutation } from '../support/mutant.ts';

/** A canary that lives on is found out by then. */
const DEADLINE_MS = 180_000;

/** What a simulation of a changed copy of the sources came to. */
export interface CanaryVerdict {
  readonly isCaught: boolean;
  /** What the simulation printed. */
  readonly output: string;
}

/**
 * Runs up to `seeds` seeds on a copy of the sources with one change in it.
 *
 * Throws: MutationOutOfDateError.
 */
export async function runCanary(mutation: Mutation, seeds: number): Promise<CanaryVerdict> {
  const mutant = await makeMutant(mutation);
  try {
    const main = join(mutant.root, 'test/simulation/main.ts');
    const child = spawn(process.execPath, [main, '--seeds', String(seeds), '--no-shrink']);
    return await verdictOf(child);
  } finally {
    await mutant.remove();
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
