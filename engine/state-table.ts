import { LIMITS } from './limits.ts';
import type { StateStore, StoreChange } from './state-store.ts';
import { merged, StoredValues } from './stored-values.ts';
import type { Kept } from './table.ts';

export interface StoredState {
  readonly version: number;
  /** JSON text. Kept as text so that a live state and a restored one are the same bytes. */
  readonly json: string;
}

/** The part of a Map that the states of one actor have, wherever they are kept. */
export interface ActorStates extends Iterable<[string, StoredState]> {
  get(key: string): StoredState | undefined;
  set(key: string, state: StoredState): unknown;
  delete(key: string): boolean;
}

const TABLE = 'states';

/** The states of all actors of a task, by actor, in its store. */
export class StateTable extends Map<string, ActorStates> implements Kept {
  readonly #store: StateStore;
  readonly #values: StoredValues<StoredState>;

  constructor(store: StateStore) {
    super();
    this.#store = store;
    this.#values = new StoredValues<StoredState>({
      read: (key) => {
        const text = store.get(TABLE, key);
        return text === undefined ? undefined : fromText(text);
      },
      sizeOf: ({ json }) => json.length + 200,
      mostBytes: LIMITS.cachedStateBytes,
    });
    for (const [key] of store.entries('versions')) this.get(key);
  }

  /** Every actor has states, be it none. */
  override get(actor: string): ActorStates {
    let states = super.get(actor);
    if (states === undefined) super.set(actor, (states = this.#of(actor)));
    return states;
  }

  takeChanges(into: StoreChange[], generation: number): void {
    for (const { key, value: state } of this.#values.take(generation))
      into.push({ table: TABLE, key, value: state === undefined ? null : toText(state) });
  }

  settle(generation: number): void {
    this.#values.settle(generation);
  }

  #of(actor: string): ActorStates {
    const values = this.#values;
    const store = this.#store;
    const prefix = `${actor}|`;
    return {
      get: (key) => values.get(prefix + key),
      set: (key, state) => values.set(prefix + key, state),
      delete: (key) => {
        const existed = values.get(prefix + key) !== undefined;
        if (existed) values.set(prefix + key, undefined);
        return existed;
      },
      *[Symbol.iterator]() {
        for (const [key, state] of merged(store, TABLE, values))
          if (key.startsWith(prefix)) yield [key.slice(prefix.length), state];
      },
    };
  }
}

function toText({ version, json }: StoredState): string {
  return `${version}:${json}`;
}

function fromText(text: string): StoredState {
  const end = text.indexOf(':');
  return { version: Number(text.slice(0, end)), json: text.slice(end + 1) };
}
