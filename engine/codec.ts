/**
 * Turns values into record bytes and back: Confluent wire format (magic 0, schema id, Avro).
 * Synchronous, for schemas already known; the shell makes them known first (`learn`).
 */
export interface Codec {
  /**
   * Throws: CodecError INVALID_VALUE with the path of the first misfit; UNKNOWN_RECORD when no schema
   * of that name was registered for the topic.
   */
  encode(topic: string, record: string, value: unknown): Uint8Array;
  /**
   * `leftOut`: what the value lacks when it is of that record; any other comes whole.
   *
   * Throws: CodecError UNDECODABLE; UNKNOWN_SCHEMA when the id has to be learnt first.
   */
  decode(
    bytes: Uint8Array,
    leftOut?: LeftOut,
  ): { readonly record: string; readonly value: unknown };
  /** False when the bytes name a schema id that `learn` has not brought yet. */
  knows(bytes: Uint8Array): boolean;
  /** Fetches the schema that the bytes name. Throws: CodecError REGISTRY_AWAY, UNDECODABLE. */
  learn(bytes: Uint8Array): Promise<void>;
}

/**
 * Fields of a record that its reader does without: their bytes are passed over, and not made into values. Shape: a path
 * each, `emits.value` for a field of the records in an array. Limits: a codec makes a reader for each such object once.
 */
export interface LeftOut {
  readonly record: string;
  readonly fields: readonly string[];
  /**
   * By name, arrays of records that come as their bytes, from the first block's count on, with how many items they have. One that was
   * written by another schema of its items comes as values.
   */
  readonly placed?: Readonly<Record<string, Place>>;
}

/** `bytes`: for whoever keeps them. */
export type Place = (bytes: Buffer, length: number) => unknown;

export type CodecErrorCode =
  'INVALID_VALUE' | 'UNKNOWN_RECORD' | 'UNKNOWN_SCHEMA' | 'UNDECODABLE' | 'REGISTRY_AWAY';

export class CodecError extends Error {
  override readonly name = 'CodecError';
  readonly code: CodecErrorCode;
  constructor(code: CodecErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
