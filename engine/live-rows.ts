import type { Batch } from './journal.ts';
import type { StateStore } from './state-store.ts';
import type { OpenEffect, OpenTimer, ParkedQueue, TaskState } from './task-state.ts';

/** One live record as a batch puts it again, and about how many bytes that takes. */
export interface LiveRow {
  readonly bytes: number;
  readonly row: Partial<
    Pick<Batch, 'states' | 'seen_sets' | 'timers' | 'parked' | 'effects' | 'references'>
  >;
}

/** Keys that are read from a store at once. */
const PAGE = 256;
/** What a row takes besides its text. */
const ROW_BYTES = 64;

/**
 * Everything live of a task that no anchor holds, each in its newest form when it is asked for: between two rows the
 * task goes on (J9). `store`: where the state is kept, with everything in it that the anchor stands behind.
 */
export function* liveRows(state: TaskState, store: StateStore | null): Generator<LiveRow> {
  yield* states(state, store);
  yield* seenSets(state, store);
  for (const timer of state.timers.values()) yield timerRow(timer);
  for (const effect of state.effects.values()) yield effectRow(effect);
  for (const [id, queue] of state.parked) yield parkedRow(id, queue);
  for (const [name, byId] of state.references)
    for (const [id, { version, value }] of byId) {
      const text = JSON.stringify(value);
      const row = { references: [{ name, id, version, value: text }] };
      yield { bytes: text.length + ROW_BYTES, row };
    }
}

function* states(state: TaskState, store: StateStore | null): Generator<LiveRow> {
  for (const [actor, key] of stateKeys(state, store)) {
    const stored = state.states.get(actor)?.get(key);
    if (stored === undefined) continue;
    const { version, json: value } = stored;
    yield { bytes: value.length + ROW_BYTES, row: { states: [{ actor, key, version, value }] } };
  }
}

function* stateKeys(
  state: TaskState,
  store: StateStore | null,
): Generator<readonly [actor: string, key: string]> {
  if (store === null) {
    for (const [actor, byKey] of state.states) for (const [key] of byKey) yield [actor, key];
    return;
  }
  for (const name of keysOf(store, 'states')) {
    const at = name.indexOf('|');
    yield [name.slice(0, at), name.slice(at + 1)];
  }
}

function* seenSets(state: TaskState, store: StateStore | null): Generator<LiveRow> {
  const keys = store === null ? keysIn(state) : keysOf(store, 'seen');
  for (const key of keys) {
    const ids = state.seen.get(key);
    if (ids === undefined) continue;
    const eventIds = [...ids];
    const bytes = eventIds.reduce((sum, id) => sum + id.length + 4, ROW_BYTES);
    yield { bytes, row: { seen_sets: [{ key, event_ids: eventIds }] } };
  }
}

function* keysIn(state: TaskState): Generator<string> {
  for (const [key] of state.seen) yield key;
}

/** A page at a time: a store is written while its keys are walked. */
function* keysOf(store: StateStore, table: string): Generator<string> {
  let after: string | null = null;
  for (;;) {
    const page: { readonly keys: readonly string[]; readonly next: string | null } = store.page(
      table,
      after,
      PAGE,
    );
    yield* page.keys;
    if (page.next === null) return;
    after = page.next;
  }
}

function timerRow({ actor, key, name, due, cause, data }: OpenTimer): LiveRow {
  const setter = JSON.stringify({ cause, data });
  return {
    bytes: setter.length + ROW_BYTES,
    row: { timers: [{ actor, key, name, due, setter }] },
  };
}

function effectRow({ actor, key, ...asked }: OpenEffect): LiveRow {
  const request = JSON.stringify(asked);
  const row = { effects: [{ actor, key, id: asked.request.id, request }] };
  return { bytes: request.length + ROW_BYTES, row };
}

/** A queue is one row: its messages cannot be told apart from those that come later. */
function parkedRow(id: string, queue: ParkedQueue): LiveRow {
  const at = id.indexOf('|');
  const place = { actor: id.slice(0, at), key: id.slice(at + 1) };
  const { code, reason, attempt, due } = queue;
  const parked = queue.messages.map((message, index) => ({
    ...place,
    act: index === 0 ? ('anew' as const) : ('push' as const),
    ...{ code, reason, attempt, due },
    message: JSON.stringify(message),
  }));
  return { bytes: queue.bytes + ROW_BYTES * queue.messages.length, row: { parked } };
}
