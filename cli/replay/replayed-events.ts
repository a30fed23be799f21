import type { JournaledEmit } from '../../engine/journal.ts';
import { Task } from '../../engine/task.ts';
import { TaskState } from '../../engine/task-state.ts';
import type { Topology } from '../../engine/topology.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { UsageError } from '../command.ts';
import type { LogSession } from '../log/log-session.ts';
import { learn } from '../log/record-source.ts';
import { scanTopics, type Sighting } from '../log/topic-scan.ts';

/** Which events are replayed. */
export interface Selection {
  /** One correlation; or null: all that have a record on `topic`. */
  readonly correlationId: string | null;
  readonly topic: string | null;
  /** Of the records that choose a correlation; null: from the start. */
  readonly fromMs: number | null;
  /** What is younger is not replayed; null: up to now. */
  readonly toMs: number | null;
}

/** A record as a handler is given it. */
export type ReplayedRecord = Pick<
  Sighting,
  | 'topic'
  | 'partition'
  | 'offset'
  | 'timestampMs'
  | 'headers'
  | 'key'
  | 'value'
  | 'correlationId'
  | 'sequence'
>;

/** Where events are read from. */
export interface EventSource {
  /** What an application reads of the chosen correlations in one partition, in any order. Throws: UsageError. */
  records(
    topology: Topology,
    of: { readonly partition: number; readonly partitions: number; readonly selection: Selection },
  ): Promise<readonly ReplayedRecord[]>;
}

/** What a read model became. */
export interface RemadeModel {
  readonly topic: string;
  readonly key: string;
  /** Decoded; null: removed. */
  readonly value: unknown;
}

/** Records of one partition that are put in order at once. */
const MOST_RECORDS = 200_000;

/**
 * Runs an application's handlers over the events of the chosen correlations, from empty states and in memory: nothing is
 * journaled, published or performed. The last form of each read model comes out.
 *
 * Order: per correlation by time, then by sequence.
 * Limits: 200,000 records a partition. Effects are not performed, so what only their results bring about is missing.
 */
export async function remakeModels(
  session: LogSession,
  topology: Topology,
  { source, selection }: { readonly source: EventSource; readonly selection: Selection },
): Promise<readonly RemadeModel[]> {
  const { admin, names } = session;
  const partitions = (await admin.offsets(names.physical(topology.journal))).length;
  const remade = new Map<string, RemadeModel>();
  for (let partition = 0; partition < partitions; partition++) {
    const read = await source.records(topology, { partition, partitions, selection });
    const records = read.toSorted(byTime);
    for (const emit of await emitsOf(session, topology, { records, partition, partitions })) {
      const { topic, key, value } = emit;
      const id = Buffer.from(key ?? []).toString('utf8');
      const decoded = value === null ? null : session.codec.decode(value).value;
      remade.set(`${topic}|${id}`, { topic, key: id, value: decoded });
    }
  }
  return [...remade.values()];
}

function byTime(one: ReplayedRecord, other: ReplayedRecord): number {
  return one.timestampMs - other.timestampMs || (one.sequence ?? 0) - (other.sequence ?? 0);
}

/** Refuses what would not fit into memory. Throws: UsageError. */
export function refuseTooMany(count: number, partition: number): void {
  if (count <= MOST_RECORDS) return;
  throw new UsageError(
    'WRONG_USE',
    `Partition ${partition} holds over ${MOST_RECORDS} records of it; take less at a time with --from and --to.`,
  );
}

/** The topics themselves, as far back as they are kept. */
export function topicSource(session: LogSession): EventSource {
  return {
    records: async (topology, { partition, selection }) => {
      const chosen = await chosenCorrelations(session, selection, partition);
      if (chosen !== null && chosen.size === 0) return [];
      return recordsOf(session, topology, { chosen, partition, selection });
    },
  };
}

/** null: every correlation. */
async function chosenCorrelations(
  session: LogSession,
  { correlationId, topic, fromMs, toMs }: Selection,
  partition: number,
): Promise<ReadonlySet<string> | null> {
  if (correlationId !== null) return new Set([correlationId]);
  if (topic === null) return null;
  const chosen = new Set<string>();
  await scanTopics(session, { topics: [topic], sinceMs: fromMs, partition }, (sighting) => {
    if (toMs !== null && sighting.timestampMs > toMs) return;
    if (sighting.correlationId !== null) chosen.add(sighting.correlationId);
  });
  return chosen;
}

async function recordsOf(
  session: LogSession,
  topology: Topology,
  of: {
    readonly chosen: ReadonlySet<string> | null;
    readonly partition: number;
    readonly selection: Selection;
  },
): Promise<readonly Sighting[]> {
  const { chosen, partition, selection } = of;
  const records: Sighting[] = [];
  const options = { topics: topology.sources, sinceMs: null, partition };
  await scanTopics(session, options, (sighting) => {
    const { correlationId, type, timestampMs } = sighting;
    if (selection.toMs !== null && timestampMs > selection.toMs) return;
    const isChosen = chosen === null || chosen.has(correlationId ?? '');
    if (isChosen || topology.referenceOf.has(type ?? '')) records.push(sighting);
    return records.length > MOST_RECORDS;
  });
  refuseTooMany(records.length, partition);
  return records;
}

async function emitsOf(
  { codec }: LogSession,
  topology: Topology,
  of: {
    readonly records: readonly ReplayedRecord[];
    readonly partition: number;
    readonly partitions: number;
  },
): Promise<readonly JournaledEmit[]> {
  const { records, partition, partitions } = of;
  let now = 0;
  const task = new Task({
    topology,
    codec,
    partition,
    state: new TaskState(),
    fuse: topology.deployment === 'fused',
    clock: () => now,
    partitionOf: (key) => partitionOf(key, partitions),
  });
  const emits: JournaledEmit[] = [];
  const seal = (): void => {
    const sealed = task.seal(0)?.emits ?? [];
    emits.push(...sealed.filter(({ topic }) => topology.readModels.has(topic)));
  };
  const next = new Map<string, number>();
  for (const record of records) {
    await learn(codec, record.value);
    now = record.timestampMs * 1000;
    // By time, a topic's records may change places; offsets here only say how many came before.
    const offset = next.get(record.topic) ?? 0;
    next.set(record.topic, offset + 1);
    task.take({ ...record, topicId: '', leaderEpoch: 0, offset });
    if (task.isFull) seal();
  }
  seal();
  return emits;
}
