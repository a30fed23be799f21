import { EngineError } from '../engine/errors.ts';
import type { Batch, Fence, RestoredEntry } from '../engine/journal.ts';
import { JournalReader } from '../engine/journal-reader.ts';
import type { Checkpoint, StateStore } from '../engine/state-store.ts';
import { type TakenChanges, TaskState } from '../engine/task-state.ts';
import { type KafkaAdmin, KafkaError, type PartitionReader } from './client.ts';
import type { JournalLog } from './journal-log.ts';
import { SHELL_LIMITS } from './limits.ts';
import { readRange } from './read-range.ts';
import { Rebuild } from './rebuild.ts';
import { RestoreProgress } from './restore-progress.ts';
import { StoreKeeper } from './store-keeper.ts';
import type { TaskSurroundings } from './task-runner.ts';
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
  /** Null: everything is held in memory, and read from the journal. */
  readonly store: StateStore | null;
  onStoreDiscarded(reason: string): void;
  onStoreFailed(error: EngineError): void;
  /** From 0 to 1. */
  onProgress(ratio: number): void;
}

/**
 * Rebuilds a task from its store and its journal, up to the own fence, which must be read at the offset its
 * acknowledgement named. Finished when that record is read, never by idleness. A store that does not belong to
 * what the journal holds is emptied, and what is read is written to it on the way: all of it by the end where
 * the store was empty, else the last of it when the task is at work already (J9a).
 *
 * Throws: EngineError FENCED (retake) when another record stands where the own fence should; STORE_FAILED (retake).
 */
export async function restoreTask(
  options: RestoreOptions,
  fenceOffset: number,
  own: Fence,
): Promise<RestoredTask> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await restoreOnce(options, fenceOffset, own);
    } catch (error) {
      if (attempt === SHELL_LIMITS.restoreAttempts || !isWorthAnother(error)) throw error;
      await discard(options, (error as Error).message);
    }
  }
}

export interface RestoredTask {
  readonly journal: JournalReader;
  /** Takes what is confirmed from now on; null without a store. */
  readonly keeper: StoreKeeper | null;
  readonly topicId: string;
  /** About how many bytes of journal there are. */
  readonly bytesRead: number;
}

/** What a term restores its task with. */
export function restoreOptions(
  { topology, names, reader, admin, observer, log }: TaskSurroundings,
  of: Pick<RestoreOptions, 'partition' | 'journal' | 'signal' | 'store'> &
    Pick<RestoreOptions, 'onStoreFailed' | 'onProgress'>,
): RestoreOptions {
  const { application } = topology;
  const progress = new RestoreProgress(log, { application, partition: of.partition });
  return {
    ...of,
    ...{ names, reader, admin, application },
    journalTopic: names.physical(topology.journal),
    onStoreDiscarded: (reason) => observer.storeDiscarded?.(of.partition, reason),
    onProgress: (ratio) => {
      of.onProgress(ratio);
      progress.note(ratio);
      observer.restored(of.partition, ratio);
    },
  };
}

/** Hands what a confirmed batch changed to the store. */
export function keepConfirmed(
  { journal, keeper, topicId }: RestoredTask,
  fenceRecord: Fence,
  done: {
    readonly batch: Pick<Batch, 'fence' | 'n' | 'time' | 'emits' | 'watermarks'>;
    readonly offset: number;
    /** Null: they are handed over with those of a later batch. */
    readonly taken: TakenChanges | null;
  },
): void {
  const { batch, offset, taken } = done;
  const { fence, n, time } = batch;
  const before = { offset, fence, n: n - 1 };
  journal.emitFloor.add(before, batch);
  if (keeper === null || taken === null) return;
  const emitsFrom = journal.emitFloor.place ?? before;
  keeper.confirmed(taken, { offset: offset + 1, fence, n, topicId, time, fenceRecord, emitsFrom });
}

async function restoreOnce(
  options: RestoreOptions,
  fenceOffset: number,
  own: Fence,
): Promise<RestoredTask> {
  const { reader, journalTopic: topic, partition, signal, store } = options;
  const [described] = await options.admin.describeTopics([topic]);
  const topicId = described?.id ?? '';
  const start = (await options.admin.offsets(topic))[partition]?.start ?? 0;
  const bounds = { start, end: fenceOffset };
  const unfit = unfitness(store?.checkpoint ?? null, own, topicId, bounds);
  if (unfit !== null) await discard(options, unfit);
  const checkpoint = store?.checkpoint ?? null;
  const state = new TaskState(store);
  const journal = new JournalReader(state, checkpoint);
  const keeper = store && new StoreKeeper(store, state, options.onStoreFailed);
  const rebuild = new Rebuild(journal, keeper, topicId);
  const take = (offset: number, entry: RestoredEntry): void | Promise<void> => {
    rebuild.read(offset, entry);
    return rebuild.room(signal);
  };
  const from = checkpoint?.emitsFrom.offset ?? start;
  const until = fenceOffset + 1;
  // What a store spares it from reading is taken for a kilobyte a record.
  let bytesRead = (from - start) * 1024;
  const onProgress = (position: number): void =>
    options.onProgress((position - from) / Math.max(1, until - from));
  try {
    const range = { reader, topic, partition, from, until, signal, onProgress };
    await readRange(range, (record) => {
      bytesRead += record.value?.byteLength ?? 0;
      const entry = options.journal.decode(record);
      if (entry instanceof Promise) return entry.then((learnt) => take(record.offset, learnt));
      return take(record.offset, entry);
    });
    await rebuild.finish();
    refuseOther(options, journal, fenceOffset, own);
  } catch (error) {
    // What comes next may empty the store, or close it.
    await keeper?.idle();
    throw error;
  }
  options.onProgress(1);
  return { journal, keeper, topicId, bytesRead };
}

/** Throws: EngineError FENCED (retake) when another record stands where the own fence should. */
function refuseOther(
  { journalTopic: topic, partition }: RestoreOptions,
  journal: JournalReader,
  fenceOffset: number,
  own: Fence,
): void {
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
}

/** Why a checkpoint cannot be of use for what the journal topic holds now; null: nothing says so yet. */
export function unfitness(
  checkpoint: Checkpoint | null,
  own: Pick<Fence, 'application' | 'task'>,
  topicId: string,
  { start, end }: { readonly start: number; readonly end: number },
): string | null {
  if (checkpoint === null) return null;
  const { application, task } = checkpoint.fenceRecord;
  if (application !== own.application || task !== own.task)
    return `it is that of ${application}/${task}`;
  if (checkpoint.topicId !== topicId) return 'the journal topic was made anew since';
  if (checkpoint.emitsFrom.offset < start)
    return `it stands at ${checkpoint.offset}, and the journal begins at ${start}`;
  if (checkpoint.offset > end)
    return `it stands at ${checkpoint.offset}, past the journal's end at ${end}`;
  return null;
}

async function discard({ store, onStoreDiscarded }: RestoreOptions, reason: string): Promise<void> {
  if (store === null || store.checkpoint === null) return;
  await store.clear();
  onStoreDiscarded(reason);
}

function isWorthAnother(error: unknown): boolean {
  if (error instanceof KafkaError) return error.code === 'OFFSET_OUT_OF_RANGE';
  return error instanceof EngineError && error.code === 'STORE_FOREIGN';
}
