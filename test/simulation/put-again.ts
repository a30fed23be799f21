import { timerKey } from '../../engine/task-state.ts';
import type { Blocked } from './blocked-model.ts';
import { same } from './expected-batch.ts';
import type { TrueBatch } from './truth.ts';

/** What of a model is live. */
export interface Live {
  readonly states: ReadonlyMap<string, string>;
  readonly parked: ReadonlyMap<string, Blocked>;
  readonly timers: ReadonlyMap<string, { readonly due: number }>;
  readonly effects: ReadonlyMap<string, unknown>;
}

/**
 * What has been journaled since the last anchor. What is put again must be what is live then; and when it is done,
 * everything live must stand behind the anchor (J9).
 */
export class PutAgain {
  readonly #live: Live;
  readonly #fresh = new Set<string>();
  #anchor = -1;

  constructor(live: Live) {
    this.#live = live;
  }

  /** A batch of the model's own. */
  note(batch: TrueBatch): void {
    for (const id of idsOf(batch)) this.#fresh.add(id);
  }

  /** Throws: AssertionError that names the record. */
  verify(batch: TrueBatch): void {
    const { inputs, emits, states, effects, timers, parked, again } = batch;
    same('inputs and emits put again', [inputs.length, emits.length], [0, 0]);
    if (again?.anchor !== this.#anchor) this.#fresh.clear();
    this.#anchor = again?.anchor ?? -1;
    this.note(batch);
    const live = this.#live;
    for (const { actor, key, value } of states)
      same(`state ${actor} ${key} put again`, value, live.states.get(`${actor}|${key}`) ?? null);
    for (const { id, request } of effects)
      same(`effect ${id} put again`, request !== null, live.effects.has(id));
    for (const { actor, key, name, due } of timers)
      same(`timer ${name} put again`, due, live.timers.get(timerKey(actor, key, name))?.due);
    for (const [id, queue] of Map.groupBy(parked, ({ actor, key }) => `${actor}|${key}`))
      same(`queue ${id} put again`, queue.length, live.parked.get(id)?.length ?? 0);
    if (again?.is_last === true)
      for (const id of liveIds(live)) same(`${id} behind the anchor`, this.#fresh.has(id), true);
  }
}

function* idsOf({ states, effects, timers, parked }: TrueBatch): Generator<string> {
  for (const { actor, key } of states) yield `state ${actor}|${key}`;
  for (const { id } of effects) yield `effect ${id}`;
  for (const { actor, key, name } of timers) yield `timer ${timerKey(actor, key, name)}`;
  for (const { actor, key, act } of parked) if (act === 'anew') yield `queue ${actor}|${key}`;
}

/** Queues grow and shrink by parts, so only what was put again whole counts; those blocked since are left out. */
function* liveIds({ states, effects, timers }: Live): Generator<string> {
  for (const id of states.keys()) yield `state ${id}`;
  for (const id of effects.keys()) yield `effect ${id}`;
  for (const id of timers.keys()) yield `timer ${id}`;
}
