import type { Database, Run } from './database.ts';
import { StoreError } from './store-error.ts';

export interface SinkPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface SinkPosition extends SinkPartition {
  /** Offset of the first record that is not stored yet. */
  readonly next: number;
}

/** The step of one partition's position that a batch stands for. */
export interface PositionMove extends SinkPartition {
  readonly from: number;
  readonly to: number;
}

/** Every position of the sink, by topic and partition. */
export async function positionsOf(
  database: Database,
  sink: string,
): Promise<readonly SinkPosition[]> {
  const rows = await database.query<{ topic: string; partition: number; next: string }>(
    `reading the positions of ${sink}`,
    'SELECT topic, partition, next FROM positions WHERE sink = $1 ORDER BY topic, partition',
    [sink],
  );
  return rows.map(({ topic, partition, next }) => ({ topic, partition, next: Number(next) }));
}

/** Sets a position of 0 where the sink has none yet; what is there stays. */
export async function ensurePositions(
  database: Database,
  sink: string,
  partitions: readonly SinkPartition[],
): Promise<void> {
  await database.query(
    `setting the first positions of ${sink}`,
    `INSERT INTO positions (sink, topic, partition, next)
     SELECT $1, topic, partition, 0 FROM unnest($2::text[], $3::int[]) AS given(topic, partition)
     ORDER BY topic, partition
     ON CONFLICT DO NOTHING`,
    [sink, partitions.map(({ topic }) => topic), partitions.map(({ partition }) => partition)],
  );
}

/**
 * Order: first in its transaction: of two writers the later waits for the row, then finds it moved.
 * Throws: StoreError POSITION_TAKEN (stop) when a position is not at `from` (F23).
 */
export async function movePositions(
  run: Run,
  { sink, moves }: { readonly sink: string; readonly moves: readonly PositionMove[] },
): Promise<void> {
  if (moves.length === 0) return;
  const { rowCount: moved } = await run(
    `UPDATE positions SET next = move.until
     FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[])
       AS move(topic, partition, since, until)
     WHERE positions.sink = $1 AND positions.topic = move.topic
       AND positions.partition = move.partition AND positions.next = move.since`,
    [
      sink,
      moves.map(({ topic }) => topic),
      moves.map(({ partition }) => partition),
      moves.map(({ from }) => from),
      moves.map(({ to }) => to),
    ],
  );
  if (moved === moves.length) return;
  const list = moves.map(({ topic, partition, from }) => `${topic}/${partition} at ${from}`);
  throw new StoreError(
    'POSITION_TAKEN',
    `sink ${sink}: only ${moved} of ${moves.length} positions were where this writer left them ` +
      `(${list.join(', ')}); nothing was stored. Stop this writer; start from the stored positions.`,
  );
}
