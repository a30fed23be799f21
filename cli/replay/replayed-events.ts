import { isRekeyed, type Topology } from '../../engine/topology.ts';
import type { SourceRecord } from '../../engine/task.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { UsageError } from '../command.ts';
import type { LogSession } from '../log/log-session.ts';
import { scanTopics } from '../log/topic-scan.ts';

/** Which correlations: one of them, those with a record on a topic, or every one. */
export interface Selection {
  readonly correlationId: string | null;
  readonly topic: string | null;
  /** Of the topic's records; null: from its start. */
  readonly fromMs: number | null;
  /** Nothing younger is replayed; null: all there is. */
  readonly toMs: number | null;
}

/** A record in front of a handler again. */
export interface ReplayedRecord extends Omit<SourceRecord, 'topicId' | 'leaderEpoch'> {
  readonly timestampMs: number;
  readonly correlationId: string | null;
  readonly sequence: number | null;
}

/** The events of some correlations, each whole. Every call reads them again. */
export type Page = () => Promise<readonly ReplayedRecord[]>;

export interface EventSource {
  /** All events of the chosen correlations, some correlations at a time. */
  pages(
    topology: Topology,
    of: { readonly selection: Selection; readonly partitions: number },
  ): AsyncIterable<Page> | Iterable<Page>;
}

/** About as many records are read into memory at once. */
const PAGE_RECORDS = 50_000;
/** Past this a page is refused: its correlations are few, and huge. */
const MOST_RECORDS = 400_000;

/** Topics whose records are replayed. What was told is told again by those who told it, and so is left out. */
export function replayedTopics({ sources }: Topology): readonly string[] {
  return sources.filter((topic) => !isRekeyed(topic));
}

/** Refuses what would not fit into memory. Throws: UsageError. */
export function refuseTooMany(count: number): void {
  if (count <= MOST_RECORDS) return;
  throw new UsageError(
    'WRONG_USE',
    `Some correlations have over ${MOST_RECORDS} events together; leave the younger ones out with --to.`,
  );
}

/**
 * The topics themselves, as far back as they are kept. They hold correlations side by side, so a partition is read once
 * for each page of it: of correlations whose ids have one hash.
 */
export function topicSource(session: LogSession, pageRecords = PAGE_RECORDS): EventSource {
  return {
    async *pages(topology, { selection, partitions }) {
      const chosen = await chosenCorrelations(session, selection);
      for (let partition = 0; partition < partitions; partition++) {
        if (chosen !== null && ![...chosen].some((id) => homeOf(id, partitions) === partition))
          continue;
        const pages = Math.ceil((await countOf(session, topology, partition)) / pageRecords);
        for (let page = 0; page < pages; page++) {
          const isChosen = (id: string): boolean =>
            (chosen === null || chosen.has(id)) && homeOf(`page of ${id}`, pages) === page;
          yield () => recordsOf(session, topology, { isChosen, partition, selection });
        }
      }
    },
  };
}

function homeOf(id: string, of: number): number {
  return partitionOf(Buffer.from(id), of);
}

async function countOf(
  { admin, names }: LogSession,
  topology: Topology,
  partition: number,
): Promise<number> {
  const existing = new Set(await admin.listTopics());
  let count = 0;
  for (const topic of replayedTopics(topology).map((each) => names.physical(each))) {
    const bounds = existing.has(topic) ? (await admin.offsets(topic))[partition] : undefined;
    if (bounds !== undefined) count += bounds.end - bounds.start;
  }
  return count;
}

/** null: every correlation. */
async function chosenCorrelations(
  session: LogSession,
  { correlationId, topic, fromMs, toMs }: Selection,
): Promise<ReadonlySet<string> | null> {
  if (correlationId !== null) return new Set([correlationId]);
  if (topic === null) return null;
  const chosen = new Set<string>();
  await scanTopics(session, { topics: [topic], sinceMs: fromMs }, (sighting) => {
    if (toMs !== null && sighting.timestampMs > toMs) return;
    if (sighting.correlationId !== null) chosen.add(sighting.correlationId);
  });
  return chosen;
}

async function recordsOf(
  session: LogSession,
  topology: Topology,
  of: {
    readonly isChosen: (correlationId: string) => boolean;
    readonly partition: number;
    readonly selection: Selection;
  },
): Promise<readonly ReplayedRecord[]> {
  const { isChosen, partition, selection } = of;
  const records: ReplayedRecord[] = [];
  const options = { topics: replayedTopics(topology), sinceMs: null, partition };
  await scanTopics(session, options, (sighting) => {
    const { correlationId, type, timestampMs } = sighting;
    if (selection.toMs !== null && timestampMs > selection.toMs) return;
    if (isChosen(correlationId ?? '') || topology.referenceOf.has(type ?? ''))
      records.push(sighting);
    refuseTooMany(records.length);
  });
  return records;
}
