import {
  type Connection,
  fetchV10,
  fetchV11,
  fetchV12,
  fetchV13,
  fetchV14,
  fetchV15,
  fetchV16,
  fetchV17,
  fetchV4,
  fetchV5,
  fetchV6,
  fetchV7,
  fetchV8,
  fetchV9,
  type Reader,
} from '@platformatic/kafka';
import type { Bytes } from './record-decoder.ts';

/*
 * A Fetch whose answer keeps the records of a partition as the bytes they came as, for record-decoder.ts: the library would read them
 * at once. Requests are its own.
 */

/** What a Fetch is asked with, as the library's requests have it. */
export type FetchArguments = Parameters<typeof fetchV17.createRequest>;

export interface PartitionAnswer {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  /** -1: a broker before version 5 does not say it. */
  readonly logStartOffset: number;
  /** null: none. */
  readonly records: Bytes | null;
}

export interface FetchAnswer {
  /** Of the request as a whole. */
  readonly errorCode: number;
  readonly topics: readonly {
    /** Up to version 12 the name, later the id. */
    readonly topic: string;
    readonly partitions: readonly PartitionAnswer[];
  }[];
}

const FETCH = 1;
const FIRST_WITH_LOG_START = 5;
const FIRST_WITH_ERROR = 7;
const FIRST_WITH_PREFERRED_REPLICA = 11;
/** From here on lengths are compact, and structures have tags. */
const FIRST_FLEXIBLE = 12;
const FIRST_BY_ID = 13;

type CreateRequest = (...args: FetchArguments) => ReturnType<typeof fetchV17.createRequest>;

/** What makes the requests, by version; all versions of today's brokers are among them. */
const REQUESTS: ReadonlyMap<number, CreateRequest> = new Map(
  [
    ...[fetchV4, fetchV5, fetchV6, fetchV7, fetchV8, fetchV9, fetchV10, fetchV11],
    ...[fetchV12, fetchV13, fetchV14, fetchV15, fetchV16, fetchV17],
  ].map(({ api, createRequest }) => [api.version, createRequest as CreateRequest]),
);

/** Up to this version a Fetch names its topics; later ones give their ids. */
export const LAST_VERSION_BY_NAME = FIRST_BY_ID - 1;

/** Whether a version of Fetch can be asked here. */
export function speaksFetch(version: number): boolean {
  return REQUESTS.has(version);
}

/** Sends one Fetch. Throws: the library's errors. */
export function fetchFrom(
  connection: Connection,
  version: number,
  args: FetchArguments,
): Promise<FetchAnswer> {
  const createRequest = REQUESTS.get(version) as CreateRequest;
  const flexible = version >= FIRST_FLEXIBLE;
  return new Promise((resolve, reject) =>
    connection.send(
      FETCH,
      version,
      () => createRequest(...args),
      (_correlationId, _apiKey, _apiVersion, reader) => parseFetch(version, reader),
      flexible,
      flexible,
      (error, answer) => (error ? reject(error) : resolve(answer as FetchAnswer)),
    ),
  );
}

/** Source: Kafka's protocol guide, Fetch Response. */
export function parseFetch(version: number, reader: Reader): FetchAnswer {
  const flexible = version >= FIRST_FLEXIBLE;
  reader.readInt32(); // how long it was throttled
  const errorCode = version >= FIRST_WITH_ERROR ? reader.readInt16() : 0;
  if (version >= FIRST_WITH_ERROR) reader.readInt32(); // session
  const topics = reader.readArray(
    (each) => ({
      topic: version >= FIRST_BY_ID ? each.readUUID() : each.readString(flexible),
      partitions: each.readArray((one) => partitionOf(version, one), flexible, flexible),
    }),
    flexible,
    flexible,
  );
  if (flexible) reader.readTaggedFields();
  return { errorCode, topics };
}

function partitionOf(version: number, reader: Reader): PartitionAnswer {
  const flexible = version >= FIRST_FLEXIBLE;
  const partition = reader.readInt32();
  const errorCode = reader.readInt16();
  const highWatermark = Number(reader.readInt64());
  reader.readInt64(); // last stable offset: transactions are not asked for
  const logStartOffset = version >= FIRST_WITH_LOG_START ? Number(reader.readInt64()) : -1;
  reader.readNullableArray(
    (aborted) => {
      aborted.readInt64();
      aborted.readInt64();
    },
    flexible,
    flexible,
  );
  if (version >= FIRST_WITH_PREFERRED_REPLICA) reader.readInt32();
  const records = recordsOf(reader, flexible);
  return { partition, errorCode, highWatermark, logStartOffset, records };
}

/** In the pieces in which they came. */
function recordsOf(reader: Reader, flexible: boolean): Bytes | null {
  const length = flexible ? reader.readUnsignedVarInt() - 1 : reader.readInt32();
  if (length <= 0) return null;
  const from = reader.position;
  reader.skip(length);
  return reader.buffer.subarray(from, from + length);
}
