import type { Consumer, RecordsBatch } from '@platformatic/kafka';
import type { FetchedPartition, FetchedRecord, FetchPosition } from '../client.ts';
import { nameOf } from '../error-table.ts';

export type FetchAnswer = Awaited<ReturnType<Consumer['fetch']>>;
export type PartitionAnswer = FetchAnswer['responses'][number]['partitions'][number];

/** Bits of a batch's attributes: the broker's clock stamped it; its records are markers of the broker. */
const HAS_APPEND_TIME = 0x08;
const IS_CONTROL = 0x20;

/** One partition of a Fetch answer, as the port has it. */
export function toFetched(
  { topic, partition, offset }: FetchPosition,
  topicId: string,
  answer: PartitionAnswer,
): FetchedPartition {
  const records: FetchedRecord[] = [];
  let nextOffset = offset;
  for (const batch of answer.records ?? []) {
    nextOffset = Math.max(nextOffset, Number(batch.firstOffset) + batch.lastOffsetDelta + 1);
    // A batch is answered whole: what stands below the asked offset was not asked for.
    for (const record of recordsOf(batch, topic, partition))
      if (record.offset >= offset) records.push(record);
  }
  return {
    topic,
    topicId,
    partition,
    records,
    nextOffset,
    highWatermark: Number(answer.highWatermark),
    logStartOffset: Number(answer.logStartOffset),
    error: answer.errorCode === 0 ? null : nameOf(answer.errorCode),
  };
}

/** A partition that could not be asked, or was not answered. */
export function notFetched(position: FetchPosition, topicId: string, error: string) {
  const { topic, partition, offset } = position;
  const nothing = { records: [], nextOffset: offset, highWatermark: -1, logStartOffset: -1 };
  return { topic, topicId, partition, ...nothing, error } satisfies FetchedPartition;
}

function recordsOf(batch: RecordsBatch, topic: string, partition: number): FetchedRecord[] {
  if ((batch.attributes & IS_CONTROL) !== 0) return [];
  const hasAppendTime = (batch.attributes & HAS_APPEND_TIME) !== 0;
  return batch.records.map((record) => ({
    topic,
    partition,
    offset: Number(batch.firstOffset) + record.offsetDelta,
    leaderEpoch: batch.partitionLeaderEpoch,
    timestampMs: Number(
      hasAppendTime ? batch.maxTimestamp : batch.firstTimestamp + record.timestampDelta,
    ),
    key: record.key,
    value: record.value,
    headers: headersOf(record.headers),
  }));
}

function headersOf(entries: readonly (readonly [Buffer | null, Buffer | null])[]) {
  const headers: Record<string, string> = {};
  for (const [name, value] of entries)
    if (name !== null && value !== null) headers[name.toString('utf8')] = value.toString('utf8');
  return headers;
}
