import type { Actor, Decision } from '../../engine/actor.ts';

/** The shape of a state from version 2 on; in version 1 `held` is all there is. */
interface Versioned {
  readonly schema: number;
  readonly held: unknown;
}

/**
 * The same actor in a later release: each version of its state has a shape of its own, and an upcast that takes only what the
 * version before it wrote as that version.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
export function versioned(actor: Actor<any>, version: number, onUpcast: (from: number) => void) {
  const wrap = (held: unknown): unknown => (version === 1 ? held : { schema: version, held });
  const upcast = (from: number, stored: unknown): unknown => {
    const { schema, held } = from === 1 ? { schema: 1, held: stored } : (stored as Versioned);
    if (schema !== from || from >= version)
      throw new Error(`A state of version ${from} is of schema ${schema}, before ${version}.`);
    onUpcast(from);
    return wrap(held);
  };
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- of messages, results and timers
  type Handle = (state: unknown, of: any, context: any) => Decision<unknown>;
  const inShape =
    (handle: Handle): Handle =>
    (state, of, context) => {
      const decision = handle(heldIn(state), of, context);
      if (decision.state === undefined || decision.state === null) return decision;
      return { ...decision, state: wrap(decision.state) };
    };
  const all = (handlers: Readonly<Record<string, Handle>> = {}): Record<string, Handle> =>
    Object.fromEntries(
      Object.entries(handlers).map(([name, handle]) => [name, inShape(handle)] as const),
    );
  const { state, handles, effects, timers } = actor;
  return {
    ...actor,
    state: { version, initial: () => wrap(state.initial()), upcast },
    ...{ handles: all(handles), effects: all(effects), timers: all(timers) },
  };
}

/** What a state of any version holds. */
export function heldIn(state: unknown): unknown {
  return typeof state === 'object' && state !== null && 'schema' in state
    ? (state as unknown as Versioned).held
    : state;
}
