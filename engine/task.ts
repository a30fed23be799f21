import type { EffectResult } from './actor.ts';
import { BatchBuilder } from './batch-builder.ts';
import type { Codec } from './codec.ts';
import { type Command, decodeCommand } from './command.ts';
import { Dedupe, type DedupeLimit } from './dedupe.ts';
import { nextAttempt, resultId } from './effect-attempt.ts';
import { EmitEncoder } from './emit-encoder.ts';
import { EngineError } from './errors.ts';
import { HEADER, type Headers, type Micros } from './event.ts';
import { firingCall, Handling, type InputHead, resultCall } from './handling.ts';
import type { Anchor, Batch, Input, Watermark } from './journal.ts';
import { LIMITS } from './limits.ts';
import { firingId, firingMessage, resultMessage, toMessage } from './message.ts';
import type { Message } from './actor.ts';
import { type Admitted, RecordIntake } from './record-intake.ts';
import {
  effectKey,
  type OpenEffect,
  type OpenTimer,
  parkedKey,
  type TakenChanges,
  type TaskState,
  timerKey,
} from './task-state.ts';
import type { Topology } from './topology.ts';

/*
 * One task: partition p of everything its application reads, and all that those records cause.
 *
 * Invariants kept here, by their number in docs/protocol.md:
 * J3d an emit is encoded and checked before anything of its handler's decision is taken over;
 * J4  a record below the journaled position is not handled;
 * J6  an actor that the `fused` header lists skips a record of its own task, and only then;
 * J7a a record of our own is known by origin, one of a foreign producer by its event id;
 * J7b a key that belongs to another partition goes to the dead letters;
 * J8  logical time never goes back and is stamped once per input; a timer fires once, as an input;
 * J8a what a key waits for, and until when, is state.
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
  /** A decision stands: about a message, a result or a firing. */
  handled(actor: string, message: Message, startedAt: number): void;
  skipped(by: 'position' | 'producer' | 'event_id' | 'fused'): void;
  /** `message`: what blocks the key. */
  parked(actor: string, key: string, code: string, reason: string, message?: Message): void;
  /** `letter`: its headers, which say what it is and where it came from. */
  deadLettered(topic: string, code: string, letter: Headers): void;
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

const text = new TextDecoder();

export class Task {
  readonly #options: TaskOptions;
  readonly #state: TaskState;
  readonly #encoder: EmitEncoder;
  readonly #intake: RecordIntake;
  readonly #dedupe: Dedupe;
  readonly #handling: Handling;
  #batch: BatchBuilder;
  #skipped = 0;

  constructor(options: TaskOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#encoder = new EmitEncoder(options);
    this.#intake = new RecordIntake(options);
    this.#dedupe = new Dedupe(options.state, (limit, count) =>
      options.observer?.dedupeLimit?.(limit, count),
    );
    this.#batch = new BatchBuilder(options.state);
    this.#handling = new Handling({ ...options, encoder: this.#encoder }, this.#batch);
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
   * Throws: EngineError PARK_FULL (stop): `fullKey` has a reason, and nothing of the record was taken over.
   */
  take(record: SourceRecord): void {
    const { topology } = this.#options;
    const next = this.#state.positions.get(record.topic);
    if (next !== undefined && record.offset < next.offset) return this.#skip('position');
    const full = this.fullKey(record);
    if (full !== null) throw new EngineError('PARK_FULL', 'stop', full);
    this.#batch.position({
      topic: record.topic,
      topic_id: record.topicId,
      partition: record.partition,
      leader_epoch: record.leaderEpoch,
      offset: record.offset + 1,
    });
    if (record.topic === topology.control) return this.#takeCommand(record);
    if (!this.#dedupe.isNew(record, this.#batch)) return this.#skip('producer');
    const type = record.headers[HEADER.eventType];
    if (type !== undefined && !topology.consumers.has(type) && !topology.referenceOf.has(type))
      return this.#skip(null);
    const fused = this.#intake.fusedActors(record);
    const consumers = type === undefined ? undefined : topology.consumers.get(type);
    if (consumers?.every((actor) => fused.has(actor.name)) === true) return this.#skip('fused');
    const admitted = this.#intake.admit(record);
    if (admitted === null) return this.#skip(null);
    if ('code' in admitted) return this.#deadLetter(record, admitted.code, admitted.reason);
    this.#takeAdmitted(record, admitted, fused);
  }

  /**
   * Why the record cannot be taken now: its key is blocked, and as much waits behind it as is kept (J8a). null: it can.
   */
  fullKey(record: Pick<SourceRecord, 'topic' | 'key'>): string | null {
    const { topology } = this.#options;
    if (this.#state.parked.size === 0 || record.key === null) return null;
    if (record.topic === topology.control) return null;
    const key = text.decode(record.key);
    for (const { name } of topology.actors) {
      const queue = this.#state.parked.get(parkedKey(name, key));
      if (queue === undefined) continue;
      const { messages, bytes, code } = queue;
      if (messages.length >= LIMITS.parkedMessagesPerKey || bytes >= LIMITS.parkedBytesPerKey)
        return (
          `Key '${key}' of ${name} is parked (${code}) with ${messages.length} messages behind it, the most that ` +
          `are kept; millrace park release or drop makes room.`
        );
    }
    return null;
  }

  /** Feeds an effect's result to the actor that asked for it. Unknown or settled attempts are ignored. */
  takeEffectResult(effect: OpenEffect, performed: EffectResult): void {
    const id = effectKey(effect.actor, effect.key, performed.id);
    if (this.#state.effects.get(id)?.tries !== effect.tries) return;
    const result = { ...performed, attempts: effect.tries + 1 };
    this.#stampTime();
    const eventId = resultId(effect);
    const input = this.#input('effect', effect.key, eventId, JSON.stringify(result));
    const again = nextAttempt(effect, result, this.#state.time);
    this.#batch.effect({ actor: effect.actor, key: effect.key, id: result.id, request: again });
    const actor = this.#options.topology.actors.find((each) => each.name === effect.actor);
    const call = actor === undefined ? null : resultCall(actor, effect, result, eventId);
    // Nobody waits for it, or not yet; it is journaled, so that it is not performed again.
    if (again !== null || call === null) return this.#noteInput(input, effect.actor);
    this.#handling.runInternal(call, resultMessage(effect, result, eventId), input);
  }

  /** When the first timer, or blocked key that is tried again, is due; null: there is none. */
  get nextDue(): Micros | null {
    return this.#state.due.first()?.at ?? null;
  }

  /** Handles what is due by now, in order, until the batch is full. Returns how many. */
  takeDue(): number {
    let taken = 0;
    if (this.#state.due.first() === null) return taken;
    this.#stampTime();
    for (;;) {
      const first = this.#state.due.first();
      if (first === null || first.at > this.#state.time || this.isFull) return taken;
      taken += 1;
      if (first.of === 'timer') this.#fire(this.#state.timers.get(first.id) as OpenTimer);
      else this.#handling.retry(...actorAndKey(first.id));
    }
  }

  /** Fires one timer, due or not; for replays of what was recorded. False: it is not set. */
  takeTimer(actor: string, key: string, name: string): boolean {
    const timer = this.#state.timers.get(timerKey(actor, key, name));
    if (timer === undefined) return false;
    this.#stampTime();
    this.#fire(timer);
    return true;
  }

  /** Handles the head of one blocked queue, due or not; for replays of what was recorded. */
  takeRetry(actor: string, key: string): boolean {
    if (!this.#handling.isBlocked(actor, key)) return false;
    this.#stampTime();
    this.#handling.retry(actor, key);
    return true;
  }

  /**
   * For the store, once this entry of a cleaner is confirmed; null: all of it waits for a later batch, since the state is ahead of the
   * journal by what rides along with that one. An anchor has it, too (J9a).
   */
  changesBehind(entry: Anchor | Batch): TakenChanges | null {
    return 'again' in entry && this.#batch.hasRiders ? null : this.#state.takeChanges();
  }

  /**
   * The batch so far, to be appended; null when there is nothing worth it. `watermarks`: they alone are; `nothing`: an
   * empty one is, since its confirmation says who owns the task (J5c).
   */
  seal(fence: number, worth: 'inputs' | 'watermarks' | 'nothing' = 'inputs'): Batch | null {
    const flush =
      worth === 'nothing' ||
      this.#skipped >= LIMITS.skippedBeforeBatch ||
      (worth === 'watermarks' && this.#batch.hasWatermarks);
    if (!this.#batch.isWorthAppending && !flush) return null;
    const batch = this.#batch.seal(fence);
    this.#batch = new BatchBuilder(this.#state);
    this.#handling.batch = this.#batch;
    this.#skipped = 0;
    return batch;
  }

  #skip(by: 'position' | 'producer' | 'event_id' | 'fused' | null): void {
    this.#skipped += 1;
    if (by !== null) this.#options.observer?.skipped(by);
  }

  #takeAdmitted(record: SourceRecord, { event, key }: Admitted, fused: ReadonlySet<string>): void {
    const { topology } = this.#options;
    const reference = topology.referenceOf.get(event.envelope.event_type);
    if (reference !== undefined) {
      const version = event.envelope.event_id;
      const value = JSON.stringify(event.payload);
      this.#batch.reference({ name: reference.name, id: key, version, value });
    }
    const consumers = topology.consumers.get(event.envelope.event_type) ?? [];
    const only = record.topic === topology.redrive ? record.headers[HEADER.actor] : undefined;
    const waiting = consumers.filter(
      ({ name }) => !fused.has(name) && (only === undefined || name === only),
    );
    if (waiting.length === 0) return;
    const message = toMessage(event, key, record.headers);
    if (!this.#dedupe.isNewEvent(record, key, message.eventId, this.#batch))
      return this.#skip('event_id');
    this.#stampTime();
    const { topic, partition, offset } = record;
    const input = { ...this.#input('record', key, message.eventId), topic, partition, offset };
    const bytes = record.value === null ? {} : { value: record.value };
    this.#handling.run(waiting.map((actor) => ({ actor, message, input, ...bytes })));
  }

  /** An operator's word about a blocked key (J8a). One that fits nothing any more changes nothing. */
  #takeCommand(record: SourceRecord): void {
    const command = decodeCommand(record, this.#options.codec);
    if ('reason' in command) return this.#deadLetter(record, command.code, command.reason);
    const misfit = this.#intake.wrongPartition(record);
    if (misfit !== null) return this.#deadLetter(record, misfit.code, misfit.reason);
    this.#stampTime();
    const { topic, partition, offset } = record;
    const data = JSON.stringify(command);
    const input = this.#input('command', command.key, command.id, data);
    this.#noteInput({ ...input, topic, partition, offset }, command.actor);
    this.#obey(command);
  }

  #obey({ act, actor, key, event_id: eventId, issued_by: who }: Command): void {
    const [head] = this.#state.parked.get(parkedKey(actor, key))?.messages ?? [];
    if (act === 'release') return this.#handling.release(actor, key);
    // Said of another message than the one that waits: it has gone its way meanwhile.
    if (head?.eventId !== eventId) return;
    const reason = `Dropped by ${who}.`;
    this.#handling.setAside(actor, key, { code: 'DROPPED', reason, attempt: 1 });
  }

  #fire(timer: OpenTimer): void {
    const { actor: name, key, due } = timer;
    const eventId = firingId(timer.cause.eventId, name, timer);
    const data = JSON.stringify({ name: timer.name, due });
    const input = this.#input('timer', key, eventId, data);
    this.#batch.timer({ actor: name, key, name: timer.name, due: null, setter: '' });
    const actor = this.#options.topology.actors.find((each) => each.name === name);
    const call = actor === undefined ? null : firingCall(actor, timer, eventId);
    if (call === null) return this.#noteInput(input, name);
    this.#handling.runInternal(call, firingMessage(timer, eventId), input);
  }

  #noteInput(input: InputHead, actor: string): void {
    this.#batch.input({ ...input, actor, references: [] });
  }

  #deadLetter(record: SourceRecord, code: string, reason: string): void {
    const emit = this.#encoder.letters.deadRecord(record, code, reason);
    this.#stampTime();
    this.#batch.emit(this.#encoder.place(emit, this.#batch));
    this.#options.observer?.deadLettered(emit.topic, code, emit.headers);
  }

  #stampTime(): void {
    this.#state.time = Math.max(this.#state.time, this.#options.clock());
  }

  #input(kind: Input['kind'], key: string, eventId: string, data: string | null = null): InputHead {
    const place = { topic: null, partition: null, offset: null };
    return { kind, key, event_id: eventId, ...place, data, time: this.#state.time };
  }
}

function actorAndKey(id: string): [actor: string, key: string] {
  const at = id.indexOf('|');
  return [id.slice(0, at), id.slice(at + 1)];
}
