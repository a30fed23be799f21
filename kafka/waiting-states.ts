import type { StoredState, TaskState } from '../engine/task-state.ts';

/** Keys of an actor that wait for an effect or a timer, with their states. */
export function waitingStates(
  state: TaskState | undefined,
  actor: string,
): ReadonlyMap<string, StoredState> {
  const found = new Map<string, StoredState>();
  for (const table of [state?.effects, state?.timers])
    for (const { actor: of, key } of table?.values() ?? []) {
      const stored = of === actor ? state?.states.get(actor)?.get(key) : undefined;
      if (stored !== undefined) found.set(key, stored);
    }
  return found;
}
