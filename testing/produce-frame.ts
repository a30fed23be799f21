/*
 * As much of Kafka's wire format as a fault needs: what a Produce request asks for, and an answer to it that no
 * broker gave. Versions 3 to 12, which name topics; later ones carry ids and are not understood.
 *
 * Source: Kafka's clients/src/main/resources/common/message/ProduceRequest.json and ProduceResponse.json.
 */

/** Numbers of the requests that the proxy, or a test that counts them, knows. */
export const API = {
  produce: 0,
  fetch: 1,
  metadata: 3,
  offsetCommit: 8,
  findCoordinator: 10,
  joinGroup: 11,
  heartbeat: 12,
  leaveGroup: 13,
  syncGroup: 14,
  initProducerId: 22,
  describeCluster: 60,
} as const;

const FIRST_FLEXIBLE = 9;
const LAST_UNDERSTOOD = 12;

export interface ProducedPartition {
  readonly topic: string;
  readonly partition: number;
  /** The record batches as they go to the log. */
  readonly records: Buffer;
}

/** What one Produce request asks for. */
export interface ProduceFrame {
  readonly version: number;
  readonly correlationId: number;
  readonly acks: number;
  readonly partitions: readonly ProducedPartition[];
}

/** Reads a request with its length in front. Throws: Error on a version that is not understood. */
export function readProduce(frame: Buffer): ProduceFrame {
  const version = frame.readInt16BE(6);
  if (version < 3 || version > LAST_UNDERSTOOD)
    throw new Error(`Produce v${version} is not understood; 3 to ${LAST_UNDERSTOOD} are.`);
  const reader = new FrameReader(frame, 8, version >= FIRST_FLEXIBLE);
  const correlationId = reader.int32();
  reader.shortText();
  reader.tags();
  reader.text();
  const acks = reader.int16();
  reader.int32();
  const partitions: ProducedPartition[] = [];
  for (let topics = reader.count(); topics > 0; topics--) {
    const topic = reader.text();
    for (let count = reader.count(); count > 0; count--) {
      const partition = reader.int32();
      partitions.push({ topic, partition, records: reader.bytes() });
      reader.tags();
    }
    reader.tags();
  }
  return { version, correlationId, acks, partitions };
}

/**
 * An answer that gives every partition of the request the same error. Its base offset looks right, as those in a
 * broker's error answers do: nobody may believe it.
 */
export function errorAnswer(request: ProduceFrame, errorCode: number): Buffer {
  const { version, correlationId, partitions } = request;
  const writer = new FrameWriter(version >= FIRST_FLEXIBLE);
  writer.int32(correlationId);
  writer.tags();
  const topics = Map.groupBy(partitions, ({ topic }) => topic);
  writer.count(topics.size);
  for (const [topic, own] of topics) {
    writer.text(topic);
    writer.count(own.length);
    for (const { partition } of own) {
      writer.int32(partition);
      writer.int16(errorCode);
      writer.int64(1n);
      writer.int64(-1n);
      if (version >= 5) writer.int64(0n);
      if (version >= 8) {
        writer.count(0);
        writer.noText();
      }
      writer.tags();
    }
    writer.tags();
  }
  writer.int32(0);
  writer.tags();
  return writer.frame();
}

class FrameReader {
  readonly #frame: Buffer;
  readonly #flexible: boolean;
  #at: number;

  constructor(frame: Buffer, at: number, flexible: boolean) {
    this.#frame = frame;
    this.#at = at;
    this.#flexible = flexible;
  }

  int16(): number {
    this.#at += 2;
    return this.#frame.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#frame.readInt32BE(this.#at - 4);
  }

  count(): number {
    return this.#flexible ? this.#varint() - 1 : this.int32();
  }

  /** Null is read as empty. */
  text(): string {
    return this.#take(this.#flexible ? this.#varint() - 1 : this.int16()).toString('utf8');
  }

  /** The client id of the header: never compact. */
  shortText(): string {
    return this.#take(this.int16()).toString('utf8');
  }

  bytes(): Buffer {
    return this.#take(this.count());
  }

  tags(): void {
    if (!this.#flexible) return;
    for (let left = this.#varint(); left > 0; left--) {
      this.#varint();
      this.#take(this.#varint());
    }
  }

  #take(length: number): Buffer {
    const start = this.#at;
    this.#at += Math.max(0, length);
    return this.#frame.subarray(start, this.#at);
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#frame.readUInt8(this.#at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}

class FrameWriter {
  readonly #parts: Buffer[] = [];
  readonly #flexible: boolean;

  constructor(flexible: boolean) {
    this.#flexible = flexible;
  }

  int16(value: number): void {
    const part = Buffer.alloc(2);
    part.writeInt16BE(value);
    this.#parts.push(part);
  }

  int32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeInt32BE(value);
    this.#parts.push(part);
  }

  int64(value: bigint): void {
    const part = Buffer.alloc(8);
    part.writeBigInt64BE(value);
    this.#parts.push(part);
  }

  count(value: number): void {
    if (this.#flexible) this.#varint(value + 1);
    else this.int32(value);
  }

  text(value: string): void {
    const bytes = Buffer.from(value);
    if (this.#flexible) this.#varint(bytes.length + 1);
    else this.int16(bytes.length);
    this.#parts.push(bytes);
  }

  noText(): void {
    if (this.#flexible) this.#varint(0);
    else this.int16(-1);
  }

  tags(): void {
    if (this.#flexible) this.#varint(0);
  }

  /** Everything written, with its length in front. */
  frame(): Buffer {
    const body = Buffer.concat(this.#parts);
    const size = Buffer.alloc(4);
    size.writeInt32BE(body.length);
    return Buffer.concat([size, body]);
  }

  #varint(value: number): void {
    const bytes: number[] = [];
    for (let rest = value; ; rest >>>= 7) {
      if (rest < 0x80) {
        bytes.push(rest);
        break;
      }
      bytes.push((rest & 0x7f) | 0x80);
    }
    this.#parts.push(Buffer.from(bytes));
  }
}
