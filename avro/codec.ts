import type { Type } from 'avsc';
import { CodecError } from '../engine/codec.ts';
import type { Codec, LeftOut } from '../engine/codec.ts';
import { parseType } from './avsc-type.ts';
import { subjectOf } from './catalogue.ts';
import type { TopicRecord } from './catalogue.ts';
import { addSubject } from './register.ts';
import { RegistryError, SchemaRegistry } from './registry.ts';
import { loadSchemas, withoutFields } from './schemas.ts';
import type { NamedSchema, Schemas } from './schemas.ts';

export interface OfflineOptions {
  /** What will be encoded; everything of these records can be decoded. */
  readonly subjects: readonly TopicRecord[];
  /** Default: those of avro/schemas/. */
  readonly schemas?: Schemas;
}

export interface AvroCodecOptions extends OfflineOptions {
  readonly registryUrl: string;
  /** TOPIC_PREFIX: part of the subjects' names. `encode` takes topics without it. */
  readonly topicPrefix?: string;
  /** Default 5,000, of one request to the registry. */
  readonly requestTimeoutMs?: number;
}

interface Writer {
  readonly id: number;
  readonly type: Type;
}

/** A record as this program knows it. */
interface Known {
  readonly schema: NamedSchema;
  readonly type: Type;
}

type Read = (body: Buffer) => unknown;

interface Reader {
  readonly record: string;
  readonly written: Type;
  readonly schema: NamedSchema;
  readonly read: Read;
  /** Those that read less of it. */
  readonly reduced: WeakMap<LeftOut, Read>;
}

const MAGIC = 0;
const PREFIX_BYTES = 5;
const FIRST_SCRATCH_BYTES = 16 * 1024;
/** Schemas of foreign ids kept at once; the oldest goes. An id costs some kilobytes. */
const MAX_LEARNT = 1_000;
/** Requests to the registry at once while a process starts: as many connections. */
const AT_ONCE = 8;

/**
 * The Codec on avsc and a Confluent schema registry.
 *
 * Shape: magic 0, schema id as 4 bytes big-endian, Avro body. Longs are numbers, bytes are Buffers, unions
 * are not wrapped, fields with a default may be left out.
 * Limits: 1,000 learnt schemas; ids that the registry does not know are asked for again each time.
 */
export class AvroCodec implements Codec {
  readonly #registry: SchemaRegistry | null;
  readonly #writers = new Map<string, Map<string, Writer>>();
  readonly #known = new Map<string, Known>();
  readonly #readers = new Map<number, Reader>();
  readonly #learnt = new Map<number, Reader>();
  readonly #learning = new Map<number, Promise<void>>();
  #scratch = Buffer.allocUnsafeSlow(FIRST_SCRATCH_BYTES);

  private constructor(registry: SchemaRegistry | null) {
    this.#registry = registry;
  }

  /**
   * Registers every schema (BACKWARD, unless its subject says otherwise) and learns its id.
   *
   * Throws: CodecError REGISTRY_AWAY; RegistryError INCOMPATIBLE and others. Both: do not start (K-07).
   */
  static async start(options: AvroCodecOptions): Promise<AvroCodec> {
    const { registryUrl: url, requestTimeoutMs: timeoutMs, topicPrefix } = options;
    const registry = new SchemaRegistry({ url, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    const codec = new AvroCodec(registry);
    const schemas = options.schemas ?? loadSchemas();
    try {
      const wanted = options.subjects.map((subject) => {
        const schema = schemas.get(subject.record);
        return { subject, schema, name: subjectOf(subject, topicPrefix) };
      });
      const known = await inPortions(wanted, ({ name, schema }) =>
        registry.find(name, JSON.stringify(schema)),
      );
      // New ones one by one: some registries refuse the same schema under two subjects at once.
      for (const [index, { subject, schema, name }] of wanted.entries()) {
        const { compatibility } = subject;
        codec.#add(
          subject,
          schema,
          known[index] ?? (await addSubject(registry, name, JSON.stringify(schema), compatibility)),
        );
      }
    } catch (error) {
      throw asCodecError(error);
    }
    return codec;
  }

  /** For looking only: reads what stands in a registry, by our schema where there is one, and registers nothing. */
  static reading(options: AvroCodecOptions): AvroCodec {
    const { registryUrl: url, requestTimeoutMs: timeoutMs } = options;
    const registry = new SchemaRegistry({ url, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    const codec = new AvroCodec(registry);
    const schemas = options.schemas ?? loadSchemas();
    for (const { record } of options.subjects) codec.#know(record, schemas.get(record));
    return codec;
  }

  /** Without a registry: records get the ids 1, 2, … in the order given. For tests and drivers. */
  static offline(options: OfflineOptions): AvroCodec {
    const codec = new AvroCodec(null);
    const schemas = options.schemas ?? loadSchemas();
    const names = [...new Set(options.subjects.map(({ record }) => record))];
    for (const subject of options.subjects) {
      codec.#add(subject, schemas.get(subject.record), names.indexOf(subject.record) + 1);
    }
    return codec;
  }

  #know(record: string, schema: NamedSchema): Known {
    const known = this.#known.get(record) ?? { schema, type: parseType(schema) };
    this.#known.set(record, known);
    return known;
  }

  #add({ topic, record }: TopicRecord, schema: NamedSchema, id: number): void {
    const known = this.#know(record, schema);
    const { type } = known;
    const writers = this.#writers.get(topic) ?? new Map<string, Writer>();
    this.#writers.set(topic, writers.set(record, { id, type }));
    this.#readers.set(id, readerOf(record, type, known));
  }

  encode(topic: string, record: string, value: unknown): Uint8Array {
    const writer = this.#writers.get(topic)?.get(record);
    if (!writer) throw this.#unknownRecord(topic, record);
    let end: number;
    try {
      end = writer.type.encode(value, this.#scratch, PREFIX_BYTES);
      if (end < 0) {
        this.#scratch = Buffer.allocUnsafeSlow(2 * (this.#scratch.length - end));
        end = writer.type.encode(value, this.#scratch, PREFIX_BYTES);
      }
    } catch (error) {
      throw invalidValue(writer.type, topic, record, value, error);
    }
    const bytes = Buffer.allocUnsafe(end);
    this.#scratch.copy(bytes, PREFIX_BYTES, PREFIX_BYTES, end);
    bytes[0] = MAGIC;
    bytes.writeUInt32BE(writer.id, 1);
    return bytes;
  }

  decode(
    bytes: Uint8Array,
    leftOut?: LeftOut,
  ): { readonly record: string; readonly value: unknown } {
    const id = schemaIdOf(bytes);
    const reader = this.#readerOf(id);
    if (!reader) {
      throw new CodecError('UNKNOWN_SCHEMA', `schema ${id} is not known yet; learn it first`);
    }
    try {
      const read = leftOut?.record === reader.record ? reducedBy(reader, leftOut) : reader.read;
      return { record: reader.record, value: read(bodyOf(bytes)) };
    } catch (cause) {
      throw new CodecError(
        'UNDECODABLE',
        `${bytes.length} bytes are no ${reader.record} (schema ${id}): ${reasonOf(cause)}`,
        { cause },
      );
    }
  }

  knows(bytes: Uint8Array): boolean {
    return !isFramed(bytes) || this.#readerOf(schemaIdOf(bytes)) !== undefined;
  }

  async learn(bytes: Uint8Array): Promise<void> {
    const id = schemaIdOf(bytes);
    if (this.#readerOf(id)) return;
    const running = this.#learning.get(id);
    if (running) return running;
    const started = this.#fetch(id).finally(() => this.#learning.delete(id));
    this.#learning.set(id, started);
    return started;
  }

  /** Schema id that `encode` writes for this record, as the registry gave it. Throws: UNKNOWN_RECORD. */
  idOf(topic: string, record: string): number {
    const writer = this.#writers.get(topic)?.get(record);
    if (!writer) throw this.#unknownRecord(topic, record);
    return writer.id;
  }

  #readerOf(id: number): Reader | undefined {
    return this.#readers.get(id) ?? this.#learnt.get(id);
  }

  async #fetch(id: number): Promise<void> {
    if (!this.#registry) {
      throw new CodecError(
        'UNDECODABLE',
        `schema ${id} is unknown, and this codec has no registry`,
      );
    }
    let reader: Reader;
    try {
      reader = this.#readerFor(await this.#registry.schemaById(id));
    } catch (cause) {
      if (cause instanceof RegistryError && cause.code === 'AWAY') throw asCodecError(cause);
      throw new CodecError('UNDECODABLE', `schema ${id} is of no use: ${reasonOf(cause)}`, {
        cause,
      });
    }
    const oldest = this.#learnt.keys().next();
    if (this.#learnt.size >= MAX_LEARNT && !oldest.done) this.#learnt.delete(oldest.value);
    this.#learnt.set(id, reader);
  }

  /** Reads by our schema of the same record where there is one, else by the writer's own. */
  #readerFor(text: string): Reader {
    const schema = JSON.parse(text) as NamedSchema;
    const written = parseType(schema);
    const record = written.name ?? '(unnamed)';
    return readerOf(record, written, this.#known.get(record) ?? { schema, type: written });
  }

  #unknownRecord(topic: string, record: string): CodecError {
    const known = [...(this.#writers.get(topic)?.keys() ?? [])].join(', ') || 'nothing';
    return new CodecError(
      'UNKNOWN_RECORD',
      `topic ${topic} has no record ${record}; it has ${known}; name it in the codec's subjects`,
    );
  }
}

function readerOf(record: string, written: Type, { schema, type }: Known): Reader {
  return { record, written, schema, read: readAs(type, written), reduced: new WeakMap() };
}

/** Reads what one type wrote as a value of another, or of the same. */
function readAs(type: Type, written: Type): Read {
  if (type === written) return (body) => type.fromBuffer(body);
  const resolver = type.createResolver(written);
  return (body) => type.fromBuffer(body, resolver);
}

function reducedBy({ written, schema, reduced }: Reader, leftOut: LeftOut): Read {
  let read = reduced.get(leftOut);
  if (read === undefined) {
    const { fields, placed } = leftOut;
    read = readAs(parseType(withoutFields(schema, fields), placed), written);
    reduced.set(leftOut, read);
  }
  return read;
}

function isFramed(bytes: Uint8Array): boolean {
  return bytes.length >= PREFIX_BYTES && bytes[0] === MAGIC;
}

function schemaIdOf(bytes: Uint8Array): number {
  if (isFramed(bytes)) {
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(1);
  }
  const start = Buffer.from(bytes.subarray(0, PREFIX_BYTES)).toString('hex');
  throw new CodecError(
    'UNDECODABLE',
    `${bytes.length} bytes beginning ${start || '(none)'} lack the magic 0 and the schema id before the body`,
  );
}

function bodyOf(bytes: Uint8Array): Buffer {
  return Buffer.from(
    bytes.buffer,
    bytes.byteOffset + PREFIX_BYTES,
    bytes.byteLength - PREFIX_BYTES,
  );
}

function invalidValue(
  type: Type,
  topic: string,
  record: string,
  value: unknown,
  cause: unknown,
): CodecError {
  let misfit = reasonOf(cause);
  let found = false;
  type.isValid(value, {
    errorHook: (path, part, expected) => {
      if (found) return;
      found = true;
      misfit = `${path.join('.') || 'the value'} is ${shown(part)}, not ${shownType(expected)}`;
    },
  });
  const message = `no ${record} for topic ${topic}: ${misfit}; correct the value where it is made`;
  return new CodecError('INVALID_VALUE', message, { cause });
}

function shown(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  const text = value instanceof Function ? 'a function' : (JSON.stringify(value) ?? String(value));
  const cut = text.length > 200 ? text.slice(0, 200) + '…' : text;
  return value === null || value === undefined ? cut : `${cut} (${typeof value})`;
}

function shownType(type: Type): string {
  const text = JSON.stringify(type.schema({ noDeref: true } as never));
  return text.length > 200 ? (type.name ?? type.typeName) : text;
}

function asCodecError(error: unknown): unknown {
  if (!(error instanceof RegistryError) || error.code !== 'AWAY') return error;
  return new CodecError('REGISTRY_AWAY', error.message, { cause: error });
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** AT_ONCE of them at a time; results in their order. */
async function inPortions<One, Result>(
  all: readonly One[],
  act: (one: One) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < all.length; from += AT_ONCE)
    results.push(...(await Promise.all(all.slice(from, from + AT_ONCE).map(act))));
  return results;
}
