import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  MIGRATIONS_DIRECTORY,
  pendingMigrations,
  readMigrations,
} from '../../connectors/postgres/migrate.ts';

const file = (name: string, checksum = `sum of ${name}`) => ({ name, sql: 'SELECT 1', checksum });

describe('pendingMigrations', () => {
  it('B-12 gives all files in lexical order, however they are listed', () => {
    const pending = pendingMigrations(
      [file('0010_c.sql'), file('0002_b.sql'), file('0001_a.sql')],
      [],
    );
    expect(pending.map(({ name }) => name)).toEqual(['0001_a.sql', '0002_b.sql', '0010_c.sql']);
  });

  it('B-12 leaves out what is applied', () => {
    const files = [file('0001_a.sql'), file('0002_b.sql')];
    expect(pendingMigrations(files, [file('0001_a.sql')])).toEqual([file('0002_b.sql')]);
    expect(pendingMigrations(files, files)).toEqual([]);
  });

  it('B-12 refuses by name a file that was edited after it was applied', () => {
    const applied = [file('0001_a.sql'), file('0002_b.sql', 'another')];
    expect(() => pendingMigrations([file('0001_a.sql'), file('0002_b.sql')], applied)).toThrow(
      expect.objectContaining({ code: 'EDITED', file: '0002_b.sql', reaction: 'stop' }),
    );
  });

  it('B-12 refuses a new file that stands before an applied one', () => {
    expect(() =>
      pendingMigrations([file('0001_a.sql'), file('0002_b.sql')], [file('0002_b.sql')]),
    ).toThrow(expect.objectContaining({ code: 'OUT_OF_ORDER', file: '0001_a.sql' }));
  });

  it('starts beside a newer version whose file it does not have', () => {
    const applied = [file('0001_a.sql'), file('0002_b.sql')];
    expect(pendingMigrations([file('0001_a.sql')], applied)).toEqual([]);
  });
});

describe('the migrations of the repository', () => {
  it('B-12 are numbered without a gap or a double', async () => {
    const names = (await readdir(MIGRATIONS_DIRECTORY)).sort();
    expect(names.map((name) => Number(name.slice(0, 4)))).toEqual(names.map((_, n) => n + 1));
  });

  it('B-11 document the three key families in a file that creates nothing', async () => {
    const migrations = await readMigrations(MIGRATIONS_DIRECTORY);
    const sql = migrations.find(({ name }) => name === '0002_read_models.sql')?.sql ?? '';
    for (const family of ['intent:{id}', 'plan:{id}', 'positions:{strategyId}']) {
      expect(sql).toContain(family);
    }
    const statements = sql.split('\n').filter((line) => line !== '' && !line.startsWith('--'));
    expect(statements).toEqual(['SELECT 1;']);
  });
});
