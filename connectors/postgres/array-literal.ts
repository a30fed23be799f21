const SPECIAL = /["\\]/g;

/** What may stand in an array for Postgres. */
export type ArrayValue = string | number | boolean | Uint8Array | null;

/**
 * An array as the text that Postgres reads. The driver writes arrays too, at several times the cost: it looks at each
 * element by itself, and here a column has one type.
 */
export function arrayLiteral(type: string, values: readonly ArrayValue[]): string {
  if (values.length === 0) return '{}';
  const write = type === 'text' ? quoted : type === 'bytea' ? hex : plain;
  let text = '{';
  for (const value of values) text += (value === null ? 'NULL' : write(value)) + ',';
  return `${text.slice(0, -1)}}`;
}

/** Numbers, booleans, uuids: nothing in them needs a quote. */
function plain(value: ArrayValue): string {
  return String(value);
}

function quoted(value: ArrayValue): string {
  return `"${String(value).replace(SPECIAL, '\\$&')}"`;
}

function hex(value: ArrayValue): string {
  const { buffer, byteOffset, byteLength } = value as Uint8Array;
  return `"\\\\x${Buffer.from(buffer, byteOffset, byteLength).toString('hex')}"`;
}
