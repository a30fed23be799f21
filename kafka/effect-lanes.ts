import { parkedKey, type OpenEffect } from '../engine/task-state.ts';

interface Place {
  readonly name: string;
  effect: OpenEffect;
}

/** Which effect of each (actor, key) has its turn. */
export class EffectLanes {
  readonly #lanes = new Map<string, Place[]>();

  /** Takes the last place, or the one it has; true when that is the first. */
  enter(effect: OpenEffect, name: string): boolean {
    const lane = this.#laneOf(effect.actor, effect.key);
    const at = lane.findIndex((place) => place.name === name);
    if (at >= 0) (lane[at] as Place).effect = effect;
    else lane.push({ name, effect });
    return at === 0 || lane.length === 1;
  }

  /** Gives its place up; returns whose turn it is then, if that has changed. */
  leave(actor: string, key: string, name: string): OpenEffect | undefined {
    const lane = this.#laneOf(actor, key);
    const at = lane.findIndex((place) => place.name === name);
    if (at >= 0) lane.splice(at, 1);
    if (lane.length === 0) this.#lanes.delete(parkedKey(actor, key));
    return at === 0 ? lane[0]?.effect : undefined;
  }

  #laneOf(actor: string, key: string): Place[] {
    const id = parkedKey(actor, key);
    let lane = this.#lanes.get(id);
    if (lane === undefined) this.#lanes.set(id, (lane = []));
    return lane;
  }
}
