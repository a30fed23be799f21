import type { TaskObserver } from '../engine/task.ts';
import type { RunnerObserver } from './task-runner.ts';

/** What a task tells its watcher, in the runner's terms. */
export function taskObserver(observer: RunnerObserver): TaskObserver {
  return {
    skipped: (by) => observer.skipped(by),
    dedupeLimit: (limit, count) => observer.dedupeLimit?.(limit, count),
    parked: (actor, key, code, reason) => observer.parked(actor, key, code, reason),
    deadLettered: (topic, code, record) => observer.deadLettered(topic, code, record),
    handled: (actor, message, startedAt) =>
      observer.handled(actor, message, (performance.now() - startedAt) / 1000),
  };
}
