import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { StoreError, toStoreError } from './store-error.ts';

/** Any number, the same in every version: two processes that start together take turns. */
const LOCK = 7_251_809_364;
/** How long one process waits for another that migrates, and for a locked table. */
const LOCK_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 5_000;

export interface Migration {
  /** File name; its order among the others is the order of application. */
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

export interface AppliedMigration {
  readonly name: string;
  readonly checksum: string;
}

export interface MigrationReport {
  /** Names applied by this run, in order. */
  readonly applied: readonly string[];
  /** What the database said about them: `timescaledb is not available here: …`. */
  readonly warnings: readonly string[];
}

/**
 * EDITED: a file was changed after it was applied. OUT_OF_ORDER: a new file stands before an applied one.
 * FAILED: the database refused a file, which left nothing behind. STORE_AWAY: no connection, or another
 * process kept the lock.
 */
export type MigrationErrorCode = 'EDITED' | 'OUT_OF_ORDER' | 'FAILED' | 'STORE_AWAY';

export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  readonly code: MigrationErrorCode;
  readonly reaction: 'retry' | 'stop';
  readonly canRetry: boolean;
  /** The file it is about. */
  readonly file: string | null;
  constructor(
    code: MigrationErrorCode,
    file: string | null,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.file = file;
    this.canRetry = code === 'STORE_AWAY';
    this.reaction = this.canRetry ? 'retry' : 'stop';
  }
}

/** The migrations of this repository. */
export const MIGRATIONS_DIRECTORY: string = join(import.meta.dirname, 'migrations');
/** What a superuser runs on a database so that migrations need none. */
export const ROLES_FILE: string = join(import.meta.dirname, 'roles.sql');

/**
 * Applies the migrations that the database does not have yet, each in a transaction of its own.
 *
 * Order: before anything else uses the database; again at every start, where it applies nothing.
 * Throws: MigrationError (stop; STORE_AWAY: retry).
 * Source: B-12.
 */
export async function migrate(
  connectionString: string,
  directory: string = MIGRATIONS_DIRECTORY,
): Promise<MigrationReport> {
  const files = await readMigrations(directory);
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  const warnings: string[] = [];
  client.on('error', () => {});
  client.on('notice', (notice) => {
    if (notice.severity === 'WARNING' && notice.message) warnings.push(notice.message);
  });
  try {
    await client.connect();
    await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    const pending = pendingMigrations(files, await readApplied(client));
    for (const migration of pending) await apply(client, migration);
    return { applied: pending.map(({ name }) => name), warnings };
  } catch (error) {
    throw toMigrationError(error);
  } finally {
    // Ends the advisory lock too.
    await client.end();
  }
}

/** The `.sql` files of a folder in lexical order. */
export async function readMigrations(directory: string): Promise<readonly Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = (await readFile(join(directory, name), 'utf8')).replaceAll('\r\n', '\n');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * What is left to apply, in lexical order. A file that was applied and is gone is no error: an older version
 * of the program may start beside a newer one.
 *
 * Throws: MigrationError EDITED or OUT_OF_ORDER (stop).
 */
export function pendingMigrations(
  files: readonly Migration[],
  applied: readonly AppliedMigration[],
): readonly Migration[] {
  const checksums = new Map(applied.map(({ name, checksum }) => [name, checksum]));
  const last = [...checksums.keys()].sort().at(-1) ?? '';
  const inOrder = files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return inOrder.filter(({ name, checksum }) => {
    const before = checksums.get(name);
    if (before === undefined && name < last) throw outOfOrder(name, last);
    if (before !== undefined && before !== checksum) throw edited(name);
    return before === undefined;
  });
}

function edited(name: string): MigrationError {
  return new MigrationError(
    'EDITED',
    name,
    `${name} differs from what was applied to this database. ` +
      'Restore the file and put the change into a new one.',
  );
}

function outOfOrder(name: string, last: string): MigrationError {
  return new MigrationError(
    'OUT_OF_ORDER',
    name,
    `${name} is new but stands before ${last}, which is applied. Give it a name after ${last}.`,
  );
}

async function readApplied(client: pg.Client): Promise<readonly AppliedMigration[]> {
  await client.query(
    `CREATE TABLE IF NOT EXISTS schema_migrations (
       name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
     )`,
  );
  const { rows } = await client.query<AppliedMigration>(
    'SELECT name, checksum FROM schema_migrations',
  );
  return rows;
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(sql);
    await client.query('INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)', [
      name,
      checksum,
    ]);
    await client.query('COMMIT');
  } catch (error) {
    throw toMigrationError(error, name);
  }
}

function toMigrationError(error: unknown, file: string | null = null): MigrationError {
  if (error instanceof MigrationError) return error;
  const away = toStoreError(error, file ?? 'migrating');
  if (away instanceof StoreError && away.canRetry) {
    return new MigrationError('STORE_AWAY', file, away.message, { cause: error });
  }
  return new MigrationError(
    'FAILED',
    file,
    `${file ?? 'The table of migrations'} was refused and undone: ${String(error)}. ` +
      'Correct the file, or what this user may do, and start again.',
    { cause: error },
  );
}
