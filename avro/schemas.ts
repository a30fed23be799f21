import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SchemaField {
  readonly name: string;
  readonly type: Schema;
  readonly doc?: string;
  readonly default?: unknown;
}

/** A named type of Avro as it stands in an .avsc file. */
export interface NamedSchema {
  readonly type: 'record' | 'enum';
  readonly name: string;
  readonly namespace?: string;
  readonly doc?: string;
  readonly fields?: readonly SchemaField[];
  readonly symbols?: readonly string[];
}

export type Schema =
  | string
  | readonly Schema[]
  | NamedSchema
  | { readonly type: 'array'; readonly items: Schema }
  | { readonly type: 'map'; readonly values: Schema }
  | { readonly type: 'long'; readonly logicalType: string };

/** The schemas of the folder, and each made self-contained, by full name. */
export interface Schemas {
  /** File by file: the folder they stand in (the family) and the schema as written. */
  readonly files: readonly { readonly family: string; readonly schema: NamedSchema }[];
  /** With every reference inlined where it first occurs, as the registry wants it. */
  get(fullName: string): NamedSchema;
}

const FOLDER = join(import.meta.dirname, 'schemas');

/**
 * Reads `<folder>/<family>/*.avsc`.
 *
 * Throws: Error when a file is no JSON, or `get` is asked for a name that no file has.
 */
export function loadSchemas(folder: string = FOLDER): Schemas {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.avsc'))
    .sort()
    .map((path) => ({
      family: path.split(/[\\/]/)[0] ?? '',
      schema: JSON.parse(readFileSync(join(folder, path), 'utf8')) as NamedSchema,
    }));
  return schemasOf(files);
}

/** Schemas of a program of one's own, on top of others: they may refer to these by full name. */
export function extendSchemas(base: Schemas, extra: readonly NamedSchema[]): Schemas {
  return schemasOf([...base.files, ...extra.map((schema) => ({ family: 'own', schema }))]);
}

/** The record of an event: envelope, the payload's fields, unknown keys, bytes received. */
export function eventSchema(options: {
  readonly namespace: string;
  readonly name: string;
  readonly fields: readonly SchemaField[];
}): NamedSchema {
  const { namespace, name, fields } = options;
  const payload: NamedSchema = { type: 'record', namespace, name: `${name}Payload`, fields };
  return {
    type: 'record',
    namespace,
    name,
    fields: [
      { name: 'envelope', type: 'millrace.envelope.v1.EventEnvelope' },
      { name: 'payload', type: payload },
      { name: 'payload_extra', type: { type: 'map', values: 'string' }, default: {} },
      { name: 'raw', type: ['null', 'bytes'], default: null },
    ],
  };
}

/** The record without some of its fields; a path leads into the records of an array: `emits.value`. */
export function withoutFields(schema: NamedSchema, paths: readonly string[]): NamedSchema {
  const fields = schema.fields
    ?.filter(({ name }) => !paths.includes(name))
    .map((field) => {
      const start = `${field.name}.`;
      const inner = paths.filter((path) => path.startsWith(start));
      const rest = inner.map((path) => path.slice(start.length));
      return rest.length === 0 ? field : { ...field, type: itemsWithout(field.type, rest) };
    });
  return { ...schema, ...(fields && { fields }) };
}

function itemsWithout(type: Schema, paths: readonly string[]): Schema {
  const isOfRecords = typeof type === 'object' && 'items' in type && isRecord(type.items);
  if (!isOfRecords) throw new Error(`${paths.join(', ')}: no array of records has these fields`);
  return { ...type, items: withoutFields(type.items, paths) };
}

function isRecord(type: Schema): type is NamedSchema {
  return typeof type === 'object' && 'fields' in type;
}

function schemasOf(files: Schemas['files']): Schemas {
  const byName = new Map(files.map(({ schema }) => [fullNameOf(schema), schema]));
  return {
    files,
    get(fullName) {
      const schema = byName.get(fullName);
      if (schema) return inline(schema, byName, new Set()) as NamedSchema;
      throw new Error(
        `no schema is named ${fullName}; there are ${[...byName.keys()].join(', ')}; add an .avsc file under avro/schemas/`,
      );
    },
  };
}

export function fullNameOf(schema: NamedSchema): string {
  return schema.namespace ? `${schema.namespace}.${schema.name}` : schema.name;
}

// The same object type twice in one schema is an error in Avro: the second occurrence stays a reference.
function inline(
  schema: Schema,
  byName: ReadonlyMap<string, NamedSchema>,
  done: Set<string>,
): Schema {
  if (typeof schema === 'string') {
    const named = done.has(schema) ? undefined : byName.get(schema);
    return named ? inline(named, byName, done) : schema;
  }
  if (isUnion(schema)) return schema.map((branch) => inline(branch, byName, done));
  if (schema.type === 'array') return { ...schema, items: inline(schema.items, byName, done) };
  if (schema.type === 'map') return { ...schema, values: inline(schema.values, byName, done) };
  if (schema.type === 'long') return schema;
  done.add(fullNameOf(schema));
  if (!schema.fields) return schema;
  const fields = schema.fields.map((field) => ({
    ...field,
    type: inline(field.type, byName, done),
  }));
  return { ...schema, fields };
}

export function isUnion(schema: Schema): schema is readonly Schema[] {
  return Array.isArray(schema);
}
