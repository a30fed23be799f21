import type { FailureKind } from './effect-failure.ts';
import type { Envelope, Micros } from './event.ts';

/** One event in front of an actor. `payload` is frozen by convention: handlers never change it. */
export interface Message<Payload = unknown> {
  readonly type: string;
  readonly eventId: string;
  /** The actor's key: the record key as text. */
  readonly key: string;
  readonly correlationId: string;
  readonly causationId: string | null;
  readonly sequence: number | null;
  readonly occurredAt: Micros;
  readonly payload: Payload;
  readonly envelope: Envelope;
  /** Who told it, for `reply`; absent when nobody did. */
  readonly replyTo?: ReplyAddress;
  /** W3C trace context that it came with; absent: none. */
  readonly traceparent?: string;
}

/**
 * A message that an actor keeps in its state and may set aside later; its dead letter then has the bytes that came.
 * JSON-safe.
 */
export interface KeptMessage<Payload = unknown> extends Message<Payload> {
  /** Base64 of its record as it came; absent: it was none. */
  readonly bytes?: string;
  /** Where it stood; absent: on no topic. */
  readonly at?: { readonly topic: string; readonly partition: number; readonly offset: number };
}

/** A message that an event follows from, as an actor keeps it until the others have come. JSON-safe. */
export type EventCause = Pick<Message, 'eventId' | 'sequence'>;

/** Where an answer to a told message goes. JSON-safe: an actor may keep it and answer later. */
export interface ReplyAddress {
  /** The telling actor's key. */
  readonly key: string;
  /** Logical topic it wants answers on; null: the topic of the answer's type. */
  readonly topic: string | null;
}

/** What a handler may look at besides its state and the message. Nothing here acts (J8). */
export interface Context {
  /** Logical time: the same on every replay of this message. */
  readonly time: Micros;
  readonly application: string;
  /** A UUID derived from the message and `label`: the same on every replay, different per label. */
  uuid(label: string): string;
  /**
   * Reference data by name. `get` notes the version it returned in the journal.
   * Throws: UnknownReference when the topology declares no such reference (parks the key).
   */
  reference(name: string): { get(id: string): unknown };
  /** The handled message with its record, for the state. Any other message comes back as it is. */
  keep(message: Message): KeptMessage;
}

export interface EventEmit {
  readonly kind: 'event';
  readonly type: string;
  readonly payload: unknown;
  /** What it follows from besides the handled message: an actor that joins messages names them all. */
  readonly causes?: readonly EventCause[];
  /** Told to another key through an `rk.*` topic; absent: goes to its correlation's key. */
  readonly to?: ReplyAddress;
  /** Logical topic for answers to it. */
  readonly replyTopic?: string;
}

export interface ReadModelEmit {
  readonly kind: 'read-model';
  /** Logical topic of the read model: `rm.intent`. */
  readonly topic: string;
  /** Aggregate id; becomes the record key. */
  readonly key: string;
  /** null removes it (tombstone). */
  readonly value: unknown;
}

/** Sets a message aside that can never be applied; it goes to `dlq.<event_type>` with its code. */
export interface DeadLetterEmit {
  readonly kind: 'dead-letter';
  readonly message: KeptMessage;
  readonly code: string;
  readonly reason: string;
}

export type Emit = EventEmit | ReadModelEmit | DeadLetterEmit;

/**
 * A wish to act on the outside world. It is journaled with the state that asked for it and performed
 * only after that is confirmed; its result comes back as a message of the same actor and key.
 */
export interface EffectRequest {
  /** Unique within (actor, key) while open: `step-0/attempt-1/submit`. */
  readonly id: string;
  /** Which performer of the application takes it: `swap.submit`. */
  readonly name: string;
  /** JSON-safe. */
  readonly args: unknown;
  /** Not performed before this logical time; absent: at once. It has no place among the key's before that. */
  readonly notBefore?: Micros;
  /**
   * Pauses in ms between the attempts of an effect that fails: three pauses are four attempts at most, and only
   * what the last one says is told to the actor. The key's later effects wait behind it. Default: one attempt.
   */
  readonly ladderMs?: readonly number[];
  /** What its circuit breaker stands for: a host, a chain. Default: the effect's name. */
  readonly target?: string;
  /** After which one attempt is cancelled, with EFFECT_TIMEOUT. Default: `SHELL_LIMITS.effectMs`. */
  readonly timeoutMs?: number;
}

export type EffectResult =
  | {
      readonly ok: true;
      readonly id: string;
      readonly name: string;
      readonly value: unknown;
      /** How often it was performed; the engine counts. */
      readonly attempts?: number;
    }
  | {
      readonly ok: false;
      readonly id: string;
      readonly name: string;
      readonly attempts?: number;
      readonly code: string;
      readonly reason: string;
      /** Absent: retry. */
      readonly kind?: FailureKind;
    };

/**
 * Sets, replaces or cancels the actor's timer of that name for this key. What stands before the first `/` names the
 * handler: `remind/7` goes to `timers.remind`.
 */
export interface TimerRequest {
  readonly name: string;
  /** Logical time at which it fires; a time that has passed: at once. null: cancelled. */
  readonly due: Micros | null;
  /** Handed to the handler. JSON-safe. */
  readonly data?: unknown;
}

/** A timer that is due. It fires once, as a message of its own: never while another message is handled. */
export interface Firing<Data = unknown> {
  readonly name: string;
  readonly due: Micros;
  readonly data: Data;
}

export interface TimerHandlers<State> {
  readonly [name: string]: (
    state: State,
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- data is per timer
    firing: Firing<any>,
    context: Context,
  ) => Decision<State>;
}

/** What a handler decides. Absent state: unchanged; null: deleted. */
export interface Decision<State> {
  readonly state?: State | null;
  readonly emit?: readonly Emit[];
  readonly effects?: readonly EffectRequest[];
  readonly timers?: readonly TimerRequest[];
}

// Payloads differ per actor, and actors of all payload types stand in one list.
export interface Handlers<State> {
  readonly [eventType: string]: (
    state: State,
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- payload types are per event type
    message: Message<any>,
    context: Context,
  ) => Decision<State>;
}

export interface EffectHandlers<State> {
  readonly [effectName: string]: (
    state: State,
    result: EffectResult,
    context: Context,
  ) => Decision<State>;
}

export interface StateSpec<State> {
  /** Version of the state's shape; stored with each state. */
  readonly version: number;
  initial(): State;
  /** Turns a state stored by an older version into today's. Required once version > 1. */
  upcast?(fromVersion: number, stored: unknown): State;
}

/**
 * A pure function of its state and one message, one instance per key.
 *
 * Order: messages of one key are handled one after the other, in the journal's order (J7).
 * Limits: state must be JSON-safe (no bigint, no undefined in arrays, no Date).
 */
export interface Actor<State = unknown> {
  /** Never renamed, never reused: its id `<application>/<name>` stands in journals and headers (J6). */
  readonly name: string;
  readonly state: StateSpec<State>;
  readonly handles: Handlers<State>;
  /** Event types and read-model topics that a handler may emit; anything else parks the key. */
  readonly emits: readonly string[];
  /** Names of the reference data that handlers read. */
  readonly references?: readonly string[];
  readonly effects?: EffectHandlers<State>;
  readonly timers?: TimerHandlers<State>;
}

/** Gives an actor's literal its types. */
export function actor<State>(definition: Actor<State>): Actor<State> {
  return definition;
}

/**
 * An event of the handled message's correlation. An actor that joins messages names all of them as `causes`: the
 * event then has the same id, number and direct cause (the one of the highest sequence) in whatever order they came.
 */
export function event(
  type: string,
  payload: unknown,
  options: { readonly causes?: readonly EventCause[] } = {},
): EventEmit {
  return { kind: 'event', type, payload, ...options };
}

/**
 * Speaks to the actors of another key. The type's topic begins with `rk.`; the record goes to the partition of
 * `key` and keeps the correlation. Never fused: it is handled when it comes back from the log, in every deployment.
 * It is no step of the correlation: `causation_id` and `sequence` are those of the newest event the correlation got
 * before it, and what its answer causes goes on from there. Ask one question at a time where the numbers matter.
 *
 * Order: what one key tells another is handled once, in the order it was told (J7a).
 */
export function tell(
  type: string,
  key: string,
  payload: unknown,
  options: { readonly replyTopic?: string } = {},
): EventEmit {
  return { kind: 'event', type, payload, to: { key, topic: null }, ...options };
}

/**
 * Answers whoever told a message, at their key. `replyTo` may come from the message or from kept state.
 *
 * Throws: Error when the message was not told (parks the key).
 */
export function reply(
  message: Pick<Message, 'replyTo'>,
  type: string,
  payload: unknown,
): EventEmit {
  if (message.replyTo === undefined)
    throw new Error(
      `'${type}' answers a message that was not told; answer only what came through 'tell'.`,
    );
  return { kind: 'event', type, payload, to: message.replyTo };
}

/** Fires at `due`; replaces the timer of the same name. */
export function setTimer(name: string, due: Micros, data?: unknown): TimerRequest {
  return { name, due, ...(data === undefined ? {} : { data }) };
}

/** A timer that does not exist, or has fired, is none to cancel: nothing happens. */
export function cancelTimer(name: string): TimerRequest {
  return { name, due: null };
}

export function readModel(topic: string, key: string, value: unknown): ReadModelEmit {
  return { kind: 'read-model', topic, key, value };
}

export function deadLetter(message: KeptMessage, code: string, reason: string): DeadLetterEmit {
  return { kind: 'dead-letter', message, code, reason };
}
