import type { Codec } from '../../engine/codec.ts';
import { type Batch, JOURNAL_RECORD } from '../../engine/journal.ts';
import { TaskState } from '../../engine/task-state.ts';
import type { Topology } from '../../engine/topology.ts';

/** A replay through the bytes that the journal keeps. */
export function replayed(
  codec: Codec,
  { journal }: Pick<Topology, 'journal'>,
  batches: readonly Batch[],
): TaskState {
  const state = new TaskState();
  for (const batch of batches) {
    const bytes = codec.encode(journal, JOURNAL_RECORD.batch, batch);
    state.applyBatch(codec.decode(bytes).value as Batch);
  }
  return state;
}

/** All of a state but how far skipped records were read: that rides along with the next batch (F27). */
export function kept(state: TaskState): unknown {
  const { positions, marks, producers, ...rest } = JSON.parse(state.dump()) as Record<
    string,
    unknown
  >;
  return JSON.stringify(rest);
}
