import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file that defines applications. */
export interface TopologyFile {
  readonly path: string;
  /** As its text names them. */
  readonly applications: readonly string[];
  /** Whether `millrace run --topology` takes it: it exports `topology`, and its schemas. */
  readonly isModule: boolean;
}

const ROOT = join(import.meta.dirname, '../..');
const MODULE = /^export const topology\b/m;
const DEFINES = /\bbuildTopology\(|:\s*TopologyDefinition\b/;

/** Every file of what is shipped, shown and measured that defines an application. */
export function topologyFiles(): readonly TopologyFile[] {
  return globSync('{topologies,bench,examples}/**/*.ts', { cwd: ROOT })
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
    .filter(({ text }) => MODULE.test(text) || DEFINES.test(text))
    .map(({ path, text }) => ({
      path,
      applications: [...text.matchAll(/\bapplication:\s*'([^']+)'/g)].map(([, name]) => name ?? ''),
      isModule: MODULE.test(text),
    }))
    .sort((left, right) => (left.path < right.path ? -1 : 1));
}

/** The module at such a path. */
export function importFromRoot(path: string): Promise<unknown> {
  return import(join(ROOT, path)) as Promise<unknown>;
}
