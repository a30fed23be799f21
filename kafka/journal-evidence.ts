import { EngineError } from '../engine/errors.ts';
import type { Checkpoint } from '../engine/state-store.ts';
import type { TaskState } from '../engine/task-state.ts';
import type { Topology } from '../engine/topology.ts';
import type { KafkaAdmin } from './client.ts';
import { SHELL_LIMITS } from './limits.ts';
import type { TopicNames } from './topic-names.ts';
import { ACCEPTED_EPOCH } from './source-loss.ts';
import { pause } from './wait.ts';

export interface JournalEvidenceOptions {
  readonly topology: Topology;
  readonly admin: KafkaAdmin;
  readonly names: TopicNames;
  readonly partition: number;
}

/** The numbers of what is gone are given again, so nobody can accept it (adr/020). */
export const JOURNAL_REMEDY =
  'Restore the journal topic from a backup; without one the application begins anew under another name (docs/adr/020).';

/**
 * A journal that was deleted and made again, or lost its acknowledged end, looks like one of a task that has read less.
 * Group offsets may lag behind the journal and never lead (J4), so where they do, the journal has lost records.
 *
 * Throws: EngineError JOURNAL_LOST_RECORDS (stop); KafkaError when the broker cannot be asked.
 */
export async function refuseLostJournal(
  options: JournalEvidenceOptions,
  state: TaskState,
): Promise<void> {
  const { topology, admin, names, partition } = options;
  const committed = await admin.groupOffsets(names.physical(topology.application));
  for (const { topic: physical, partition: of, offset } of committed) {
    const topic = names.logical(physical);
    // What only feeds references may be read anew from wherever its topic begins.
    if (topology.lossySources.has(topic)) continue;
    if (of !== partition || !topology.sources.includes(topic)) continue;
    const position = state.positions.get(topic);
    // What the group saw before an operator accepted the topic's loss says nothing of the journal.
    if (position?.leader_epoch === ACCEPTED_EPOCH) continue;
    const journaled = position?.offset ?? 0;
    if (offset <= journaled) continue;
    throw new EngineError(
      'JOURNAL_LOST_RECORDS',
      'stop',
      `Journal ${names.physical(topology.journal)}/${partition} says that ${topic} was read up to ${journaled}, and ` +
        `${offset} were read: acknowledged records are gone. ${JOURNAL_REMEDY}`,
    );
  }
}

/**
 * A local store holds what was confirmed (J9a), so a journal that ends before its checkpoint has lost acknowledged records. Looked at
 * before a fence is appended: each one would make the journal longer, until it hid the loss.
 *
 * Throws: EngineError JOURNAL_LOST_RECORDS (stop); KafkaError when the broker cannot be asked.
 */
export async function refuseShorterJournal(
  { topology, admin, names, partition }: JournalEvidenceOptions,
  checkpoint: Checkpoint | null,
  signal: AbortSignal,
): Promise<void> {
  if (checkpoint === null) return;
  const { application, task } = checkpoint.fenceRecord;
  if (application !== topology.application || task !== partition) return;
  const topic = names.physical(topology.journal);
  let end = 0;
  // A broker that leads the partition since a moment ago may not know yet how much of it is confirmed.
  for (let tries = 1; tries <= SHELL_LIMITS.journalEndTries && !signal.aborted; tries++) {
    const [described] = await admin.describeTopics([topic]);
    if (described?.id !== checkpoint.topicId) return;
    end = (await admin.offsets(topic))[partition]?.end ?? 0;
    if (end >= checkpoint.offset) return;
    await pause(SHELL_LIMITS.journalEndMs, signal);
  }
  if (signal.aborted) return;
  throw new EngineError(
    'JOURNAL_LOST_RECORDS',
    'stop',
    `Journal ${topic}/${partition} ends at ${end}, and the local store has read it up to ${checkpoint.offset}: ` +
      `acknowledged records are gone. ${JOURNAL_REMEDY}`,
  );
}

/**
 * Of a term that has appended its fence and nothing else: what it attempts. Where that asks to stop for good and the journal goes on
 * behind the fence, somebody else has the task, and what looks lost is what he has read since.
 *
 * Order: the attempt has looked up what it was held against, so what others had confirmed by then is in the journal.
 * Throws: what the attempt does; EngineError FENCED (retake); KafkaError when the broker cannot be asked.
 */
export async function unlessFenced<Result>(
  attempt: Promise<Result>,
  { topology, admin, names, partition }: JournalEvidenceOptions,
  fenceOffset: number,
): Promise<Result> {
  try {
    return await attempt;
  } catch (cause) {
    if (!(cause instanceof EngineError) || cause.reaction !== 'stop') throw cause;
    const topic = names.physical(topology.journal);
    const end = (await admin.offsets(topic))[partition]?.end ?? 0;
    if (end <= fenceOffset + 1) throw cause;
    const what = `Journal ${topic}/${partition} goes on to ${end} behind this fence at ${fenceOffset}`;
    throw new EngineError('FENCED', 'retake', `${what}: the task has another owner.`, { cause });
  }
}
