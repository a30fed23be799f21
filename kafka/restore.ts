import { EngineError } from '../engine/errors.ts';
import { type Fence, type JournaledEmit, outputOf } from '../engine/journal.ts';
import { isAfter, JournalReader, type UnpublishedEmit } from '../engine/journal-reader.ts';
import { originOf } from '../engine/origin.ts';
import type { KafkaAdmin, PartitionReader } from './client.ts';
import type { JournalLog } from './journal-log.ts';
import { SHELL_LIMITS } from './limits.ts';
import { readRange } from './read-range.ts';
import type { TopicNames } from './topic-names.ts';

export interface RestoreOptions {
  readonly application: string;
  readonly partition: number;
  readonly journalTopic: string;
  readonly journal: JournalLog;
  readonly reader: PartitionReader;
  readonly admin: KafkaAdmin;
  readonly names: TopicNames;
  readonly signal: AbortSignal;
  /** From 0 to 1. */
  onProgress(ratio: number): void;
}

/**
 * Rebuilds a task from its journal: from the log's start to the own fence, which must be read at the
 * offset its acknowledgement named. Finished when that record is read, never by idleness.
 *
 * Throws: EngineError FENCED (retake) when another record stands where the own fence should.
 */
export async function restoreTask(
  options: RestoreOptions,
  fenceOffset: number,
  own: Fence,
): Promise<JournalReader> {
  const { reader, journalTopic: topic, partition, signal } = options;
  const start = (await options.admin.offsets(topic))[partition]?.start ?? 0;
  const journal = new JournalReader();
  const until = fenceOffset + 1;
  const onProgress = (position: number): void =>
    options.onProgress((position - start) / Math.max(1, until - start));
  await readRange(
    { reader, topic, partition, from: start, until, signal, onProgress },
    async (record) => journal.read(record.offset, await options.journal.decode(record)),
  );
  const last = journal.lastFence;
  const isOwn =
    last?.offset === fenceOffset &&
    last.fence.member === own.member &&
    last.fence.time === own.time;
  if (!isOwn)
    throw new EngineError(
      'FENCED',
      'retake',
      `The fence of ${own.member} does not stand at offset ${fenceOffset} of ${topic}/${partition}.`,
    );
  options.onProgress(1);
  return journal;
}

/**
 * What has to be published again on takeover: per output partition, every emit after the last own one that stands
 * there. The read ends when the fetch position passes the end captured after the fence was read.
 */
export async function emitsToRepublish(
  options: RestoreOptions,
  journal: JournalReader,
): Promise<ReadonlyMap<string, readonly UnpublishedEmit[]>> {
  const found = [...journal.unpublished].map(async ([output, waiting]) => {
    const first = waiting[0]?.emit;
    const last = first === undefined ? null : await lastOwnEmit(options, journal, first);
    const rest = waiting.filter(
      ({ n, emit }) => last === null || isAfter(n, emit.index, last.n, last.index),
    );
    return [output, rest] as const;
  });
  const rests = await Promise.all(found);
  return new Map(rests.filter(([, rest]) => rest.length > 0));
}

async function lastOwnEmit(
  options: RestoreOptions,
  journal: JournalReader,
  output: Pick<JournaledEmit, 'topic' | 'partition'>,
): Promise<{ readonly n: number; readonly index: number } | null> {
  const { reader, names, application } = options;
  const { partition } = output;
  const topic = names.physical(output.topic);
  const bounds = (await options.admin.offsets(topic))[partition];
  const watermark = journal.state.watermarks.get(outputOf(output));
  if (bounds === undefined) return null;
  const from = Math.max(bounds.start, watermark?.offset ?? 0);
  if (bounds.end - from > SHELL_LIMITS.tailRecords) return null;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(SHELL_LIMITS.tailMs)]);
  let last: { n: number; index: number } | null = null;
  try {
    await readRange({ reader, topic, partition, from, until: bounds.end, signal }, (record) => {
      const origin = originOf(record.headers);
      if (origin?.application !== application || origin.task !== options.partition) return;
      if (last === null || isAfter(origin.n, origin.index, last.n, last.index))
        last = { n: origin.n, index: origin.index };
    });
  } catch (error) {
    if (options.signal.aborted || !signal.aborted) throw error;
    return null;
  }
  return last;
}
