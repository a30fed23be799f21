import type { Actor, DeadLetterEmit, Emit, EventCause, EventEmit, ReadModelEmit } from './actor.ts';
import type { BatchBuilder } from './batch-builder.ts';
import type { Codec } from './codec.ts';
import { derivedEventId } from './derived-id.ts';
import { type EmitOrigin, type EncodedEmit, joined, stepped } from './emit-cause.ts';
import { EngineError, unknownEmit } from './errors.ts';
import { addressHeaders, envelopeHeaders, headerBytes } from './event-headers.ts';
import {
  type Envelope,
  type EventDefinition,
  type EventRecord,
  HEADER,
  type Headers,
} from './event.ts';
import { PlacedHeaders } from './header-block.ts';
import type { UnplacedEmit } from './journal.ts';
import { LetterEncoder } from './letter-encoder.ts';
import { LIMITS } from './limits.ts';
import { formatOrigin } from './origin.ts';
import type { Cause } from './task-state.ts';
import { isRekeyed, type Topology } from './topology.ts';
import { traceHeaders, traceIdOf } from './traceparent.ts';

export interface EmitEncoderOptions {
  readonly topology: Topology;
  readonly partition: number;
  readonly codec: Codec;
  readonly fuse: boolean;
  /** murmur2 of the key modulo the number of partitions. */
  readonly partitionOf: (key: Uint8Array) => number;
}

const utf8 = new TextEncoder();
const NO_CAUSES: readonly EventCause[] = [];

/** A key as its records have it. */
interface RecordKey {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly partition: number;
}

/** Turns the emits of a decision into records: envelope, derived id, bytes, headers, limits (J3d, J5, J8). */
export class EmitEncoder {
  /** Of what is set aside or tried again. */
  readonly letters: LetterEncoder;
  readonly #options: EmitEncoderOptions;
  readonly #fusedIds: ReadonlyMap<string, string>;
  #lastKey: RecordKey | null = null;

  constructor(options: EmitEncoderOptions) {
    this.#options = options;
    this.letters = new LetterEncoder(options);
    const { topology } = options;
    this.#fusedIds = new Map(
      [...topology.consumers].map(([type, actors]) => [
        type,
        actors.map((actor) => `${topology.application}/${actor.name}`).join(','),
      ]),
    );
  }

  /**
   * Throws: EngineError UNKNOWN_EMIT, EMIT_INVALID, EMIT_TOO_LARGE; CodecError INVALID_VALUE: the caller parks the
   * key, and nothing of the decision stands.
   */
  encode(actor: Actor<unknown>, emits: readonly Emit[], origin: EmitOrigin): EncodedEmit[] {
    const encoded = this.#encodeAll(actor, emits, origin);
    let bytes = 0;
    for (const { emit } of encoded) {
      const size = (emit.value?.byteLength ?? 0) + headerBytes(emit.headers);
      bytes += size;
      if (size > LIMITS.emitBytes || bytes > LIMITS.inputBytes)
        throw new EngineError(
          'EMIT_TOO_LARGE',
          'park',
          `${actor.name} emits ${size} bytes to ${emit.topic}; at most ${LIMITS.emitBytes} a record and ` +
            `${LIMITS.inputBytes} an input are taken. Emit less, or a reference to it.`,
        );
    }
    return encoded;
  }

  #encodeAll(actor: Actor<unknown>, emits: readonly Emit[], origin: EmitOrigin): EncodedEmit[] {
    let events = 0;
    let steps = 0;
    let { cause } = origin;
    const encoded = emits.map((emit) => {
      if (emit.kind === 'read-model') return this.#readModel(actor, emit, cause);
      if (emit.kind === 'dead-letter') return this.#deadLetter(actor.name, emit, origin);
      events += 1;
      if (emit.to !== undefined) return { told: emit, index: events };
      const step = this.#event(actor, emit, origin, { index: events, step: (steps += 1) });
      cause = stepped(cause, step);
      return step;
    });
    // What is told follows all that the correlation gets by the same decision, so that an answer comes after it.
    const teller = { ...origin, cause };
    return encoded.map((each) =>
      'told' in each ? this.#event(actor, each.told, teller, { index: each.index, step: 0 }) : each,
    );
  }

  /** Gives an emit its place in the journal: the origin header that its readers know it by (J7a). */
  place(emit: UnplacedEmit, batch: BatchBuilder): UnplacedEmit {
    const { topology, partition: task } = this.#options;
    const origin = formatOrigin({
      application: topology.application,
      task,
      n: batch.number,
      index: batch.nextIndex,
    });
    const { topic, partition, key, value } = emit;
    const headers = new PlacedHeaders(emit.headers, HEADER.origin, origin);
    return { topic, partition, key, value, headers };
  }

  /** `index` among the decision's events, `step` among those of its correlation; 0: it is none of them. */
  #event(
    actor: Actor<unknown>,
    emit: EventEmit,
    origin: EmitOrigin,
    { index, step }: { readonly index: number; readonly step: number },
  ): EncodedEmit {
    const { topology, partition: own, codec, fuse } = this.#options;
    const { time } = origin;
    const { cause, causeId } = joined(origin, emit.causes ?? NO_CAUSES);
    const definition = topology.events.get(emit.type);
    if (definition === undefined || !actor.emits.includes(emit.type))
      throw unknownEmit(actor.name, emit.type);
    const topic = this.#topicOf(actor.name, emit, definition);
    const sequence = cause.sequence === null ? null : cause.sequence + step;
    const envelope: Envelope = {
      event_id: derivedEventId({
        causeId,
        actor: actor.name,
        index,
        family: definition.family,
        time,
        sequence,
      }),
      family: definition.family,
      event_type: emit.type,
      event_version: definition.version,
      occurred_at: time,
      correlation_id: cause.correlationId,
      causation_id: cause.eventId,
      sequence,
      producer: topology.application,
      priority: cause.priority,
      trace_id: traceIdOf(cause.traceparent),
    };
    const record = { envelope, payload: emit.payload, payload_extra: {}, raw: null };
    const value = codec.encode(topic, definition.record, record);
    const { bytes: key, partition } = this.#keyOf(emit.to?.key ?? cause.correlationId);
    // Only what comes back to this task can have been handled by it.
    const isFusable = fuse && emit.to === undefined && partition === own;
    const fused = isFusable ? this.#fusedIds.get(emit.type) : undefined;
    const headers: Record<string, string> = envelopeHeaders(envelope);
    if (cause.traceparent !== null) headers[HEADER.traceparent] = cause.traceparent;
    if (emit.to !== undefined) Object.assign(headers, replyHeaders(emit, origin.key));
    if (fused !== undefined) headers[HEADER.fused] = fused;
    return {
      emit: { topic, partition, key, value, headers },
      // Decoded again so that a chained consumer sees exactly what one behind the broker would.
      event: fused === undefined ? record : (codec.decode(value).value as EventRecord),
    };
  }

  /** A chain of emits has one key: it is encoded and hashed once. */
  #keyOf(text: string): RecordKey {
    if (this.#lastKey?.text === text) return this.#lastKey;
    const bytes = utf8.encode(text);
    return (this.#lastKey = { text, bytes, partition: this.#options.partitionOf(bytes) });
  }

  /** Told events go through topics of their own, because everywhere else the key is the correlation. */
  #topicOf(actor: string, emit: EventEmit, { topic }: EventDefinition): string {
    const told = emit.to?.topic ?? topic;
    const problem =
      emit.to === undefined
        ? isRekeyed(topic) && `emits '${emit.type}' to ${topic} without a key; use tell`
        : !isRekeyed(told)
          ? `tells '${emit.type}' through ${told}; such topics begin with 'rk.'`
          : !this.#options.topology.sinks.includes(told) &&
            `answers on ${told}, which none of its application's types is defined on; add one to 'emits'`;
    if (problem === false) return told;
    throw new EngineError('EMIT_INVALID', 'park', `${actor} ${problem}.`);
  }

  #readModel(actor: Actor<unknown>, emit: ReadModelEmit, { traceparent }: Cause): EncodedEmit {
    const definition = this.#options.topology.readModels.get(emit.topic);
    if (definition === undefined || !actor.emits.includes(emit.topic))
      throw unknownEmit(actor.name, emit.topic);
    const { topic, record } = definition;
    const value =
      emit.value === null ? null : this.#options.codec.encode(topic, record, emit.value);
    const key = utf8.encode(emit.key);
    return {
      emit: {
        ...{ topic, partition: this.#options.partition, key, value },
        headers: traceHeaders(traceparent),
      },
      event: null,
    };
  }

  #deadLetter(
    actor: string,
    { message, code, reason }: DeadLetterEmit,
    { causeId, source }: EmitOrigin,
  ): EncodedEmit {
    // What an actor has kept carries its record itself (`Context.keep`), or is known by its content only.
    const own = message.eventId === causeId ? source : undefined;
    const failure = { actor, code, reason, attempt: 1, at: own?.at ?? message.at ?? null };
    const emit = this.letters.deadMessage(message, failure);
    return { emit: own === undefined ? emit : { ...emit, value: own.value }, event: null };
  }
}

function replyHeaders({ replyTopic }: EventEmit, key: string): Headers {
  return addressHeaders({ key, topic: replyTopic ?? null });
}
