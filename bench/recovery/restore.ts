import { decodeEntry } from '../../kafka/journal-log.ts';
import { readRange } from '../../kafka/read-range.ts';
import type { ChainStand, Lane } from '../chain/system.ts';

/** What this system's journal says of a restore, and what a bare reader takes for the same bytes. */
export interface RestoreFacts {
  /** Journal records in front of the fences of the new term. */
  readonly records: number;
  readonly mib: number;
  /** From the first fence of the new term to the first batch of the last task that had one. */
  readonly restoreMs: number;
  /** A reader of its own that does nothing with them, all partitions at once. */
  readonly rawReadMs: number;
}

interface PartitionFacts {
  readonly records: number;
  readonly bytes: number;
  readonly fencedAt: number;
  readonly workedAt: number;
}

const READ_LIMIT_MS = 300_000;

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
  const startedAt = performance.now();
  await Promise.all(
    bounds.map((range, partition) => readAll(stand, { topic, partition, ...range })),
  );
  const rawReadMs = performance.now() - startedAt;
  const bytes = facts.reduce((sum, each) => sum + each.bytes, 0);
  const [fencedAt, workedAt] = [
    Math.min(...facts.map((each) => each.fencedAt)),
    Math.max(...facts.map((each) => each.workedAt)),
  ];
  return {
    records: facts.reduce((sum, each) => sum + each.records, 0),
    mib: Math.round((bytes / 2 ** 20) * 10) / 10,
    restoreMs: Math.round(workedAt - fencedAt),
    rawReadMs: Math.round(rawReadMs),
  };
}

interface JournalRange {
  readonly topic: string;
  readonly partition: number;
  readonly start: number;
  readonly end: number;
}

/** Up to the first fence behind the kill, and the first batch behind that one. */
async function partitionFacts(
  stand: ChainStand,
  range: JournalRange,
  killedAt: number,
): Promise<PartitionFacts | null> {
  let [records, bytes, fencedAt, workedAt] = [0, 0, 0, 0];
  await read(stand, range, async (record) => {
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

async function readAll(stand: ChainStand, range: JournalRange): Promise<void> {
  await read(stand, range, () => undefined);
}

async function read(
  stand: ChainStand,
  { topic, partition, start, end }: JournalRange,
  take: Parameters<typeof readRange>[1],
): Promise<void> {
  const reader = stand.kafka.reader();
  const signal = AbortSignal.timeout(READ_LIMIT_MS);
  try {
    await readRange({ reader, topic, partition, from: start, until: end, signal }, take);
  } finally {
    await reader.close();
  }
}
