import { afterAll, beforeAll, expect, it } from 'vitest';
import { Database } from '../../connectors/postgres/index.ts';
import { type ArrayValue, arrayBytes } from '../../connectors/postgres/array-bytes.ts';
import { createDatabase, type OwnDatabase } from './own-servers.ts';

let own: OwnDatabase;
let database: Database;
beforeAll(async () => {
  own = await createDatabase('arrays');
  database = new Database(own.url);
});
afterAll(async () => {
  await database?.close();
  await own?.drop();
});

const ID = '0123abcd-ef01-4234-8567-89abcdef0123';
const CASES: readonly { readonly type: string; readonly values: readonly ArrayValue[] }[] = [
  { type: 'text', values: ['a', 'a', null, 'é"\\{},', '', '', '🂡'.repeat(50), 'a'] },
  { type: 'bigint', values: [0, -1, 1, null, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 32, -(2 ** 32)] },
  { type: 'int', values: [0, -(2 ** 31), 2 ** 31 - 1, null, null] },
  { type: 'boolean', values: [true, false, null, true] },
  { type: 'uuid', values: [ID, ID, null, ID.replace('0', 'f')] },
  { type: 'bytea', values: [Buffer.from([0, 255, 1]), Buffer.alloc(0), null, Buffer.alloc(3, 7)] },
  { type: 'text', values: [] },
];

it.each(CASES)('Postgres reads arrays of $type as they were given', async ({ type, values }) => {
  const read = type === 'bytea' ? `encode(value, 'hex')` : 'value::text';
  const rows = await database.query<{ read: string | null }>(
    'reading an array',
    `SELECT ${read} AS read FROM unnest($1::${type}[]) WITH ORDINALITY AS given(value, at) ORDER BY at`,
    [arrayBytes(type, values)],
  );
  const written = (value: ArrayValue): string | null =>
    value instanceof Uint8Array
      ? Buffer.from(value).toString('hex')
      : value === null
        ? null
        : `${value}`;
  expect(rows.map((row) => row.read)).toEqual(values.map(written));
});

it('refuses what is no UUID, and types without a form', () => {
  expect(() => arrayBytes('uuid', ['0123'])).toThrow('0123 is no UUID');
  expect(() => arrayBytes('money', [])).toThrow('no binary form');
});
