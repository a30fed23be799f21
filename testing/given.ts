import { deepStrictEqual } from 'node:assert/strict';
import type {
  Actor,
  Context,
  Decision,
  EffectRequest,
  EffectResult,
  Emit,
  Firing,
  Message,
  TimerRequest,
} from '../engine/actor.ts';
import { handlerOf } from '../engine/decide.ts';
import { derivedUuid, hashOf } from '../engine/derived-id.ts';
import type { Envelope, Micros } from '../engine/event.ts';
import { type ImpureHandlerError, sanitizedActor } from './sanitizer.ts';

/** What is there before a message comes. */
export interface History<State> {
  /** Absent: the actor's initial state. */
  readonly state?: State;
  /** Reference data: name → id → value. */
  readonly references?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Logical time of the handling. Default: GIVEN_TIME. */
  readonly time?: Micros;
}

/** What is compared with a decision; what is left out is not looked at. */
export interface Expected<State> {
  /** State afterwards, null: deleted. */
  readonly state?: State | null;
  readonly emit?: readonly Emit[];
  readonly effects?: readonly EffectRequest[];
  readonly timers?: readonly TimerRequest[];
}

export interface Given<State> {
  /** Hands a message to its handler, or an effect's result or a timer's firing to its own. */
  when(input: Message | EffectResult | Firing): Then<State>;
}

export interface Then<State> {
  /** State afterwards; the initial one when it was deleted. */
  readonly state: State;
  readonly emit: readonly Emit[];
  readonly effects: readonly EffectRequest[];
  readonly timers: readonly TimerRequest[];
  /**
   * Goes on from here when the decision is the expected one.
   *
   * Throws: AssertionError with the difference.
   */
  then(expected: Expected<State>): Given<State>;
}

/** 2026-01-02T03:04:05.000006Z. */
export const GIVEN_TIME: Micros = 1_767_323_045_000_006;

/**
 * Runs the handlers of one actor by themselves: `given(actor, history).when(message).then({ emit })`. It
 * holds them to the engine's rules: states survive JSON, only declared emits, references and timers are used, and the same
 * input gives the same decision.
 */
export function given<State>(actor: Actor<State>, history: History<State> = {}): Given<State> {
  let impure: ImpureHandlerError | null = null;
  const sanitized = sanitizedActor(actor, (error) => (impure ??= error));
  const before = history.state === undefined ? actor.state.initial() : history.state;
  return {
    when(input) {
      const decision = decide(sanitized, before, input, history);
      if (impure !== null) throw impure;
      const kept = decision.state === undefined ? before : throughJson(actor, decision.state);
      const state = kept ?? actor.state.initial();
      const emit = (decision.emit ?? []).map((each) => declared(actor, each));
      const effects = decision.effects ?? [];
      const timers = (decision.timers ?? []).map((each) => handled(actor, each));
      return {
        state,
        emit,
        effects,
        timers,
        then(expected) {
          if (expected.state !== undefined) deepStrictEqual(kept, expected.state);
          if (expected.emit !== undefined) deepStrictEqual(emit, expected.emit);
          if (expected.effects !== undefined) deepStrictEqual(effects, expected.effects);
          if (expected.timers !== undefined) deepStrictEqual(timers, expected.timers);
          return given(actor, { ...history, state });
        },
      };
    },
  };
}

/** A message with the given payload; everything else may be set, and has a sensible value if not. */
export function messageOf<Payload>(
  type: string,
  payload: Payload,
  rest: Partial<Omit<Message, 'type' | 'payload' | 'envelope'>> = {},
): Message<Payload> {
  const correlationId = rest.correlationId ?? rest.key ?? 'intent-1';
  const message = {
    type,
    eventId: `${correlationId}/${type}/${rest.sequence ?? 1}`,
    key: correlationId,
    correlationId,
    causationId: null,
    sequence: 1,
    occurredAt: GIVEN_TIME,
    ...rest,
  };
  return { ...message, payload, envelope: envelopeOf(message) };
}

function envelopeOf(message: Omit<Message, 'payload' | 'envelope'>): Envelope {
  return {
    event_id: message.eventId,
    family: 'TRADING',
    event_type: message.type,
    event_version: 1,
    occurred_at: message.occurredAt,
    correlation_id: message.correlationId,
    causation_id: message.causationId,
    sequence: message.sequence,
    producer: 'given',
    priority: 'normal',
    trace_id: null,
  };
}

function decide<State>(
  actor: Actor<State>,
  state: State,
  input: Message | EffectResult | Firing,
  history: History<State>,
): Decision<State> {
  if ('type' in input) {
    const handler = actor.handles[input.type];
    if (handler === undefined) throw new Error(`${actor.name} does not handle ${input.type}`);
    return handler(state, input, contextOf(actor, input.eventId, history));
  }
  if ('due' in input) {
    const handler = actor.timers?.[handlerOf(input.name)];
    if (handler === undefined) throw new Error(`${actor.name} has no timer ${input.name}`);
    return handler(state, input, contextOf(actor, `${input.name}@${input.due}`, history));
  }
  const handler = actor.effects?.[input.name];
  if (handler === undefined) throw new Error(`${actor.name} takes no result of ${input.name}`);
  return handler(state, input, contextOf(actor, input.id, history));
}

function contextOf<State>(
  actor: Actor<State>,
  causeId: string,
  { references = {}, time = GIVEN_TIME }: History<State>,
): Context {
  return {
    time,
    application: 'given',
    uuid: (label) => derivedUuid(hashOf(causeId, actor.name, label)),
    reference: (name) => {
      if (actor.references?.includes(name) !== true)
        throw new Error(`${actor.name} reads reference '${name}' without declaring it`);
      return { get: (id) => references[name]?.[id] };
    },
    keep: (message) => message,
  };
}

function throughJson<State>(actor: Actor<State>, state: State | null): State | null {
  const copy = JSON.parse(JSON.stringify(state)) as State | null;
  deepStrictEqual(copy, state, `the state of ${actor.name} does not survive JSON`);
  return copy;
}

function declared<State>(actor: Actor<State>, emit: Emit): Emit {
  const name = emit.kind === 'event' ? emit.type : emit.kind === 'read-model' ? emit.topic : null;
  if (name === null || actor.emits.includes(name)) return emit;
  throw new Error(`${actor.name} emits ${name} without declaring it`);
}

function handled<State>(actor: Actor<State>, timer: TimerRequest): TimerRequest {
  if (actor.timers?.[handlerOf(timer.name)] !== undefined) return timer;
  throw new Error(`${actor.name} sets timer ${timer.name} without a handler in its 'timers'`);
}
