/*
 * The parts of kafkajs 2.2.4 that the adapter stands on, below its public classes. They are not the library's promise;
 * the version is pinned, and it is its last (docs/adr/004-kafka-client.md).
 */

declare module 'kafkajs/src/protocol/encoder.js' {
  export default class Encoder {
    readonly buffer: Buffer;
    writeInt8(value: number): this;
    writeInt16(value: number): this;
    writeInt32(value: number): this;
    writeInt64(value: number | bigint): this;
    writeBoolean(value: boolean): this;
    writeString(value: string | null): this;
    writeUVarIntString(value: string | null): this;
    writeUVarInt(value: number): this;
    writeBuffer(value: Buffer): this;
    writeEncoder(value: Encoder): this;
  }
}

declare module 'kafkajs/src/protocol/decoder.js' {
  export default class Decoder {
    constructor(buffer: Buffer);
    offset: number;
    readonly buffer: Buffer;
    canReadBytes(length: number): boolean;
    readInt8(): number;
    readInt16(): number;
    readInt32(): number;
    readInt64(): bigint;
    readBoolean(): boolean;
    readString(): string | null;
    readUVarIntString(): string | null;
    readUVarInt(): number;
    readBytes(length: number): Buffer;
    readTaggedFields(): unknown;
  }
}

declare module 'kafkajs/src/protocol/recordBatch/v0/decoder.js' {
  import type Decoder from 'kafkajs/src/protocol/decoder.js';

  /** Numbers of 64 bits come as text. */
  export default function decodeRecordBatch(decoder: Decoder): Promise<{
    readonly firstOffset: string;
    readonly lastOffsetDelta: number;
    readonly partitionLeaderEpoch: number;
    readonly isControlBatch: boolean;
    readonly records: readonly {
      readonly offset: string;
      readonly timestamp: string;
      readonly key: Buffer | null;
      readonly value: Buffer | null;
      readonly headers: Readonly<Record<string, Buffer | readonly Buffer[] | null>>;
    }[];
  }>;
}

declare module 'kafkajs/src/consumer/assignerProtocol.js' {
  export const MemberMetadata: {
    encode(told: { version: number; topics: readonly string[]; userData: Buffer }): Buffer;
    decode(bytes: Buffer): { readonly userData: Buffer | null };
  };
  export const MemberAssignment: {
    encode(given: { version: number; assignment: Record<string, readonly number[]> }): Buffer;
    decode(bytes: Buffer): { readonly assignment: Readonly<Record<string, number[]>> } | null;
  };
}

declare module 'kafkajs/src/protocol/requests/index.js' {
  import type Encoder from 'kafkajs/src/protocol/encoder.js';

  export interface ProtocolRequest {
    readonly request: {
      readonly apiKey: number;
      readonly apiVersion: number;
      readonly apiName: string;
      encode(): Promise<Encoder>;
    };
    readonly response: {
      decode(bytes: Buffer): Promise<object>;
      parse(decoded: object): Promise<object> | object;
    };
    readonly requestTimeout?: number;
  }
  export interface RequestDefinition {
    readonly versions: readonly string[];
    protocol(of: { readonly version: number }): (values: object) => ProtocolRequest;
  }
  export type ApiVersions = Readonly<
    Record<number, { readonly minVersion: number; readonly maxVersion: number }>
  >;
  export const requests: Readonly<Record<string, RequestDefinition>>;
  export function lookup(
    versions: ApiVersions,
  ): (apiKey: number, definition: RequestDefinition) => (values: object) => ProtocolRequest;
}

declare module 'kafkajs/src/protocol/requests/apiKeys.js' {
  const apiKeys: Readonly<Record<string, number>>;
  export default apiKeys;
}

declare module 'kafkajs/src/network/connection.js' {
  import type { Socket } from 'node:net';
  import type { ApiVersions, ProtocolRequest } from 'kafkajs/src/protocol/requests/index.js';

  export default class Connection {
    constructor(options: object);
    readonly socket: Socket | undefined;
    readonly requestQueue: {
      readonly pending: readonly unknown[];
      scheduleCheckPendingRequests(): void;
    };
    isConnected(): boolean;
    connect(): Promise<unknown>;
    disconnect(): Promise<unknown>;
    setVersions(versions: ApiVersions): void;
    setSupportAuthenticationProtocol(isSupported: boolean): void;
    authenticate(): Promise<void>;
    send(request: ProtocolRequest & { readonly logResponseError: boolean }): Promise<object>;
    rejectRequests(error: Error): void;
  }
}

declare module 'kafkajs/src/network/socketFactory.js' {
  export default function createSocketFactory(): unknown;
}

declare module 'kafkajs/src/errors.js' {
  export const KafkaJSConnectionClosedError: new (
    message: string,
    at: { readonly host: string; readonly port: number },
  ) => Error;
}

declare module 'kafkajs/src/protocol/error.js' {
  export const errorCodes: readonly { readonly type: string; readonly code: number }[];
  export function createErrorFromCode(code: number): Error;
}
