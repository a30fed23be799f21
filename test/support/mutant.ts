import { cp, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One rule of the protocol switched off: a text of one file and what stands there instead. */
export interface Mutation {
  /** The rule of docs/protocol.md that it switches off. */
  readonly rule: string;
  /** From the root. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** A copy of the sources with a mutation in it, to be run by processes of their own. */
export interface Mutant {
  /** Of the copy; what lies at `<root>/engine/term.ts` there lies at the same place. */
  readonly root: string;
  remove(): Promise<void>;
}

/** The mutation's text is not in its file exactly once: the code has moved on and the canary has not. */
export class MutationOutOfDateError extends Error {
  override readonly name = 'MutationOutOfDateError';
  readonly code = 'MUTATION_OUT_OF_DATE';
  constructor({ rule, file, find }: Mutation, times: number) {
    super(
      `The canary of ${rule} looks for a text that occurs ${times} times in ${file}, not once; ` +
        `write the mutation anew for the code as it is now:\n${find}`,
    );
  }
}

const ROOT = join(import.meta.dirname, '..', '..');

/**
 * All folders with code: a module is the same module only under one path, so none may stay behind. Packages are
 * shared by a link.
 */
const COPIED = [
  'engine',
  'avro',
  'kafka',
  'processors',
  'topologies',
  'connectors',
  'gateway',
  'apps',
  'cli',
  'testing',
  'test',
  'package.json',
  'config',
] as const;

/**
 * Copies the sources to a folder of their own and changes them there.
 *
 * Throws: MutationOutOfDateError before anything is copied.
 */
export async function makeMutant(...mutations: readonly Mutation[]): Promise<Mutant> {
  const changed = new Map<string, string>();
  for (const mutation of mutations) {
    const before =
      changed.get(mutation.file) ?? (await readFile(join(ROOT, mutation.file), 'utf8'));
    changed.set(mutation.file, mutate(before, mutation));
  }
  const root = await mkdtemp(join(tmpdir(), 'millrace-mutant-'));
  const remove = (): Promise<void> => rm(root, { recursive: true, force: true });
  try {
    await Promise.all(
      COPIED.map((name) => cp(join(ROOT, name), join(root, name), { recursive: true })),
    );
    await symlink(await realpath(join(ROOT, 'node_modules')), join(root, 'node_modules'));
    for (const [file, text] of changed) await writeFile(join(root, file), text);
  } catch (error) {
    await remove();
    throw error;
  }
  return { root, remove };
}

/** Throws: MutationOutOfDateError. */
export function mutate(source: string, mutation: Mutation): string {
  const parts = source.split(mutation.find);
  if (parts.length !== 2) throw new MutationOutOfDateError(mutation, parts.length - 1);
  return parts.join(mutation.replace);
}
