import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../cli/stack/ports.ts';
import { migrate } from '../../connectors/postgres/index.ts';
import { createDatabase, type OwnDatabase } from './own-servers.ts';

let database: OwnDatabase;
beforeEach(async () => {
  database = await createDatabase('migrate');
});
afterEach(() => database.drop());

describe('migrate', () => {
  it('B-08 creates events with its columns and types', async () => {
    await migrate(database.url);
    const columns = await database.query(
      `SELECT column_name || ' ' || data_type AS declared FROM information_schema.columns
       WHERE table_name = 'events'`,
    );
    expect(columns.map(({ declared }) => declared as string)).toEqual(
      expect.arrayContaining([
        'time timestamp with time zone',
        'event_id text',
        'topic text',
        'correlation_id text',
        'causation_id text',
        'payload jsonb',
        'version integer',
        'family text',
        'sequence bigint',
        'ingest_ts timestamp with time zone',
      ]),
    );
  });

  it('B-09 X-10 creates its indexes and a primary key with the time', async () => {
    await migrate(database.url);
    const indexes = await database.query(
      `SELECT regexp_replace(indexdef, '.* USING btree ', '') AS columns FROM pg_indexes
       WHERE tablename IN ('events', 'event_dedup') ORDER BY 1`,
    );
    expect(indexes.map(({ columns }) => columns as string)).toEqual([
      `(((payload ->> 'planId'::text))) WHERE (topic = 'plan.created'::text)`,
      '(correlation_id, "time" DESC)',
      '(event_id)',
      '(event_id, "time")',
      '(topic, "time" DESC)',
    ]);
  });

  it('B-10 makes a hypertable, or says that it is none', async () => {
    const { warnings } = await migrate(database.url);
    const [extension] = await database.query(
      `SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'`,
    );
    if (extension === undefined) {
      expect(warnings).toEqual([
        expect.stringContaining('timescaledb is not available'),
        expect.stringContaining('events is partitioned by month'),
      ]);
    } else {
      const hypertables = await database.query(
        `SELECT hypertable_name FROM timescaledb_information.hypertables`,
      );
      expect(hypertables).toEqual([{ hypertable_name: 'events' }]);
      expect(warnings).toEqual([]);
    }
  });

  it('B-12 applies nothing the second time', async () => {
    const first = await migrate(database.url);
    expect(first.applied.slice(0, 2)).toEqual(['0001_events.sql', '0002_read_models.sql']);
    expect(await migrate(database.url)).toEqual({ applied: [], warnings: [] });
  });

  it('B-12 lets processes that start together apply each file once', async () => {
    const reports = await Promise.all(Array.from({ length: 4 }, () => migrate(database.url)));
    const [recorded] = await database.query('SELECT count(*)::int FROM schema_migrations');
    expect(reports.flatMap(({ applied }) => applied)).toHaveLength(recorded?.['count'] as number);
    expect(reports.filter(({ applied }) => applied.length > 0)).toHaveLength(1);
  });

  it('says that Postgres is away, and that it may be tried again', async () => {
    const url = `postgres://millrace:millrace@127.0.0.1:${await freePort()}/millrace`;
    await expect(migrate(url)).rejects.toMatchObject({ code: 'STORE_AWAY', canRetry: true });
  });
});

describe('migrate, a folder of its own', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-migrations-'));
    await writeFile(join(folder, '0001_a.sql'), 'CREATE TABLE a (n int);');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('B-12 refuses an edited file by name and applies nothing after it', async () => {
    await migrate(database.url, folder);
    await writeFile(join(folder, '0001_a.sql'), 'CREATE TABLE a (n bigint);');
    await writeFile(join(folder, '0002_b.sql'), 'CREATE TABLE b (n int);');
    await expect(migrate(database.url, folder)).rejects.toMatchObject({
      code: 'EDITED',
      message: expect.stringContaining('0001_a.sql') as string,
    });
    expect(await database.query(`SELECT 1 FROM pg_tables WHERE tablename = 'b'`)).toEqual([]);
  });

  it('B-12 leaves nothing of a file that fails, and applies it once it is corrected', async () => {
    await writeFile(join(folder, '0002_b.sql'), 'CREATE TABLE b (n int); SELECT nothing_such();');
    await expect(migrate(database.url, folder)).rejects.toMatchObject({
      code: 'FAILED',
      file: '0002_b.sql',
    });
    expect(await database.query(`SELECT 1 FROM pg_tables WHERE tablename = 'b'`)).toEqual([]);
    await writeFile(join(folder, '0002_b.sql'), 'CREATE TABLE b (n int);');
    expect((await migrate(database.url, folder)).applied).toEqual(['0002_b.sql']);
  });
});
