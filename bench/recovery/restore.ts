import { decodeEntry } from '../../kafka/journal-log.ts';
import type { ChainStand, Lane } from '../chain/system.ts';
import { type JournalRange, readBare, readBareAnew, readJournal } from './bare-read.ts';

/** What this system's journal says of a restore, and what a bare reader takes for the same bytes. */
export interface RestoreFacts {
  /** Journal records in front of the fences of the new term. */
  readonly records: number;
  readonly mib: number;
  /** Partitions that were restored, of all: a takeover restores those of the member that is gone. Absent: 1. */
  readonly share?: number;
  /** From the first fence of the new term to the first batch of the last task that had one. */
  readonly restoreMs: number;
  /** A reader of its own that does nothing with them, the restored partitions at once, in the benchmark's process, which has read them before; */
  readonly rawReadMs: number;
  /** and in a process of its own, from when it is connected. Absent: it was not asked. */
  readonly freshReadMs?: number;
}

interface PartitionFacts {
  readonly records: number;
  readonly bytes: number;
  readonly fencedAt: number;
  readonly workedAt: number;
}

/** null: no fence and batch stand behind the kill. `killedAt`: ms of the clock on the wall. */
export async function restoreFacts(
  stand: ChainStand,
  { prefix, shape }: Lane,
  killedAt: number,
): Promise<RestoreFacts | null> {
  const topic = `${prefix}bench.${shape.work}.journal`;
  const admin = stand.kafka.admin();
  const bounds = await admin.offsets(topic);
  await admin.close();
  const all = await Promise.all(
    bounds.map((range, partition) =>
      partitionFacts(stand, { topic, partition, ...range }, killedAt),
    ),
  );
  const facts = all.filter((each) => each !== null);
  if (facts.length === 0) return null;
  // What was restored, and no more: a takeover restores some of the partitions.
  const ranges = bounds
    .map((range, partition) => ({ topic, partition, ...range }))
    .filter(({ partition }) => all[partition] !== null);
  const rawReadMs = await readBare(stand.kafka, ranges);
  const freshReadMs = await readBareAnew({ brokers: stand.brokers, ranges });
  const bytes = facts.reduce((sum, each) => sum + each.bytes, 0);
  const [fencedAt, workedAt] = [
    Math.min(...facts.map((each) => each.fencedAt)),
    Math.max(...facts.map((each) => each.workedAt)),
  ];
  return {
    records: facts.reduce((sum, each) => sum + each.records, 0),
    mib: Math.round((bytes / 2 ** 20) * 10) / 10,
    share: facts.length / bounds.length,
    restoreMs: Math.round(workedAt - fencedAt),
    rawReadMs: Math.round(rawReadMs),
    freshReadMs: Math.round(freshReadMs),
  };
}

/** Up to the first fence behind the kill, and the first batch behind that one. */
async function partitionFacts(
  stand: ChainStand,
  range: JournalRange,
  killedAt: number,
): Promise<PartitionFacts | null> {
  let [records, bytes, fencedAt, workedAt] = [0, 0, 0, 0];
  await readJournal(stand.kafka, range, async (record) => {
    if (workedAt > 0) return;
    const isLater = record.timestampMs >= killedAt;
    if (!isLater) {
      records += 1;
      bytes += record.value?.byteLength ?? 0;
      return;
    }
    const { kind } = await decodeEntry(stand.codec, record);
    if (kind === 'fence' && fencedAt === 0) fencedAt = record.timestampMs;
    else if (kind === 'batch' && fencedAt > 0) workedAt = record.timestampMs;
  });
  return workedAt === 0 ? null : { records, bytes, fencedAt, workedAt };
}
