import type { EffectRequest, Message } from './actor.ts';
import type { Micros, Priority } from './event.ts';
import {
  type Anchor,
  type Batch,
  type EffectChange,
  type Mark,
  outputOf,
  type ParkedChange,
  type Position,
  type ProducerMark,
  type ReferenceChange,
  type Seen,
  type StateChange,
  type Watermark,
} from './journal.ts';
import { LIMITS } from './limits.ts';

/** What an effect's later emits descend from. */
export interface Cause {
  readonly eventId: string;
  readonly correlationId: string;
  readonly sequence: number | null;
  readonly priority: Priority;
  readonly traceId: string | null;
}

/** An effect that was asked for and has no result yet. */
export interface OpenEffect {
  readonly actor: string;
  readonly key: string;
  readonly request: EffectRequest;
  readonly cause: Cause;
}

export interface StoredState {
  readonly version: number;
  /** JSON text. Kept as text so that a live state and a restored one are the same bytes. */
  readonly json: string;
}

export interface ParkedQueue {
  readonly code: string;
  readonly reason: string;
  readonly messages: readonly Message[];
  readonly bytes: number;
}

export interface ReferenceValue {
  readonly version: string;
  readonly value: unknown;
}

/**
 * All that a task knows, as its journal tells it. Changed by journal entries only: live handling makes the
 * change and the entry from the same values, so that replaying the journal gives the same bytes (J7).
 */
export class TaskState {
  /** Number of the last valid batch; 0: none. Runs on across owners (J2). */
  n = 0;
  time: Micros = 0;
  readonly positions = new Map<string, Position>();
  readonly marks = new Map<string, Mark>();
  /** The one not heard of for longest first. */
  readonly producers = new Map<string, ProducerMark>();
  /** By output partition (`outputOf`). */
  readonly watermarks = new Map<string, Watermark>();
  readonly states = new Map<string, Map<string, StoredState>>();
  readonly seen = new Map<string, Set<string>>();
  readonly references = new Map<string, Map<string, ReferenceValue>>();
  readonly effects = new Map<string, OpenEffect>();
  readonly parked = new Map<string, ParkedQueue>();

  applyBatch(batch: Batch): void {
    this.n = batch.n;
    this.time = batch.time;
    for (const position of batch.positions) this.applyPosition(position);
    for (const mark of batch.marks) this.applyMark(mark);
    for (const mark of batch.producers) this.applyProducer(mark);
    for (const watermark of batch.watermarks) this.applyWatermark(watermark);
    for (const change of batch.states) this.applyState(change);
    for (const seen of batch.seen) this.applySeen(seen);
    for (const change of batch.references) this.applyReference(change);
    for (const change of batch.effects) this.applyEffect(change);
    for (const change of batch.parked) this.applyParked(change);
  }

  /** Takes over what a cleaned log begins with; the states follow in numbered batches (J9). */
  applyAnchor(anchor: Anchor): void {
    this.n = anchor.n;
    this.time = anchor.time;
    for (const position of anchor.positions) this.applyPosition(position);
    for (const mark of anchor.marks) this.applyMark(mark);
    for (const mark of anchor.producers) this.applyProducer(mark);
    for (const watermark of anchor.watermarks) this.applyWatermark(watermark);
  }

  applyPosition(position: Position): void {
    this.positions.set(position.topic, position);
  }

  applyWatermark(watermark: Watermark): void {
    this.watermarks.set(outputOf(watermark), watermark);
  }

  applyMark(mark: Mark): void {
    this.marks.set(markKey(mark.topic, mark.application, mark.task), mark);
  }

  /** True when another producer was forgotten for it. */
  applyProducer(mark: ProducerMark): boolean {
    const key = producerKey(mark.topic, mark.producer);
    this.producers.delete(key);
    this.producers.set(key, mark);
    return this.producers.size > LIMITS.producersPerTask && forgetOldest(this.producers);
  }

  applyState(change: StateChange): void {
    let byKey = this.states.get(change.actor);
    if (byKey === undefined) this.states.set(change.actor, (byKey = new Map()));
    if (change.value === null) byKey.delete(change.key);
    else byKey.set(change.key, { version: change.version, json: change.value });
  }

  /** True when the key's oldest event id was forgotten for it. */
  applySeen(seen: Seen): boolean {
    let ids = this.seen.get(seen.key);
    if (ids === undefined) this.seen.set(seen.key, (ids = new Set()));
    ids.add(seen.event_id);
    return ids.size > LIMITS.seenIdsPerKey && forgetOldest(ids);
  }

  applyReference(change: ReferenceChange): void {
    let byId = this.references.get(change.name);
    if (byId === undefined) this.references.set(change.name, (byId = new Map()));
    if (change.value === null) byId.delete(change.id);
    else byId.set(change.id, { version: change.version, value: JSON.parse(change.value) });
  }

  applyEffect(change: EffectChange): void {
    const id = effectKey(change.actor, change.key, change.id);
    if (change.request === null) {
      this.effects.delete(id);
      return;
    }
    const { request, cause } = JSON.parse(change.request) as Pick<OpenEffect, 'request' | 'cause'>;
    this.effects.set(id, { actor: change.actor, key: change.key, request, cause });
  }

  applyParked(change: ParkedChange): void {
    const id = parkedKey(change.actor, change.key);
    const queue = this.parked.get(id);
    if (change.message !== null) {
      const message = JSON.parse(change.message) as Message;
      this.parked.set(id, {
        code: queue?.code ?? change.code,
        reason: queue?.reason ?? change.reason,
        messages: [...(queue?.messages ?? []), message],
        bytes: (queue?.bytes ?? 0) + change.message.length,
      });
      return;
    }
    const rest = queue?.messages.slice(1) ?? [];
    if (queue === undefined || rest.length === 0) this.parked.delete(id);
    else this.parked.set(id, { ...queue, messages: rest });
  }

  /** A text of everything, equal iff two states are equal; for tests and the replay check. */
  dump(): string {
    return JSON.stringify({
      n: this.n,
      time: this.time,
      positions: sorted(this.positions),
      marks: sorted(this.marks),
      producers: [...this.producers],
      watermarks: sorted(this.watermarks),
      states: sorted(this.states).map(([actor, byKey]) => [actor, sorted(byKey)]),
      seen: sorted(this.seen).map(([key, ids]) => [key, [...ids]]),
      references: sorted(this.references).map(([name, byId]) => [name, sorted(byId)]),
      effects: sorted(this.effects),
      parked: sorted(this.parked),
    });
  }
}

export function markKey(topic: string, application: string, task: number): string {
  return `${topic}|${application}|${task}`;
}

export function producerKey(topic: string, producer: string): string {
  return `${topic}|${producer}`;
}

export function effectKey(actor: string, key: string, id: string): string {
  return `${actor}|${key}|${id}`;
}

export function parkedKey(actor: string, key: string): string {
  return `${actor}|${key}`;
}

function forgetOldest(known: Map<string, unknown> | Set<string>): true {
  for (const oldest of known.keys()) {
    known.delete(oldest);
    break;
  }
  return true;
}

function sorted<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
}
