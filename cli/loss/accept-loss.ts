import { hostname, userInfo } from 'node:os';
import type { Codec } from '../../engine/codec.ts';
import type { Batch, Fence, Position } from '../../engine/journal.ts';
import type { JournalReader } from '../../engine/journal-reader.ts';
import type { Topology } from '../../engine/topology.ts';
import { JournalLog } from '../../kafka/journal-log.ts';
import { ACCEPTED_EPOCH, lossOf, type SourceLoss } from '../../kafka/source-loss.ts';
import { foldJournal } from '../log/journal-fold.ts';
import type { LogSession } from '../log/log-session.ts';

export interface LossOptions {
  readonly topology: Topology;
  readonly partition: number;
  /** Where to go on; default: where the fewest records are passed over or met again for sure. */
  readonly from: 'start' | 'end' | null;
}

/** What is given up of one source, and where its task goes on. */
export interface AcceptedLoss extends SourceLoss {
  readonly next: number;
}

/** What stops a task with DATA_LOSS, by its journal and its topics as they are now; empty: nothing does. */
export async function lossesOf(
  session: LogSession,
  options: LossOptions,
): Promise<readonly AcceptedLoss[]> {
  const { topology, partition } = options;
  const { application } = topology;
  return lossesIn(session, options, await foldJournal(session, { application, partition }));
}

/**
 * Has the task go on where its topics can be read: a fence, and a batch of nothing but positions. Written like an
 * owner's, so that it stands whole or not at all, and ends the term of an owner that is there all the same.
 *
 * Returns what was given up; empty: nothing was lost any more, and only the fence was written.
 * Throws: EngineError FENCED, APPEND_UNKNOWN, APPEND_REFUSED; KafkaError.
 */
export async function acceptLosses(
  session: LogSession,
  options: LossOptions,
  codec: Codec,
): Promise<readonly AcceptedLoss[]> {
  const { topology, partition } = options;
  const { application, journal: logicalTopic } = topology;
  const producer = session.client.producer();
  const ended = new AbortController();
  try {
    const log = new JournalLog({
      ...{ producer, codec, logicalTopic, partition, reader: session.reader },
      topic: session.names.physical(logicalTopic),
      signal: ended.signal,
      onVoid: () => {},
    });
    const before = await foldJournal(session, { application, partition });
    const fence = await log.appendFence(fenceAfter(before, options));
    const journal = await foldJournal(session, { application, partition });
    const losses = await lossesIn(session, options, journal);
    if (losses.length > 0) await log.append(batchOf(fence, journal, losses));
    return losses;
  } finally {
    ended.abort();
    await producer.close();
  }
}

async function lossesIn(
  { admin, names }: LogSession,
  { topology, partition, from }: LossOptions,
  { state }: JournalReader,
): Promise<readonly AcceptedLoss[]> {
  const sources = topology.sources.filter((topic) => !topology.lossySources.has(topic));
  const described = await admin.describeTopics(sources.map((topic) => names.physical(topic)));
  const losses: AcceptedLoss[] = [];
  for (const { name, id } of described) {
    const position = state.positions.get(names.logical(name));
    const bounds = (await admin.offsets(name))[partition];
    const loss = position && bounds ? lossOf(position, id, bounds) : null;
    if (loss === null) continue;
    const side = from ?? (loss.lost === 'end' ? 'end' : 'start');
    losses.push({ ...loss, next: loss.bounds[side] });
  }
  return losses;
}

/** The graph in force stays as it was: nothing is handled under this fence. */
function fenceAfter(
  { lastWorkedFence: worked, state }: JournalReader,
  { topology, partition }: LossOptions,
): Fence {
  return {
    application: topology.application,
    task: partition,
    member: `millrace accept-loss by ${userInfo().username}`,
    host: hostname(),
    generation: -1,
    deployment: worked?.deployment ?? topology.deployment,
    edges_hash: worked?.edges_hash ?? topology.edgesHash,
    time: state.time,
  };
}

function batchOf(fence: number, { state }: JournalReader, losses: readonly AcceptedLoss[]): Batch {
  const positions = losses.map(({ position, topicId, next }): Position => ({
    ...position,
    topic_id: topicId,
    leader_epoch: ACCEPTED_EPOCH,
    offset: next,
  }));
  return {
    ...{ fence, n: state.n + 1, time: state.time, positions },
    ...{ inputs: [], marks: [], producers: [], states: [], emits: [], seen: [], timers: [] },
    ...{ parked: [], effects: [], references: [], watermarks: [], seen_sets: [], again: null },
  };
}
