import { EngineError } from '../engine/errors.ts';
import { outputOf, type Watermark } from '../engine/journal.ts';
import type { TaskState } from '../engine/task-state.ts';
import { deadLetterTopics, reachesAllPartitions } from '../engine/topology.ts';
import { refuseLostJournal } from './journal-evidence.ts';
import { lossOf, type SourceLoss } from './source-loss.ts';
import type { TaskSurroundings } from './task-runner.ts';

export interface OpenedSources {
  /** Logical source topic → offset to read from. */
  readonly offsets: ReadonlyMap<string, number>;
  /** Logical source topic → its topic id: under another id the offsets mean nothing. */
  readonly topicIds: ReadonlyMap<string, string>;
  /** Ends of outputs that this task has never written to, to be journaled before its first emit there (J5). */
  readonly watermarks: readonly Watermark[];
}

/**
 * Checks each journaled position against the log it speaks of, and says where to read on. A source without a
 * position is read from its start.
 *
 * Throws: EngineError DATA_LOSS (stop) when the topic was made anew or no longer holds the position (J4);
 * JOURNAL_LOST_RECORDS (stop) when the group has seen more confirmed than the journal holds; TOPIC_MISSING (retake) when a topic of the task is not there (J3d).
 */
export async function openSources(
  surroundings: TaskSurroundings,
  partition: number,
  state: TaskState,
): Promise<OpenedSources> {
  const { admin, names, topology } = surroundings;
  await refuseMissing(surroundings);
  await refuseLostJournal({ topology, admin, names, partition }, state);
  const described = await admin.describeTopics(
    topology.sources.map((topic) => names.physical(topic)),
  );
  const ids = new Map(described.map((topic) => [names.logical(topic.name), topic.id]));
  const offsets = await Promise.all(
    topology.sources.map(async (topic) => {
      const bounds = await boundsOf(surroundings, topic, partition);
      const position = state.positions.get(topic);
      if (position === undefined) return [topic, bounds.start] as const;
      const loss = lossOf(position, ids.get(topic) ?? '', bounds);
      if (loss === null) return [topic, position.offset] as const;
      if (topology.lossySources.has(topic)) {
        state.positions.delete(topic);
        return [topic, bounds.start] as const;
      }
      throw dataLoss(names.physical(topic), topology.application, loss);
    }),
  );
  const watermarks = await unwrittenOutputs(surroundings, partition, state);
  return { offsets: new Map(offsets), topicIds: ids, watermarks };
}

async function unwrittenOutputs(
  surroundings: TaskSurroundings,
  own: number,
  state: TaskState,
): Promise<readonly Watermark[]> {
  const { topology, partitions } = surroundings;
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  const found = topology.sinks.map(async (topic) => {
    const reached = reachesAllPartitions(topology, topic) ? all : [own];
    const unwritten = reached.filter(
      (partition) => !state.watermarks.has(outputOf({ topic, partition })),
    );
    if (unwritten.length === 0) return [];
    const bounds = await allBoundsOf(surroundings, topic);
    return unwritten.map((partition) => {
      const { end } = bounds[partition] ?? missingPartition(surroundings, topic, partition);
      return { topic, partition, offset: end, n: 0, index: -1 };
    });
  });
  return (await Promise.all(found)).flat();
}

/** J3d: an output that does not exist is found before anything that goes there is journaled. */
async function refuseMissing({ admin, names, topology }: TaskSurroundings): Promise<void> {
  const existing = new Set(await admin.listTopics());
  const own = [...topology.sources, ...topology.sinks, ...deadLetterTopics(topology)];
  const missing = own.map((topic) => names.physical(topic)).filter((name) => !existing.has(name));
  if (missing.length > 0) throw topicMissing(missing.join(', '));
}

function topicMissing(what: string): EngineError {
  return new EngineError(
    'TOPIC_MISSING',
    'retake',
    `There is no ${what}; run 'millrace topology apply'. The task is tried again until it is there.`,
  );
}

async function boundsOf(surroundings: TaskSurroundings, topic: string, partition: number) {
  const bounds = (await allBoundsOf(surroundings, topic))[partition];
  return bounds ?? missingPartition(surroundings, topic, partition);
}

function allBoundsOf({ admin, names }: TaskSurroundings, topic: string) {
  return admin.offsets(names.physical(topic));
}

function missingPartition({ names }: TaskSurroundings, topic: string, partition: number): never {
  throw topicMissing(`partition ${partition} of ${names.physical(topic)}`);
}

function dataLoss(topic: string, application: string, loss: SourceLoss): EngineError {
  const { position, bounds, lost } = loss;
  const { partition, offset } = position;
  const what =
    lost === 'anew' ? 'was made anew under the same name' : `holds ${bounds.start}…${bounds.end}`;
  return new EngineError(
    'DATA_LOSS',
    'stop',
    `${topic}/${partition}: the journal says ${offset} is next, but the topic ${what}. Restore the topic; or ` +
      `'millrace accept-loss ${application} ${partition}' says what is given up by going on, and has the task do so.`,
  );
}

/** Ends a term under which a source was made anew: the next one compares the journaled position with it (J4). */
export function lookAgain(topic: string): EngineError {
  return new EngineError(
    'DATA_LOSS',
    'retake',
    `Topic ${topic} is not the one this term began to read; its positions are checked again.`,
  );
}
