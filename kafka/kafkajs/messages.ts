import Decoder from 'kafkajs/src/protocol/decoder.js';
import decodeRecordBatch from 'kafkajs/src/protocol/recordBatch/v0/decoder.js';
import type { FetchedRecord, FetchPosition } from '../client.ts';
import type { Link, OwnRequest } from './link.ts';

/*
 * Requests that kafkajs knows in no version that says what the port has to: topic ids, fetches by them, positions
 * behind empty batches, one setting of a topic. Written with the library's encoder; source: Kafka's protocol guide.
 */

const METADATA = 3;
const FETCH = 1;
const INCREMENTAL_ALTER_CONFIGS = 44;

export interface TopicMetadata {
  readonly name: string;
  /** Empty where the broker gives topics no ids. */
  readonly id: string;
  readonly errorCode: number;
  readonly partitions: readonly {
    readonly index: number;
    readonly leader: number;
    readonly replicas: number;
  }[];
}

export interface Metadata {
  readonly brokers: readonly {
    readonly id: number;
    readonly host: string;
    readonly port: number;
  }[];
  readonly controller: number;
  readonly topics: readonly TopicMetadata[];
}

/** Topic ids came with version 10. */
const METADATA_VERSION = 12;

/** `topics` null: all. Creates none. */
export async function askMetadata(link: Link, topics: readonly string[] | null): Promise<Metadata> {
  if (link.newest(METADATA) < METADATA_VERSION) return oldMetadata(link, topics);
  return link.send(metadataRequest(topics));
}

function metadataRequest(topics: readonly string[] | null): OwnRequest<Metadata> {
  return {
    api: METADATA,
    name: 'Metadata',
    version: METADATA_VERSION,
    flexible: true,
    encode: (to) => {
      to.writeUVarInt(topics === null ? 0 : topics.length + 1);
      for (const topic of topics ?? [])
        to.writeBuffer(Buffer.alloc(16)).writeUVarIntString(topic).writeUVarInt(0);
      return to.writeBoolean(false).writeBoolean(false).writeUVarInt(0);
    },
    decode: (from) => {
      from.readInt32();
      const brokers = compactArray(from, () => {
        const broker = {
          id: from.readInt32(),
          host: from.readUVarIntString() ?? '',
          port: from.readInt32(),
        };
        from.readUVarIntString();
        from.readTaggedFields();
        return broker;
      });
      from.readUVarIntString();
      const controller = from.readInt32();
      const found = compactArray(from, () => topicOf(from));
      return { brokers, controller, topics: found };
    },
  };
}

function topicOf(from: Decoder): TopicMetadata {
  const errorCode = from.readInt16();
  const name = from.readUVarIntString() ?? '';
  const id = uuidOf(from.readBytes(16));
  from.readBoolean();
  const partitions = compactArray(from, () => {
    from.readInt16();
    const [index, leader] = [from.readInt32(), from.readInt32()];
    from.readInt32();
    const replicas = compactArray(from, () => from.readInt32()).length;
    compactArray(from, () => from.readInt32());
    compactArray(from, () => from.readInt32());
    from.readTaggedFields();
    return { index, leader, replicas };
  });
  from.readInt32();
  from.readTaggedFields();
  return { name, id, errorCode, partitions: partitions.sort((a, b) => a.index - b.index) };
}

interface OldMetadata {
  readonly brokers: readonly {
    readonly nodeId: number;
    readonly host: string;
    readonly port: number;
  }[];
  readonly controllerId: number;
  readonly topicMetadata: readonly {
    readonly topic: string;
    readonly topicErrorCode: number;
    readonly partitionMetadata: readonly {
      readonly partitionId: number;
      readonly leader: number;
      readonly replicas: readonly number[];
    }[];
  }[];
}

/** What a broker without topic ids says. */
async function oldMetadata(link: Link, topics: readonly string[] | null): Promise<Metadata> {
  const answer = await link.ask<OldMetadata>('Metadata', {
    topics: topics ?? [],
    allowAutoTopicCreation: false,
  });
  return {
    brokers: answer.brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port })),
    controller: answer.controllerId,
    topics: answer.topicMetadata.map(({ topic, topicErrorCode, partitionMetadata }) => ({
      name: topic,
      id: '',
      errorCode: topicErrorCode,
      partitions: partitionMetadata
        .map(({ partitionId, leader, replicas }) => ({
          index: partitionId,
          leader,
          replicas: replicas.length,
        }))
        .sort((a, b) => a.index - b.index),
    })),
  };
}

export interface FetchedBatches {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly records: readonly FetchedRecord[];
  readonly nextOffset: number;
}

export interface FetchPlace {
  readonly position: FetchPosition;
  readonly topicId: string;
}

export interface FetchLimits {
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  readonly partitionBytes: number;
}

const BY_ID = 13;
const BY_NAME = 11;
/** The session epoch that asks for no session. */
const NO_SESSION = -1;

/** Fetches by topic id where the broker can, else by name; one answer for each place. Keys: `place.topicId/partition`. */
export async function askFetch(
  link: Link,
  places: readonly FetchPlace[],
  limits: FetchLimits,
): Promise<{
  readonly errorCode: number;
  readonly answers: ReadonlyMap<FetchPlace, FetchedBatches>;
}> {
  const byId = link.newest(FETCH) >= BY_ID && places.every(({ topicId }) => topicId !== '');
  return link.send(fetchRequest(places, limits, byId));
}

function fetchRequest(
  places: readonly FetchPlace[],
  limits: FetchLimits,
  byId: boolean,
): OwnRequest<{ errorCode: number; answers: ReadonlyMap<FetchPlace, FetchedBatches> }> {
  const nameIn = ({ topicId, position }: FetchPlace): string => (byId ? topicId : position.topic);
  const byTopic = [...Map.groupBy(places, nameIn)];
  return {
    api: FETCH,
    name: 'Fetch',
    version: byId ? BY_ID : BY_NAME,
    flexible: byId,
    encode: (to) => {
      to.writeInt32(-1).writeInt32(limits.maxWaitMs).writeInt32(1).writeInt32(limits.maxBytes);
      // read_uncommitted
      to.writeInt8(0).writeInt32(0).writeInt32(NO_SESSION);
      const count = (length: number) =>
        byId ? to.writeUVarInt(length + 1) : to.writeInt32(length);
      const tags = () => byId && to.writeUVarInt(0);
      count(byTopic.length);
      for (const [name, own] of byTopic) {
        if (byId) to.writeBuffer(bytesOf(name));
        else to.writeString(name);
        count(own.length);
        for (const { position } of own) {
          to.writeInt32(position.partition).writeInt32(-1).writeInt64(position.offset);
          if (byId) to.writeInt32(-1);
          to.writeInt64(-1).writeInt32(limits.partitionBytes);
          tags();
        }
        tags();
      }
      count(0);
      if (byId) to.writeUVarIntString('');
      else to.writeString('');
      tags();
      return to;
    },
    decode: async (from) => {
      from.readInt32();
      const errorCode = from.readInt16();
      from.readInt32();
      const answers = new Map<FetchPlace, FetchedBatches>();
      const wanted = new Map(
        places.map((each) => [`${nameIn(each)}/${each.position.partition}`, each]),
      );
      for (let topics = lengthOf(from, byId); topics > 0; topics--) {
        const name = byId ? uuidOf(from.readBytes(16)) : from.readString();
        for (let partitions = lengthOf(from, byId); partitions > 0; partitions--) {
          const partition = from.readInt32();
          const place = wanted.get(`${name}/${partition}`);
          const answer = await partitionOf(from, place?.position, byId);
          if (place !== undefined) answers.set(place, answer);
        }
        if (byId) from.readTaggedFields();
      }
      return { errorCode, answers };
    },
  };
}

async function partitionOf(
  from: Decoder,
  position: FetchPosition | undefined,
  byId: boolean,
): Promise<FetchedBatches> {
  const errorCode = from.readInt16();
  const highWatermark = Number(from.readInt64());
  from.readInt64();
  const logStartOffset = Number(from.readInt64());
  for (let aborted = lengthOf(from, byId); aborted > 0; aborted--) {
    from.readInt64();
    from.readInt64();
    if (byId) from.readTaggedFields();
  }
  from.readInt32();
  const bytes = from.readBytes(Math.max(0, lengthOf(from, byId)));
  if (byId) from.readTaggedFields();
  const read = await recordsOf(bytes, position ?? { topic: '', partition: 0, offset: 0 });
  return { errorCode, highWatermark, logStartOffset, ...read };
}

/** Bytes before the records of a batch: its first offset and its length. */
const BATCH_HEAD = 12;

/** Whole batches as they come; the last may be cut off. What stands below the asked offset was not asked for. */
async function recordsOf(bytes: Buffer, { topic, partition, offset }: FetchPosition) {
  const records: FetchedRecord[] = [];
  let nextOffset = offset;
  for (let at = 0; at + BATCH_HEAD <= bytes.length;) {
    const end = at + BATCH_HEAD + bytes.readInt32BE(at + 8);
    if (end > bytes.length) break;
    const batch = await decodeRecordBatch(new Decoder(bytes.subarray(at, end)));
    at = end;
    nextOffset = Math.max(nextOffset, Number(batch.firstOffset) + batch.lastOffsetDelta + 1);
    if (batch.isControlBatch) continue;
    for (const record of batch.records)
      if (Number(record.offset) >= offset)
        records.push({
          topic,
          partition,
          offset: Number(record.offset),
          leaderEpoch: batch.partitionLeaderEpoch,
          timestampMs: Number(record.timestamp),
          key: copyOf(record.key),
          value: copyOf(record.value),
          headers: headersOf(record.headers),
        });
  }
  return { records, nextOffset };
}

/** A small record must not hold the whole answer that it came in. */
function copyOf(bytes: Buffer | null): Buffer | null {
  return bytes && Buffer.from(bytes);
}

/** Of several headers of one name the last counts, as with the other adapter. */
function headersOf(
  entries: Readonly<Record<string, Buffer | readonly Buffer[] | null>>,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(entries)) {
    const last = Array.isArray(value) ? (value as readonly Buffer[]).at(-1) : value;
    if (last !== null && last !== undefined) headers[name] = last.toString('utf8');
  }
  return headers;
}

/** Sets some settings of a topic and leaves the others: the library's own request would take them back. */
export function setConfigs(
  topic: string,
  configs: Readonly<Record<string, string>>,
): OwnRequest<{ readonly errorCode: number }> {
  const changes = Object.entries(configs);
  const [TOPIC, SET] = [2, 0];
  return {
    api: INCREMENTAL_ALTER_CONFIGS,
    name: 'IncrementalAlterConfigs',
    version: 0,
    flexible: false,
    encode: (to) => {
      to.writeInt32(1).writeInt8(TOPIC).writeString(topic).writeInt32(changes.length);
      for (const [name, value] of changes) to.writeString(name).writeInt8(SET).writeString(value);
      return to.writeBoolean(false);
    },
    decode: (from) => {
      from.readInt32();
      from.readInt32();
      return { errorCode: from.readInt16() };
    },
  };
}

function lengthOf(from: Decoder, compact: boolean): number {
  return compact ? from.readUVarInt() - 1 : from.readInt32();
}

function compactArray<Item>(from: Decoder, read: () => Item): Item[] {
  const items: Item[] = [];
  for (let left = lengthOf(from, true); left > 0; left--) items.push(read());
  return items;
}

function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}

function bytesOf(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}
