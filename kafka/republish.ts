import { EngineError } from '../engine/errors.ts';
import { type JournaledEmit, outputOf, type PlacedEmit } from '../engine/journal.ts';
import { isAfter, type JournalReader, type UnpublishedEmit } from '../engine/journal-reader.ts';
import { originOf } from '../engine/origin.ts';
import { SHELL_LIMITS } from './limits.ts';
import { readRange } from './read-range.ts';
import type { RestoreOptions } from './restore.ts';

/** An emit as it is published, with the number of its batch. */
export interface EmitToRepublish {
  readonly n: number;
  readonly emit: JournaledEmit;
}

/**
 * What has to be published again on takeover: per output partition, every emit after the last own one that stands
 * there. The read ends when the fetch position passes the end captured after the fence was read.
 */
export async function emitsToRepublish(
  options: RestoreOptions,
  journal: JournalReader,
): Promise<ReadonlyMap<string, readonly EmitToRepublish[]>> {
  const found = [...journal.unpublished].map(async ([output, waiting]) => {
    const first = waiting[0]?.emit;
    const last = first === undefined ? null : await lastOwnEmit(options, journal, first);
    const rest = waiting.filter(
      ({ n, emit }) => last === null || isAfter(n, emit.index, last.n, last.index),
    );
    return [output, rest] as const;
  });
  const rests = (await Promise.all(found)).filter(([, rest]) => rest.length > 0);
  const whole = await readWhole(
    options,
    rests.flatMap(([, rest]) => rest),
  );
  return new Map(
    rests.map(([output, rest]) => [
      output,
      rest.map((each) => ({ n: each.n, emit: whole.get(each) ?? missing(options, each) })),
    ]),
  );
}

/** From the journal once more: a restore passes over what emits say, as nearly all of them are published. */
async function readWhole(
  { reader, journal, journalTopic: topic, partition, signal }: RestoreOptions,
  emits: readonly UnpublishedEmit[],
): Promise<ReadonlyMap<UnpublishedEmit, JournaledEmit>> {
  const whole = new Map<UnpublishedEmit, JournaledEmit>();
  const byOffset = Map.groupBy(emits, ({ offset }) => offset);
  const offsets = [...byOffset.keys()].sort((left, right) => left - right);
  const [from = 0, last = -1] = [offsets[0], offsets.at(-1)];
  const until = last + 1;
  await readRange({ reader, topic, partition, from, until, signal }, async (record) => {
    const wanted = byOffset.get(record.offset);
    if (wanted === undefined) return;
    const entry = await journal.decodeWhole(record);
    if (entry.kind !== 'batch') return;
    const byIndex = new Map(entry.batch.emits.map((emit) => [emit.index, emit]));
    for (const each of wanted) {
      const emit = byIndex.get(each.emit.index);
      if (emit !== undefined) whole.set(each, emit);
    }
  });
  return whole;
}

function missing({ journalTopic, partition }: RestoreOptions, emit: UnpublishedEmit): never {
  throw new EngineError(
    'JOURNAL_UNREADABLE',
    'stop',
    `Journal ${journalTopic}/${partition} gave another record at offset ${emit.offset} than a moment before; ` +
      `restore the journal topic from a backup.`,
  );
}

async function lastOwnEmit(
  options: RestoreOptions,
  journal: JournalReader,
  output: Pick<PlacedEmit, 'topic' | 'partition'>,
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
