const SPECIAL = /["\\]/g;
const IS_SPECIAL = /["\\]/;

/** What may stand in an array for Postgres. */
export type ArrayValue = string | number | boolean | Uint8Array | null;

/**
 * An array as the text that Postgres reads; `json`: of JSON texts without white space between the parts. The driver writes arrays too, at several times the cost: it looks at each
 * element by itself, and here a column has one type.
 */
export function arrayLiteral(type: string, values: readonly ArrayValue[]): string {
  if (values.length === 0) return '{}';
  const write = WRITERS[type] ?? plain;
  let text = '{';
  for (const value of values) text += (value === null ? 'NULL' : write(value)) + ',';
  return `${text.slice(0, -1)}}`;
}

const WRITERS: Readonly<Record<string, (value: ArrayValue) => string>> = {
  text: quoted,
  json: quotedJson,
  bytea: hex,
};

/** Numbers, booleans, uuids: nothing in them needs a quote. */
function plain(value: ArrayValue): string {
  return String(value);
}

function quoted(value: ArrayValue): string {
  const text = String(value);
  return IS_SPECIAL.test(text) ? `"${text.replace(SPECIAL, '\\$&')}"` : `"${text}"`;
}

/** JSON text: full of quotes, and without a character that JSON would write in another way than an array. */
function quotedJson(value: ArrayValue): string {
  return JSON.stringify(value);
}

function hex(value: ArrayValue): string {
  const { buffer, byteOffset, byteLength } = value as Uint8Array;
  return `"\\\\x${Buffer.from(buffer, byteOffset, byteLength).toString('hex')}"`;
}
