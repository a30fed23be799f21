import { isDeepStrictEqual } from 'node:util';
import type { Actor, Context, Decision } from '../engine/actor.ts';
import type { Topology } from '../engine/topology.ts';

/** Something a handler did that would differ between two runs of the same message (J8). */
export class ImpureHandlerError extends Error {
  override readonly name = 'ImpureHandlerError';
  readonly code = 'HANDLER_IMPURE';
  constructor(actor: string, what: string) {
    super(`${actor} ${what}`);
  }
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
type AnyActor = Actor<any>;
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- payloads and results of all types
type Handler = (state: any, input: any, context: Context) => Decision<any>;

/**
 * The same topology, each of whose handlers runs twice on every input: without clock, chance, environment, timers
 * and network, all of which throw, and must decide the same. What is found is told to `onImpure`, because an error
 * of a handler would only park its key.
 */
export function sanitizedTopology(
  topology: Topology,
  onImpure: (error: ImpureHandlerError) => void,
): Topology {
  const wrapped = new Map(
    topology.actors.map((each) => [each.name, sanitizedActor(each, onImpure)] as const),
  );
  const of = (each: AnyActor): AnyActor => wrapped.get(each.name) ?? each;
  return {
    ...topology,
    actors: topology.actors.map(of),
    consumers: new Map([...topology.consumers].map(([type, each]) => [type, each.map(of)])),
  };
}

/** One actor, its handlers as `sanitizedTopology` has them. */
export function sanitizedActor<State>(
  actor: Actor<State>,
  onImpure: (error: ImpureHandlerError) => void,
): Actor<State> {
  const every = (handlers: Readonly<Record<string, Handler>>): Record<string, Handler> =>
    Object.fromEntries(
      Object.entries(handlers).map(([type, handler]) => [
        type,
        (state, input, context) =>
          runTwice(handler, [state, input, context], (what) => {
            const error = new ImpureHandlerError(`${actor.name}, handling ${type},`, what);
            onImpure(error);
            return error;
          }),
      ]),
    );
  return {
    ...actor,
    handles: every(actor.handles),
    ...(actor.effects === undefined ? {} : { effects: every(actor.effects) }),
    ...(actor.timers === undefined ? {} : { timers: every(actor.timers) }),
  };
}

/** Tells of a finding; what it gives back may be thrown. */
type Found = (what: string) => ImpureHandlerError;

/** What a handler came to: a decision, or what it threw. */
type Result =
  | { readonly decision: Decision<unknown>; readonly error?: never }
  | { readonly decision?: never; readonly error: unknown };

function runTwice(
  handler: Handler,
  [state, input, context]: readonly [state: unknown, input: unknown, context: Context],
  found: Found,
): Decision<unknown> {
  const again: [unknown, unknown] = [structuredClone(state), structuredClone(input)];
  const before = structuredClone(input);
  const reads = new Map<string, unknown>();
  const first = attempt(() => handler(state, input, noting(context, reads)), found);
  if (!isDeepStrictEqual(structuredClone(input), before)) found('changes its input; make a copy');
  const second = attempt(() => handler(...again, replaying(context, reads, found)), found);
  const sameError = first.error !== undefined && textOf(first.error) === textOf(second.error);
  const [one, other] = [first.decision, second.decision].map((each) => structuredClone(each));
  const isSame = first.decision !== undefined && isDeepStrictEqual(one, other);
  if (!sameError && !isSame)
    found(
      `decides ${textOf(first.decision ?? first.error)} and then, of the same, ` +
        `${textOf(second.decision ?? second.error)}; keep nothing outside of the state`,
    );
  if (first.decision === undefined) throw first.error;
  return first.decision;
}

function attempt(handle: () => Decision<unknown>, found: Found): Result {
  const restore = poisonGlobals(found);
  try {
    return { decision: handle() };
  } catch (error) {
    return { error };
  } finally {
    restore();
  }
}

/** Notes what the first run reads, */
function noting(context: Context, reads: Map<string, unknown>): Context {
  return {
    ...context,
    reference: (name) => {
      const reference = context.reference(name);
      return {
        get: (id) => {
          const value = reference.get(id);
          reads.set(`${name}|${id}`, structuredClone(value));
          return value;
        },
      };
    },
  };
}

/** so that the second reads the same, and leaves no trace of its own in the journal. */
function replaying(context: Context, reads: ReadonlyMap<string, unknown>, found: Found): Context {
  return {
    ...context,
    reference: (name) => ({
      get: (id) => {
        if (!reads.has(`${name}|${id}`)) found(`reads '${id}' of ${name} only now and then`);
        return reads.get(`${name}|${id}`);
      },
    }),
  };
}

interface Poison {
  readonly holder: object;
  readonly name: string;
  readonly shownAs: string;
}

const on = (holder: object, shownAs: string, ...names: readonly string[]): Poison[] =>
  names.map((name) => ({ holder, name, shownAs: shownAs + name }));

/** What acts, or answers differently each time. */
const POISONED: readonly Poison[] = [
  ...on(globalThis, '', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch'),
  ...on(Math, 'Math.', 'random'),
  ...on(performance, 'performance.', 'now'),
  ...on(crypto, 'crypto.', 'randomUUID', 'getRandomValues'),
  ...on(process, 'process.', 'hrtime', 'uptime'),
];

/** Replaces them until the returned function is called. Handlers are synchronous: nobody else notices. */
function poisonGlobals(found: Found): () => void {
  const caught = (what: string): never => {
    throw found(
      `uses ${what}, which differs on every run; take it from the context or the message`,
    );
  };
  const undo = POISONED.map(({ holder, name, shownAs }) =>
    replace(holder, name, () => caught(shownAs)),
  );
  undo.push(
    replace(process, 'env', new Proxy({}, { get: () => caught('process.env') })),
    replace(globalThis, 'Date', poisonedDate(caught)),
  );
  return () => {
    for (const each of undo) each();
  };
}

/** A given moment may be calculated with; what the time is may not be asked. */
function poisonedDate(caught: (what: string) => never): unknown {
  const refuse = (): never => caught('Date');
  return new Proxy(Date, {
    apply: refuse,
    construct: (target, values, as) =>
      values.length === 0 ? refuse() : (Reflect.construct(target, values, as) as object),
    get: (target, name) => (name === 'now' ? refuse : Reflect.get(target, name)),
  });
}

function replace(holder: object, name: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(holder, name);
  Object.defineProperty(holder, name, { value, configurable: true, writable: true });
  return () => {
    if (before === undefined) Reflect.deleteProperty(holder, name);
    else Object.defineProperty(holder, name, before);
  };
}

function textOf(value: unknown): string {
  return value instanceof Error ? value.message : JSON.stringify(value);
}
