import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** The version in the package.json nearest above a file; empty: there is none that names one. */
export function codeVersionOf(file: string): string {
  for (let folder = dirname(resolve(file)); ; folder = dirname(folder)) {
    const version = versionIn(join(folder, 'package.json'));
    if (version !== null) return version;
    if (folder === dirname(folder)) return '';
  }
}

/** null: there is no such file, or it is no package's. */
function versionIn(path: string): string | null {
  try {
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as { readonly version?: unknown };
    return typeof manifest.version === 'string' ? manifest.version : '';
  } catch {
    return null;
  }
}
