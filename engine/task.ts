import type { Actor, EffectResult, Message } from './actor.ts';
import { BatchBuilder } from './batch-builder.ts';
import { type Codec, CodecError } from './codec.ts';
import { Dedupe, type DedupeLimit } from './dedupe.ts';
import { askedEffect, nextAttempt, resultId } from './effect-attempt.ts';
import { EmitEncoder, type EncodedEmit } from './emit-encoder.ts';
import { type DecidedStep, DecisionMaker } from './decide.ts';
import { EngineError } from './errors.ts';
import { type EventRecord, HEADER, type Headers, type Micros } from './event.ts';
import type { Batch, Input, Watermark } from './journal.ts';
import { LIMITS } from './limits.ts';
import { causeOf, resultMessage, toMessage } from './message.ts';
import { originOf } from './origin.ts';
import { type Cause, effectKey, type OpenEffect, parkedKey, type TaskState } from './task-state.ts';
import { isRekeyed, type Topology } from './topology.ts';

/*
 * One task: partition p of everything its application reads, and all that those records cause.
 *
 * Invariants kept here, by their number in docs/protocol.md:
 * J3d an emit is encoded and checked before anything of its handler's decision is taken over;
 * J4  a record below the journaled position is not handled;
 * J6  an actor that the `fused` header lists skips a record of its own task, and only then;
 * J7a a record of our own is known by origin, one of a foreign producer by its event id;
 * J7b a key that belongs to another partition goes to the dead letters;
 * J8  logical time never goes back and is stamped once per input.
 */

/** A record in front of a task, its topic without TOPIC_PREFIX. */
export interface SourceRecord {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Headers;
}

/** What a task tells whoever watches it; every call is cheap and synchronous. */
export interface TaskObserver {
  handled(actor: string, message: Message, startedAt: number): void;
  skipped(by: 'position' | 'producer' | 'event_id' | 'fused'): void;
  parked(actor: string, key: string, code: string, reason: string): void;
  deadLettered(topic: string, code: string, record: SourceRecord | null): void;
  /** A bound of what dedupe remembers was reached, or a producer's record did not come in time (J7a). */
  dedupeLimit?(limit: DedupeLimit, count: number): void;
}

export interface TaskOptions {
  readonly topology: Topology;
  readonly partition: number;
  readonly state: TaskState;
  readonly codec: Codec;
  readonly clock: () => Micros;
  /** murmur2 of the key modulo the number of partitions. */
  readonly partitionOf: (key: Uint8Array) => number;
  /** False while a changed graph drains: emits are then handled when they come back (J6). */
  readonly fuse: boolean;
  readonly observer?: TaskObserver;
  /** Monotonic, for `handled`; absent: zero. */
  readonly stopwatch?: () => number;
}

interface Work {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  readonly actor: Actor<any>;
  readonly message: Message;
  readonly input: Omit<Input, 'actor' | 'references'>;
}

const text = new TextDecoder();

export class Task {
  readonly #options: TaskOptions;
  readonly #state: TaskState;
  readonly #encoder: EmitEncoder;
  readonly #decisions: DecisionMaker;
  readonly #dedupe: Dedupe;
  #batch: BatchBuilder;
  #skipped = 0;

  constructor(options: TaskOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#encoder = new EmitEncoder(options);
    this.#decisions = new DecisionMaker(options.topology, options.state, this.#encoder);
    this.#dedupe = new Dedupe(options.state, (limit, count) =>
      options.observer?.dedupeLimit?.(limit, count),
    );
    this.#batch = new BatchBuilder(options.state);
  }

  get state(): TaskState {
    return this.#state;
  }

  /** Whether the batch in the making has reached a limit. */
  get isFull(): boolean {
    return this.#batch.inputs >= LIMITS.batchInputs || this.#batch.bytes >= LIMITS.batchBytes;
  }

  noteWatermark(watermark: Watermark): void {
    this.#batch.watermark(watermark);
  }

  /**
   * Handles one record and all that it causes within this task.
   *
   * Throws: EngineError PARK_FULL (stop): nothing of the record was taken over.
   */
  take(record: SourceRecord): void {
    const { topology } = this.#options;
    const next = this.#state.positions.get(record.topic);
    if (next !== undefined && record.offset < next.offset) return this.#skip('position');
    this.#refuseIfParkIsFull(record);
    this.#batch.position({
      topic: record.topic,
      topic_id: record.topicId,
      partition: record.partition,
      leader_epoch: record.leaderEpoch,
      offset: record.offset + 1,
    });
    if (!this.#dedupe.isNew(record, this.#batch)) return this.#skip('producer');
    const type = record.headers[HEADER.eventType];
    if (type !== undefined && !topology.consumers.has(type) && !topology.referenceOf.has(type))
      return this.#skip(null);
    const fused = this.#fusedActors(record);
    const consumers = type === undefined ? undefined : topology.consumers.get(type);
    if (consumers?.every((actor) => fused.has(actor.name)) === true) return this.#skip('fused');
    this.#takeDecoded(record, fused);
  }

  /** Feeds an effect's result to the actor that asked for it. Unknown or settled ids are ignored. */
  takeEffectResult(effect: OpenEffect, performed: EffectResult): void {
    const id = effectKey(effect.actor, effect.key, performed.id);
    if (this.#state.effects.get(id)?.tries !== effect.tries) return;
    const result = { ...performed, attempts: effect.tries + 1 };
    const actor = this.#options.topology.actors.find((each) => each.name === effect.actor);
    const handler = actor?.effects?.[result.name];
    this.#stampTime();
    const eventId = resultId(effect);
    const input = this.#input('effect', effect.key, eventId, JSON.stringify(result));
    const again = nextAttempt(effect, result, this.#state.time);
    this.#batch.effect({ actor: effect.actor, key: effect.key, id: result.id, request: again });
    if (again !== null) {
      this.#batch.input({ ...input, actor: effect.actor, references: [] });
      return;
    }
    if (actor === undefined || handler === undefined) {
      // Nobody waits for it any more; it is journaled, so that it is not performed again.
      this.#batch.input({ ...input, actor: effect.actor, references: [] });
      return;
    }
    const isBlocked = this.#state.parked.has(parkedKey(actor.name, effect.key));
    const decide = (): DecidedStep | EngineError =>
      this.#decisions.decide({
        actor,
        key: effect.key,
        cause: effect.cause,
        causeId: eventId,
        handle: (state, context) => handler(state, result, context),
      });
    const step = isBlocked ? null : decide();
    if (step === null || step instanceof EngineError) {
      // There is no message to put aside: the result itself is what an operator has to see again.
      this.#park(step, { actor, message: resultMessage(effect, result, eventId), input });
      return;
    }
    this.#keep(actor, effect.key, effect.cause, step, input);
    this.#run(this.#chain(step.emits, input));
  }

  /** The batch so far, to be appended; null when there is nothing worth it. `refresh`: watermarks alone are. */
  seal(fence: number, refresh = false): Batch | null {
    const flush =
      this.#skipped >= LIMITS.skippedBeforeBatch || (refresh && this.#batch.hasWatermarks);
    if (!this.#batch.isWorthAppending && !flush) return null;
    const batch = this.#batch.seal(fence);
    this.#batch = new BatchBuilder(this.#state);
    this.#skipped = 0;
    return batch;
  }

  #skip(by: 'position' | 'producer' | 'event_id' | 'fused' | null): void {
    this.#skipped += 1;
    if (by !== null) this.#options.observer?.skipped(by);
  }

  #fusedActors(record: SourceRecord): ReadonlySet<string> {
    const header = record.headers[HEADER.fused];
    const origin = originOf(record.headers);
    const { topology, partition } = this.#options;
    if (header === undefined || origin === null) return NONE;
    if (origin.application !== topology.application || origin.task !== partition) return NONE;
    const own = `${topology.application}/`;
    const ids = header.split(',').filter((id) => id.startsWith(own));
    return new Set(ids.map((id) => id.slice(own.length)));
  }

  #takeDecoded(record: SourceRecord, fused: ReadonlySet<string>): void {
    const decoded = this.#decode(record);
    if (decoded instanceof EngineError || decoded instanceof CodecError)
      return this.#deadLetter(record, decoded.code, decoded.message);
    if (decoded === null) return this.#skip(null);
    const { event, key } = decoded;
    const misfit = this.#misfit(record, event, key);
    if (misfit !== null) return this.#deadLetter(record, misfit[0], misfit[1]);
    const reference = this.#options.topology.referenceOf.get(event.envelope.event_type);
    if (reference !== undefined) {
      const version = event.envelope.event_id;
      const value = JSON.stringify(event.payload);
      this.#batch.reference({ name: reference.name, id: key, version, value });
    }
    const consumers = this.#options.topology.consumers.get(event.envelope.event_type) ?? [];
    const waiting = consumers.filter((actor) => !fused.has(actor.name));
    if (waiting.length === 0) return;
    const message = toMessage(event, key, record.headers);
    if (!this.#dedupe.isNewEvent(record, key, message.eventId, this.#batch))
      return this.#skip('event_id');
    this.#stampTime();
    const { topic, partition, offset } = record;
    const input = { ...this.#input('record', key, message.eventId), topic, partition, offset };
    this.#run(waiting.map((actor) => ({ actor, message, input })));
  }

  #decode(
    record: SourceRecord,
  ): { event: EventRecord; key: string } | EngineError | CodecError | null {
    const { codec, topology } = this.#options;
    if (record.value === null || record.key === null)
      return new CodecError(
        'UNDECODABLE',
        `The record has no ${record.value === null ? 'value' : 'key'}; events need both.`,
      );
    try {
      const { record: name, value } = codec.decode(record.value);
      if (!topology.eventsByRecord.has(name)) return null;
      return { event: value as EventRecord, key: text.decode(record.key) };
    } catch (error) {
      if (error instanceof CodecError) return error;
      throw error;
    }
  }

  #misfit(record: SourceRecord, event: EventRecord, key: string): [string, string] | null {
    const { partition, partitionOf, topology } = this.#options;
    if (topology.referenceOf.has(event.envelope.event_type)) return null;
    if (!isRekeyed(record.topic) && key !== event.envelope.correlation_id)
      return [
        'KEY_MISMATCH',
        `The record's key '${key}' is not its correlation_id '${event.envelope.correlation_id}'; ` +
          `produce it with the correlation_id as key.`,
      ];
    const right = partitionOf(record.key ?? EMPTY);
    if (right === partition) return null;
    return [
      'WRONG_PARTITION',
      `Key '${key}' belongs to partition ${right}, not ${partition}; set the producer's partitioner ` +
        `to murmur2 (librdkafka: partitioner=murmur2_random).`,
    ];
  }

  #run(work: readonly Work[]): void {
    const queue = [...work];
    for (let done = 0; done < queue.length; done++)
      queue.push(...this.#runOne(queue[done] as Work, queue.length));
  }

  #runOne(work: Work, queued: number): readonly Work[] {
    const { actor, message, input } = work;
    const key = message.key;
    if (this.#state.parked.has(parkedKey(actor.name, key))) return this.#park(null, work);
    const startedAt = this.#options.stopwatch?.() ?? 0;
    const cause = causeOf(message);
    const handler = actor.handles[message.type];
    const step =
      queued > LIMITS.emitsPerInput
        ? new EngineError(
            'CHAIN_TOO_LONG',
            'park',
            `One input caused more than ${LIMITS.emitsPerInput} events; look for a loop in the topology.`,
          )
        : this.#decisions.decide({
            actor,
            key,
            cause,
            causeId: message.eventId,
            handle: (state, context) => handler?.(state, message, context) ?? {},
          });
    if (step instanceof EngineError) return this.#park(step, work);
    this.#keep(actor, key, cause, step, input);
    this.#options.observer?.handled(actor.name, message, startedAt);
    return this.#chain(step.emits, input);
  }

  /** Emits that actors of this task handle at once, before the next record. */
  #chain(emits: readonly EncodedEmit[], input: Work['input']): Work[] {
    return emits.flatMap(({ emit, event }) => {
      if (event === null || emit.headers[HEADER.fused] === undefined) return [];
      const message = toMessage(event, event.envelope.correlation_id);
      const chained = { ...input, kind: 'chain' as const, event_id: message.eventId, data: null };
      const link = { ...chained, topic: null, partition: null, offset: null };
      const consumers = this.#options.topology.consumers.get(message.type) ?? [];
      return consumers.map((actor) => ({ actor, message, input: link }));
    });
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  #keep(actor: Actor<any>, key: string, cause: Cause, step: DecidedStep, input: Work['input']) {
    this.#batch.input({ ...input, actor: actor.name, references: step.reads });
    if (step.json !== undefined)
      this.#batch.stateChange({
        actor: actor.name,
        key,
        version: actor.state.version,
        value: step.json,
      });
    for (const { emit } of step.emits) {
      this.#batch.emit(this.#encoder.place(emit, this.#batch));
      const error = emit.headers['x-error'];
      if (error !== undefined) this.#options.observer?.deadLettered(emit.topic, error, null);
    }
    const newest = step.emits.findLast((each) => each.event !== null)?.event?.envelope;
    const next: Cause =
      newest === undefined
        ? cause
        : { ...cause, eventId: newest.event_id, sequence: newest.sequence };
    for (const request of step.effects) {
      const asked = askedEffect(request, next, this.#batch.nextAsked);
      this.#batch.effect({ actor: actor.name, key, id: request.id, request: asked });
    }
  }

  /** Puts a message behind its key, which `error`, if there is one, blocks. Nothing follows from it. */
  #park(error: EngineError | null, { actor: { name: actor }, message, input }: Work): readonly [] {
    const { key } = message;
    const known = this.#state.parked.get(parkedKey(actor, key));
    const code = error?.code ?? known?.code ?? 'PARKED';
    const reason = error?.message ?? known?.reason ?? '';
    this.#batch.park({ actor, key, code, reason, message: JSON.stringify(message) });
    this.#batch.input({ ...input, actor, references: [] });
    if (error !== null) this.#options.observer?.parked(actor, key, code, reason);
    return [];
  }

  #refuseIfParkIsFull(record: SourceRecord): void {
    if (this.#state.parked.size === 0 || record.key === null) return;
    const key = text.decode(record.key);
    for (const actor of this.#options.topology.actors) {
      const queue = this.#state.parked.get(parkedKey(actor.name, key));
      if (queue === undefined) continue;
      const full =
        queue.messages.length >= LIMITS.parkedMessagesPerKey ||
        queue.bytes >= LIMITS.parkedBytesPerKey;
      if (full)
        throw new EngineError(
          'PARK_FULL',
          'stop',
          `Key '${key}' of ${actor.name} is parked (${queue.code}) with ${queue.messages.length} ` +
            `messages behind it, the most that are kept; release or drop it, then start the task again.`,
        );
    }
  }

  #deadLetter(record: SourceRecord, code: string, reason: string): void {
    const emit = this.#encoder.deadRecord(record, code, reason);
    this.#stampTime();
    this.#batch.emit(this.#encoder.place(emit, this.#batch));
    this.#options.observer?.deadLettered(emit.topic, code, record);
  }

  #stampTime(): void {
    this.#state.time = Math.max(this.#state.time, this.#options.clock());
  }

  #input(
    kind: Input['kind'],
    key: string,
    eventId: string,
    data: string | null = null,
  ): Work['input'] {
    const place = { topic: null, partition: null, offset: null };
    return { kind, key, event_id: eventId, ...place, data, time: this.#state.time };
  }
}

const NONE: ReadonlySet<string> = new Set();
const EMPTY = new Uint8Array();
