import type { Actor, Context, Decision, EffectResult, Firing, Message } from './actor.ts';
import type { BatchBuilder } from './batch-builder.ts';
import { type DecidedStep, DecisionMaker, handlerOf } from './decide.ts';
import { askedEffect } from './effect-attempt.ts';
import { type EncodedEmit, type InputSource, newestStep } from './emit-cause.ts';
import type { EmitEncoder } from './emit-encoder.ts';
import { EngineError } from './errors.ts';
import { HEADER } from './event.ts';
import type { Input } from './journal.ts';
import { LIMITS } from './limits.ts';
import { attempted, causeOf, toMessage } from './message.ts';
import type { TaskObserver } from './task.ts';
import {
  type Cause,
  type OpenEffect,
  type ParkedMessage,
  parkedKey,
  type TaskState,
} from './task-state.ts';
import { fromBase64, toBase64 } from './base64.ts';
import type { Topology } from './topology.ts';
import { handledBy } from './traceparent.ts';

export type InputHead = Omit<Input, 'actor' | 'references'>;

/** One message in front of one actor. */
export interface Work {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  readonly actor: Actor<any>;
  readonly message: Message;
  readonly input: InputHead;
  /** The record's, as it came; absent: it is none. */
  readonly value?: Uint8Array;
}

/** A handler in front of its state. */
export interface Call {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  readonly actor: Actor<any>;
  readonly key: string;
  readonly cause: Cause;
  /** Of the message, result or firing. */
  readonly eventId: string;
  readonly source?: InputSource;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  handle(state: any, context: Context): Decision<any>;
}

export interface HandlingOptions {
  readonly topology: Topology;
  readonly state: TaskState;
  readonly encoder: EmitEncoder;
  readonly observer?: TaskObserver;
  /** Monotonic, for `handled`; absent: zero. */
  readonly stopwatch?: () => number;
}

/**
 * Handles messages and takes over what comes of it: state, emits, effects, timers, and all that the emits cause within
 * this task. What a handler cannot take goes behind its key, and so does what follows it (J8a).
 */
export class Handling {
  readonly #options: HandlingOptions;
  readonly #state: TaskState;
  readonly #decisions: DecisionMaker;
  /** The batch in the making. */
  batch: BatchBuilder;

  constructor(options: HandlingOptions, batch: BatchBuilder) {
    this.#options = options;
    this.#state = options.state;
    this.#decisions = new DecisionMaker(options.topology, options.state, options.encoder);
    this.batch = batch;
  }

  isBlocked(actor: string, key: string): boolean {
    if (this.#state.parked.size === 0) return false;
    return this.#state.parked.has(parkedKey(actor, key));
  }

  run(work: readonly Work[]): void {
    const queue = [...work];
    for (let done = 0; done < queue.length; done++)
      queue.push(...this.#runOne(queue[done] as Work, queue.length));
  }

  /** A result or a firing: no record, so it is kept as the message that stands for it where its key is blocked. */
  runInternal(call: Call, message: Message, input: InputHead): void {
    const work = { actor: call.actor, message, input };
    if (this.isBlocked(call.actor.name, call.key)) return this.#park(null, work);
    const startedAt = this.#options.stopwatch?.() ?? 0;
    const step = this.#decisions.decide(call);
    if (step instanceof EngineError) return this.#park(step, work);
    this.#keep(call, step, input);
    this.#options.observer?.handled(call.actor.name, message, startedAt);
    this.run(this.#chain(step.emits, input));
  }

  /** Handles the head of a blocked queue again, and what it causes. Nothing happens when there is none. */
  retry(actorName: string, key: string): void {
    const queue = this.#state.parked.get(parkedKey(actorName, key));
    const [head] = queue?.messages ?? [];
    if (queue === undefined || head === undefined) return;
    const place = { topic: null, partition: null, offset: null, data: null };
    const time = this.#state.time;
    const input = { kind: 'retry' as const, key, event_id: head.eventId, ...place, time };
    const actor = this.#options.topology.actors.find(({ name }) => name === actorName);
    const call = actor === undefined ? null : callOf(actor, head);
    if (call === null) {
      const gone = `Nothing handles ${head.type} any more; deploy what did, or drop it.`;
      this.batch.input({ ...input, actor: actorName, references: [] });
      return this.#wait(actorName, key, new EngineError('HANDLER_THREW', 'park', gone));
    }
    const startedAt = this.#options.stopwatch?.() ?? 0;
    const step = this.#decisions.decide(call);
    if (step instanceof EngineError) {
      this.batch.input({ ...input, actor: actorName, references: [] });
      return this.#failAgain(actorName, key, step);
    }
    this.shift(actorName, key);
    this.#keep(call, step, input);
    this.#options.observer?.handled(actorName, head, startedAt);
    this.run(this.#chain(step.emits, input));
  }

  /** Takes the head away; what is behind it is handled next. */
  shift(actor: string, key: string): void {
    const queue = this.#state.parked.get(parkedKey(actor, key));
    if (queue === undefined) return;
    const { code, reason } = queue;
    const due = this.#state.time;
    const next = { code, reason, message: null, attempt: 0, due };
    this.batch.park({ actor, key, act: 'shift', ...next });
  }

  /** The head is handled as soon as this task comes to it. */
  release(actor: string, key: string): void {
    const queue = this.#state.parked.get(parkedKey(actor, key));
    if (queue === undefined) return;
    const { code, reason } = queue;
    const due = this.#state.time;
    this.batch.park({ actor, key, act: 'wait', code, reason, message: null, attempt: 0, due });
  }

  #runOne(work: Work, queued: number): readonly Work[] {
    const { actor, message, input } = work;
    if (this.isBlocked(actor.name, message.key)) return this.#parkNone(null, work);
    const startedAt = this.#options.stopwatch?.() ?? 0;
    const call = messageCall(actor, message, sourceOf(work));
    const step =
      queued > LIMITS.emitsPerInput
        ? new EngineError(
            'CHAIN_TOO_LONG',
            'park',
            `One input caused more than ${LIMITS.emitsPerInput} events; look for a loop in the topology.`,
          )
        : this.#decisions.decide(call);
    if (step instanceof EngineError) return this.#parkNone(step, work);
    this.#keep(call, step, input);
    this.#options.observer?.handled(actor.name, message, startedAt);
    return this.#chain(step.emits, input);
  }

  /** Emits that actors of this task handle at once, before the next record. */
  #chain(emits: readonly EncodedEmit[], input: InputHead): Work[] {
    const work: Work[] = [];
    for (const { emit, event } of emits) {
      if (event === null || emit.headers[HEADER.fused] === undefined) continue;
      const message = toMessage(event, event.envelope.correlation_id, emit.headers);
      const { key, time } = input;
      const place = { topic: null, partition: null, offset: null, data: null };
      const link = { kind: 'chain' as const, key, event_id: message.eventId, ...place, time };
      const bytes = emit.value === null ? {} : { value: emit.value };
      for (const actor of this.#options.topology.consumers.get(message.type) ?? [])
        work.push({ actor, message, input: link, ...bytes });
    }
    return work;
  }

  #keep({ actor, key, cause }: Call, step: DecidedStep, input: InputHead): void {
    const { batch } = this;
    batch.input({ ...input, actor: actor.name, references: step.reads });
    if (step.json !== undefined)
      batch.stateChange({
        actor: actor.name,
        key,
        version: actor.state.version,
        value: step.json,
      });
    for (const { emit } of step.emits) {
      batch.emit(this.#options.encoder.place(emit, batch));
      const error = emit.headers['x-error'];
      if (error !== undefined)
        this.#options.observer?.deadLettered(emit.topic, error, emit.headers);
    }
    const next = newestStep(cause, step.emits);
    for (const request of step.effects) {
      const asked = askedEffect(request, next, batch.nextAsked);
      batch.effect({ actor: actor.name, key, id: request.id, request: asked });
    }
    for (const { name, due, data = null } of step.timers) {
      const setter = due === null ? '' : JSON.stringify({ cause: next, data });
      batch.timer({ actor: actor.name, key, name, due, setter });
    }
  }

  #parkNone(error: EngineError | null, work: Work): readonly [] {
    this.#park(error, work);
    return [];
  }

  /** Puts a message behind its key, which `error`, if there is one, blocks. Nothing follows from it. */
  #park(error: EngineError | null, { actor: { name: actor }, message, input, value }: Work): void {
    const { key } = message;
    const known = this.#state.parked.get(parkedKey(actor, key));
    const code = error?.code ?? known?.code ?? 'PARKED';
    const reason = error?.message ?? known?.reason ?? '';
    const at = placeOf(input);
    const parked: ParkedMessage = {
      ...message,
      ...(at && { at }),
      ...(value === undefined ? {} : { bytes: toBase64(value) }),
    };
    const due = this.#dueAfter(1, message);
    const rest = { code, reason, message: JSON.stringify(parked), attempt: 1, due };
    this.batch.park({ actor, key, act: 'push', ...rest });
    this.batch.input({ ...input, actor, references: [] });
    if (error === null) return;
    this.#options.observer?.parked(actor, key, code, reason, message);
    this.#noteRetry(message, error, 1);
  }

  #failAgain(actor: string, key: string, error: EngineError): void {
    const queue = this.#state.parked.get(parkedKey(actor, key));
    const [head] = queue?.messages ?? [];
    if (queue === undefined || head === undefined) return;
    const attempt = queue.attempt + 1;
    const due = this.#dueAfter(attempt, head);
    if (due === null && this.#goesDown(head)) return this.#giveUp(actor, key, error, attempt);
    this.#wait(actor, key, error, attempt, due);
    this.#noteRetry(head, error, attempt);
  }

  #wait(
    actor: string,
    key: string,
    { code, message: reason }: EngineError,
    attempt = 1,
    due: number | null = null,
  ): void {
    this.batch.park({ actor, key, act: 'wait', code, reason, message: null, attempt, due });
    const head = this.#state.parked.get(parkedKey(actor, key))?.messages[0];
    this.#options.observer?.parked(actor, key, code, reason, head);
  }

  /** The ladder has ended: the head is set aside, and its key goes on. */
  #giveUp(actor: string, key: string, { code, message }: EngineError, attempt: number): void {
    this.setAside(actor, key, { code, reason: message, attempt });
  }

  /** Sets the head of a blocked queue aside, if it is an event; the others of its key are handled next. */
  setAside(
    actor: string,
    key: string,
    { code, reason, attempt }: { code: string; reason: string; attempt: number },
  ): void {
    const [head] = this.#state.parked.get(parkedKey(actor, key))?.messages ?? [];
    if (head === undefined) return;
    const { encoder, observer } = this.#options;
    if (this.#isEvent(head)) {
      const emit = encoder.letters.deadMessage(head, {
        ...{ actor, code, reason, attempt },
        at: head.at ?? null,
      });
      this.batch.emit(encoder.place(emit, this.batch));
      observer?.deadLettered(emit.topic, code, emit.headers);
    }
    this.shift(actor, key);
  }

  /** A record that tells of the rung: for people and alerts, the timer is the journal's. */
  #noteRetry(message: Message, error: EngineError, attempt: number): void {
    if (!this.#goesDown(message)) return;
    const { encoder } = this.#options;
    const emit = encoder.letters.retryNotice(message, {
      code: error.code,
      reason: error.message,
      attempt,
    });
    this.batch.emit(encoder.place(emit, this.batch));
  }

  /** When a message that failed so often is handled again; null: not by itself. */
  #dueAfter(attempt: number, message: Message): number | null {
    const delayMs = this.#goesDown(message)
      ? this.#options.topology.ladderMs[attempt - 1]
      : undefined;
    return delayMs === undefined ? null : this.#state.time + delayMs * 1000;
  }

  /** Results and firings have no dead-letter topic, so they wait for an operator whatever the policy. */
  #goesDown(message: Message): boolean {
    return this.#options.topology.ladderMs.length > 0 && this.#isEvent(message);
  }

  #isEvent({ type }: Message): boolean {
    return this.#options.topology.events.has(type);
  }
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
function messageCall(actor: Actor<any>, message: Message, source?: InputSource): Call {
  const handler = actor.handles[message.type];
  return {
    ...(source && { source }),
    actor,
    key: message.key,
    cause: handledBy(causeOf(message), actor.name, message.eventId),
    eventId: message.eventId,
    handle: (state, context) => handler?.(state, message, context) ?? {},
  };
}

/** What handles a message of a queue: an event, a result or a firing. null: nothing does any more. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
function callOf(actor: Actor<any>, parked: ParkedMessage): Call | null {
  const { at = null, bytes, ...message } = parked;
  if (message.type.startsWith('effect:')) {
    const { effect, result } = message.payload as { effect: OpenEffect; result: EffectResult };
    return resultCall(actor, effect, result, message.eventId);
  }
  if (message.type.startsWith('timer:')) {
    const firing = message.payload as Firing & { readonly cause: Cause };
    return firingCall(actor, { ...firing, key: message.key }, message.eventId);
  }
  const source = bytes === undefined ? undefined : { value: fromBase64(bytes), at };
  return message.type in actor.handles ? messageCall(actor, message, source) : null;
}

function sourceOf({ input, value }: Pick<Work, 'input' | 'value'>): InputSource | undefined {
  return value === undefined ? undefined : { value, at: placeOf(input) };
}

function placeOf({ topic, partition, offset }: InputHead): InputSource['at'] {
  const isRecord = topic !== null && partition !== null && offset !== null;
  return isRecord ? { topic, partition, offset } : null;
}

/** null: the actor has no handler for it. */
export function resultCall(
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  actor: Actor<any>,
  effect: Pick<OpenEffect, 'key' | 'cause'>,
  result: EffectResult,
  eventId: string,
): Call | null {
  const handler = actor.effects?.[result.name];
  if (handler === undefined) return null;
  const { key, cause } = attempted(effect, eventId);
  return {
    actor,
    key,
    cause: handledBy(cause, actor.name, eventId),
    eventId,
    handle: (state, context) => handler(state, result, context),
  };
}

/** null: the actor has no handler for it. */
export function firingCall(
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  actor: Actor<any>,
  { key, cause, name, due, data }: Firing & { readonly key: string; readonly cause: Cause },
  eventId: string,
): Call | null {
  const handler = actor.timers?.[handlerOf(name)];
  if (handler === undefined) return null;
  const firing = { name, due, data };
  return {
    actor,
    key,
    cause: handledBy(cause, actor.name, eventId),
    eventId,
    handle: (state, context) => handler(state, firing, context),
  };
}
