import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { makeMutant, mutate, type Mutation } from '../support/mutant.ts';

const COMPARISON: Mutation = {
  rule: 'J2',
  file: 'engine/origin.ts',
  find: 'return n > otherN ||',
  replace: 'return n < otherN ||',
};

const PROGRAM = `
  const { isAfter } = await import(process.argv[1] + '/engine/origin.ts');
  const { restoreTask } = await import(process.argv[1] + '/kafka/restore.ts');
  console.log(isAfter(2, 0, 1, 0), typeof restoreTask);
`;

async function saysUnder(root: string): Promise<string> {
  const args = ['--input-type=module', '-e', PROGRAM, root];
  return (await promisify(execFile)(process.execPath, args)).stdout.trim();
}

it('a mutant is the whole program with one text changed, and leaves the original alone', async () => {
  const root = join(import.meta.dirname, '..', '..');
  const mutant = await makeMutant(COMPARISON);
  try {
    expect(await saysUnder(mutant.root)).toBe('false function');
    expect(await saysUnder(root)).toBe('true function');
  } finally {
    await mutant.remove();
  }
  expect(existsSync(mutant.root)).toBe(false);
}, 30_000);

it.each([
  ['is gone', 'nothing', 0],
  ['occurs twice', 'a text, a text', 2],
])(
  'a mutation whose text %s is out of date, and names its rule and file',
  (_how, source, times) => {
    const mutation = { ...COMPARISON, find: 'a text' };
    expect(() => mutate(source, mutation)).toThrow(
      `The canary of J2 looks for a text that occurs ${times} times in engine/origin.ts`,
    );
  },
);
