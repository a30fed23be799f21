import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { RunFolder } from '../../cli/stack/run-folder.ts';
import { dataFolderOf } from '../../cli/stack/settings.ts';

/** Deep enough for `state/<application>`. */
const DEPTH = 2;

/**
 * Looks at the clone's own data folder, which no test may write to: it is the user's.
 *
 * Returns what throws an Error that names what is new there. A `millrace up` that runs on the folder writes to it all the
 * time; nothing is said then.
 */
export function watchCloneData(folder = dataFolderOf({})): () => void {
  const isInUse = (): boolean => new RunFolder(folder).supervisor() !== null;
  const wasInUse = isInUse();
  const before = new Set(pathsIn(folder, DEPTH));
  return () => {
    if (wasInUse || isInUse()) return;
    const added = pathsIn(folder, DEPTH).filter((path) => !before.has(path));
    if (added.length === 0) return;
    throw new Error(
      `A test wrote to ${folder}, which is not its own: ${added.join(', ')}. Give what it starts a MILLRACE_DATA of its own.`,
    );
  };
}

function pathsIn(folder: string, depth: number): readonly string[] {
  if (depth === 0 || !existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return [path, ...(entry.isDirectory() ? pathsIn(path, depth - 1) : [])];
  });
}
