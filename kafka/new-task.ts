import type { Micros } from '../engine/event.ts';
import { Task, type TaskObserver } from '../engine/task.ts';
import type { TaskState } from '../engine/task-state.ts';
import type { RunnerObserver, TaskSurroundings } from './task-runner.ts';

/** The engine's task, among what surrounds a term. */
export function newTask(
  surroundings: TaskSurroundings,
  of: {
    readonly partition: number;
    readonly state: TaskState;
    /** A changed graph drains: nothing is fused (J6). */
    readonly isDraining: boolean;
    readonly clock: () => Micros;
  },
): Task {
  const { topology, codec, observer, partitions, partitionOf } = surroundings;
  const { partition, state, isDraining, clock } = of;
  return new Task({
    ...{ topology, codec, partition, state, clock },
    partitionOf: (key) => partitionOf(key, partitions),
    fuse: topology.deployment === 'fused' && !isDraining,
    stopwatch: () => performance.now(),
    observer: taskObserver(observer),
  });
}

/** What a task tells its watcher, in the runner's terms. */
function taskObserver(observer: RunnerObserver): TaskObserver {
  return {
    skipped: (by) => observer.skipped(by),
    dedupeLimit: (limit, count) => observer.dedupeLimit?.(limit, count),
    parked: (...what) => observer.parked(...what),
    deadLettered: (topic, code, letter) => observer.deadLettered(topic, code, letter),
    handled: (actor, message, startedAt) =>
      observer.handled(actor, message, (performance.now() - startedAt) / 1000),
  };
}
