import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { endChild, launch, untilReady, type Running } from '../../cli/stack/launch.ts';
import type { Part } from '../../cli/stack/part.ts';
import { freePort } from '../../cli/stack/ports.ts';

/** A database of a test file's own on the Postgres of the test run. */
export interface OwnDatabase {
  readonly url: string;
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  drop(): Promise<void>;
}

/** Creates an empty database on the server that DATABASE_URL names. */
export async function createDatabase(purpose: string): Promise<OwnDatabase> {
  const server = process.env['DATABASE_URL'] ?? '';
  const name = `test_${purpose}_${crypto.randomUUID().replaceAll('-', '')}`;
  await once(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href, max: 2 });
  pool.on('error', () => {});
  return {
    url: url.href,
    query: async (text, values) => (await pool.query(text, values)).rows,
    drop: async () => {
      await pool.end();
      await once(server, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

async function once(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A server that a test may stop and start again on its port, with its data. */
export interface OwnServer {
  readonly port: number;
  /** Where it keeps its data. */
  readonly folder: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** SIGSTOP: it hangs, with its connections open; SIGCONT ends that. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Stopped, and its folder gone. */
  remove(): Promise<void>;
}

/** A server on a free port, not started yet. */
export async function ownServer(
  part: (place: { readonly port: number; readonly folder: string }) => Part,
): Promise<OwnServer> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-own-'));
  const server = part({ port: await freePort(), folder: join(folder, 'data') });
  const logFile = join(folder, 'log');
  let running: Running | null = null;
  const stop = async (): Promise<void> => {
    if (running !== null) await endChild(server, running);
    running = null;
  };
  return {
    port: server.port,
    folder: join(folder, 'data'),
    start: async () => {
      running = await launch(server.name, await server.prepare(), logFile);
      await untilReady(server, running, { logFile });
    },
    stop,
    signal: (signal) => {
      if (running !== null) process.kill(running.pid, signal);
    },
    remove: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
