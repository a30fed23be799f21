import { type Batch, DRAINING } from '../../engine/journal.ts';
import type { StoredState, TaskState } from '../../engine/task-state.ts';
import type { Topology } from '../../engine/topology.ts';
import { foldJournal } from '../log/journal-fold.ts';
import type { LogSession } from '../log/log-session.ts';
import { type Difference, differencesOf } from './batch-difference.ts';
import { learn, RecordSource } from '../log/record-source.ts';
import { Rerun } from './rerun.ts';

/** What running today's code over one application's journals showed. */
export interface ApplicationCheck {
  readonly application: string;
  readonly tasks: number;
  readonly batches: number;
  readonly inputs: number;
  /** Batches that could not be run again: the log no longer holds a record they handled. */
  readonly unchecked: number;
  /** The graph of fused actors is not the one last in force: a deploy drains first (J6). */
  readonly graphChanged: boolean;
  /** Actor and key of everything that differs: `actor key`. */
  readonly keys: readonly string[];
  /** The first of them, whole; at most `MOST_DIFFERENCES`. */
  readonly differences: readonly Difference[];
}

/** Differences that are kept whole; the keys of all are named. */
const MOST_DIFFERENCES = 200;

/**
 * Runs today's code over the recorded inputs of an application, in the journals' order, and says whose state or emits
 * would be others. Changes nothing.
 *
 * Limits: what was skipped or dead-lettered before a handler saw it is not run again.
 */
export async function checkApplication(
  session: LogSession,
  topology: Topology,
  since: number | null,
): Promise<ApplicationCheck> {
  const { application } = topology;
  const bounds = await session.admin.offsets(session.names.physical(topology.journal));
  const check = { batches: 0, inputs: 0, unchecked: 0, graphChanged: false };
  const keys = new Set<string>();
  const differences: Difference[] = [];
  for (const partition of bounds.keys()) {
    const { codec } = session;
    const records = new RecordSource(session);
    const rerun = new Rerun({ topology, codec, partition, partitions: bounds.length, records });
    const journal = await foldJournal(
      session,
      { application, partition },
      {
        after: async ({ batch, isValid, fence }, state) => {
          if (!isValid) return;
          const isRun = batch.inputs.length > 0 && (since === null || batch.time >= since * 1000);
          if (!isRun) return rerun.heal(state, [batch]);
          const before = statesBefore(rerun.state, topology, batch);
          const isFused =
            fence?.fence.deployment === 'fused' && fence.fence.edges_hash !== DRAINING;
          const { batch: today, isWhole } = await rerun.run(batch, isFused);
          for (const { value } of batch.emits) await learn(codec, value);
          check.batches += 1;
          check.inputs += batch.inputs.length;
          if (!isWhole) check.unchecked += 1;
          else
            for (const difference of differencesOf({
              topology,
              codec,
              recorded: batch,
              today,
              before: (actor, key) => before.get(`${actor}|${key}`),
            })) {
              keys.add(`${difference.actor} ${difference.key}`);
              if (differences.length < MOST_DIFFERENCES) differences.push(difference);
            }
          rerun.heal(state, [batch, today]);
        },
      },
    );
    const worked = journal.lastWorkedFence;
    if (worked !== null && worked.edges_hash !== topology.edgesHash) check.graphChanged = true;
  }
  return { application, tasks: bounds.length, ...check, keys: [...keys], differences };
}

function statesBefore(
  state: TaskState,
  { actors }: Topology,
  { inputs }: Batch,
): ReadonlyMap<string, StoredState | undefined> {
  const keys = [...new Set(inputs.map(({ key }) => key))];
  return new Map(
    actors.flatMap(({ name }) =>
      keys.map((key) => [`${name}|${key}`, state.states.get(name)?.get(key)] as const),
    ),
  );
}
