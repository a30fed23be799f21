import type { FetchedPartition, FetchPosition } from '../client.ts';
import { nameOf } from '../error-table.ts';
import type { PartitionAnswer } from './fetch-request.ts';
import { decodeBatches } from './record-decoder.ts';

/**
 * One partition of a Fetch answer, as the port has it.
 * Throws: KafkaError, as `decodeBatches`.
 */
export function toFetched(
  position: FetchPosition,
  topicId: string,
  { errorCode, highWatermark, logStartOffset, records: bytes }: PartitionAnswer,
): FetchedPartition {
  const { topic, partition, offset } = position;
  const error = errorCode === 0 ? null : nameOf(errorCode);
  const { records, nextOffset } =
    bytes === null ? { records: [], nextOffset: offset } : decodeBatches(bytes, position);
  return {
    ...{ topic, topicId, partition, records, highWatermark, logStartOffset, error },
    nextOffset: Math.max(offset, nextOffset ?? offset),
  };
}

/** A partition that could not be asked, or was not answered. */
export function notFetched(position: FetchPosition, topicId: string, error: string) {
  const { topic, partition, offset } = position;
  const nothing = { records: [], nextOffset: offset, highWatermark: -1, logStartOffset: -1 };
  return { topic, topicId, partition, ...nothing, error } satisfies FetchedPartition;
}
