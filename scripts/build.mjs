// Makes dist/: the package as JavaScript with declarations, and beside it the files that it reads. Plain Node 20.
// `npm run typecheck` has checked these sources; they are only rewritten here (docs/adr/013-package.md).
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const TARGET = join(ROOT, 'dist');
/** Read at run time by the module that stands beside them. */
const READ_FILES = [
  ...['avro/schemas', 'config/assets.json', 'connectors/redis/users.acl'],
  ...['connectors/postgres/migrations', 'connectors/postgres/roles.sql'],
  'gateway/page',
];

rmSync(TARGET, { recursive: true, force: true });
const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const project = join(ROOT, 'tsconfig.build.json');
const { status } = spawnSync(process.execPath, [compiler, '-p', project], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
for (const path of READ_FILES) cpSync(join(ROOT, path), join(TARGET, path), { recursive: true });
