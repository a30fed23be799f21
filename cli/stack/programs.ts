import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { PartError } from './part.ts';
import versions from './versions.json' with { type: 'json' };

/** The root of the clone. */
export const ROOT = join(import.meta.dirname, '..', '..');
/** What scripts/setup.mjs fetched; ignored by git, and may be deleted at any time. */
export const CACHE = join(ROOT, '.cache');
export const KAFKA_JARS = join(CACHE, `kafka-${versions.kafka}`);
export const REGISTRY_FOLDER = join(CACHE, `registry-${versions.registry}`);
export const REGISTRY_JAR = join(
  REGISTRY_FOLDER,
  `apicurio-registry-app-${versions.registry}-runner.jar`,
);

/** Class archives that halve the start; made by cli/stack/make-archives.ts. */
export const KAFKA_ARCHIVE = `${KAFKA_JARS}.jsa`;
export const REGISTRY_ARCHIVE = `${REGISTRY_FOLDER}.jsa`;

/** The path of a program, or null. */
export function findProgram(name: string, folders = searchPath()): string | null {
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

function searchPath(): readonly string[] {
  const home = process.env['JAVA_HOME'];
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...(home === undefined ? [] : [join(home, 'bin')]), ...path, '/usr/sbin', '/sbin'];
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Throws: PartError MISSING with what to install. */
export function needProgram(name: string, part: string, debianPackage: string): string {
  const found = findProgram(name);
  if (found !== null) return found;
  throw new PartError(
    'MISSING',
    part,
    `${part} needs the program ${name}, which is not in PATH. Install it (Debian: apt-get install ${debianPackage}), or run the servers with docker compose up.`,
  );
}

/** Throws: PartError MISSING with how to fetch it. */
export function needFile(file: string, part: string): void {
  if (existsSync(file)) return;
  throw new PartError(
    'MISSING',
    part,
    `${part} needs ${file}, which is not there. Run node scripts/setup.mjs (without MILLRACE_NO_INSTALL), or run the servers with docker compose up.`,
  );
}

/** The option that makes a JVM use a class archive, if it is there. One that does not fit is ignored by the JVM. */
export function archiveOption(archive: string): readonly string[] {
  return existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`, '-Xlog:cds=off'] : [];
}
