import type {
  Actor,
  Context,
  Decision,
  EffectRequest,
  KeptMessage,
  Message,
  TimerRequest,
} from './actor.ts';
import { toBase64 } from './base64.ts';
import { CodecError } from './codec.ts';
import { derivedUuid, hashOf } from './derived-id.ts';
import type { EncodedEmit, InputSource } from './emit-cause.ts';
import type { EmitEncoder } from './emit-encoder.ts';
import { EngineError } from './errors.ts';
import type { ReferenceRead } from './journal.ts';
import { LIMITS } from './limits.ts';
import type { Cause, TaskState } from './task-state.ts';
import type { Topology } from './topology.ts';

/** A decision that can stand: checked, encoded, not yet taken over. */
export interface DecidedStep {
  readonly emits: readonly EncodedEmit[];
  /** undefined: unchanged; null: deleted. */
  readonly json: string | null | undefined;
  readonly effects: readonly EffectRequest[];
  readonly timers: readonly TimerRequest[];
  readonly reads: readonly ReferenceRead[];
}

/** What a handler is called for: one actor, one key, one cause. */
export interface DecisionCall {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  readonly actor: Actor<any>;
  readonly key: string;
  readonly cause: Cause;
  /** Of the input: what derived ids descend from. */
  readonly eventId: string;
  readonly source?: InputSource;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  handle(state: any, context: Context): Decision<any>;
}

/**
 * Calls handlers and makes of their decisions what the journal can hold. Nothing is changed here: a decision
 * stands whole or not at all (J3d).
 */
export class DecisionMaker {
  readonly #topology: Topology;
  readonly #state: TaskState;
  readonly #encoder: EmitEncoder;

  constructor(topology: Topology, state: TaskState, encoder: EmitEncoder) {
    this.#topology = topology;
    this.#state = state;
    this.#encoder = encoder;
  }

  /** The error, if any, parks the key. */
  decide(call: DecisionCall): DecidedStep | EngineError {
    const { actor, key, cause, eventId: causeId, source } = call;
    try {
      const reads: ReferenceRead[] = [];
      const context = this.#context({ actor: actor.name, causeId, source }, reads);
      const decision = call.handle(this.#stateOf(actor, key), context);
      const time = this.#state.time;
      const origin = { key, cause, causeId, time, ...(source && { source }) };
      const emits = this.#encoder.encode(actor, decision.emit ?? [], origin);
      const json = decision.state === undefined ? undefined : toJson(actor.name, decision.state);
      const timers = this.#checked(actor, decision.timers ?? []);
      return { emits, json, effects: decision.effects ?? [], timers, reads };
    } catch (error) {
      return asParkingError(actor.name, error);
    }
  }

  #checked(actor: Actor<unknown>, timers: readonly TimerRequest[]): readonly TimerRequest[] {
    for (const { name, due } of timers) {
      const problem =
        actor.timers?.[handlerOf(name)] === undefined
          ? `has no handler for it; add '${handlerOf(name)}' to its 'timers'`
          : due !== null && !Number.isSafeInteger(due)
            ? `gives it the due time ${due}; give whole microseconds`
            : due !== null &&
              this.#state.timers.size >= LIMITS.timersPerTask &&
              `has set ${this.#state.timers.size} in this task, the most that are kept; cancel some`;
      if (problem !== false)
        throw new EngineError(
          'TIMER_INVALID',
          'park',
          `${actor.name} sets timer '${name}' and ${problem}.`,
        );
    }
    return timers;
  }

  #stateOf<State>(actor: Actor<State>, key: string): State {
    const stored = this.#state.states.get(actor.name)?.get(key);
    if (stored === undefined) return actor.state.initial();
    const value = JSON.parse(stored.json) as State;
    if (stored.version === actor.state.version) return value;
    if (stored.version > actor.state.version || actor.state.upcast === undefined)
      throw new EngineError(
        'STATE_TOO_NEW',
        'park',
        `State of ${actor.name} for '${key}' has version ${stored.version}, this code knows ` +
          `${actor.state.version}; deploy the newer code again.`,
      );
    return actor.state.upcast(stored.version, value);
  }

  #context(
    {
      actor,
      causeId,
      source,
    }: Pick<DecisionCall, 'source'> & { readonly actor: string; readonly causeId: string },
    reads: ReferenceRead[],
  ): Context {
    const { application, references: declared } = this.#topology;
    const references = this.#state.references;
    return {
      time: this.#state.time,
      application,
      uuid: (label) => derivedUuid(hashOf(causeId, actor, label)),
      reference: (name) => {
        if (!declared.has(name)) throw unknownReference(actor, name, application);
        return {
          get: (id) => {
            const found = references.get(name)?.get(id);
            reads.push({ name, id, version: found?.version ?? null });
            return found?.value;
          },
        };
      },
      keep: (message) => (message.eventId === causeId ? kept(message, source) : message),
    };
  }
}

function kept(message: Message, source: InputSource | undefined): KeptMessage {
  if (source === undefined) return message;
  const { value, at } = source;
  return { ...message, bytes: toBase64(value), ...(at && { at }) };
}

/** What stands before the first slash of a timer's name. */
export function handlerOf(timer: string): string {
  return timer.split('/', 1)[0] ?? timer;
}

function toJson(actor: string, state: unknown): string | null {
  if (state === null) return null;
  try {
    const json = JSON.stringify(state);
    if (json.length <= LIMITS.inputBytes) return json;
  } catch (cause) {
    throw new EngineError(
      'STATE_INVALID',
      'park',
      `State of ${actor} is not JSON-safe; store bigint and Date values as text.`,
      { cause },
    );
  }
  throw new EngineError(
    'STATE_INVALID',
    'park',
    `State of ${actor} is larger than ${LIMITS.inputBytes} bytes; keep less per key.`,
  );
}

function unknownReference(actor: string, name: string, application: string): EngineError {
  return new EngineError(
    'UNKNOWN_REFERENCE',
    'park',
    `${actor} reads reference '${name}', which topology ${application} does not declare; add it to ` +
      `'references'.`,
  );
}

function asParkingError(actor: string, error: unknown): EngineError {
  // What is no fault of the handler's ends the term and parks nothing.
  if (error instanceof EngineError && error.reaction === 'retake') throw error;
  if (error instanceof EngineError) return error;
  const code = error instanceof CodecError ? 'EMIT_INVALID' : 'HANDLER_THREW';
  const reason = error instanceof Error ? error.message : String(error);
  return new EngineError(
    code,
    'park',
    `${actor} failed: ${reason}. Its key is parked; fix the code, then release it.`,
    { cause: error },
  );
}
