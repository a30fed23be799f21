import type { EffectRequest, KeptMessage } from './actor.ts';
import type { ByteRows } from './byte-rows.ts';
import { type Due, DueIndex } from './due-index.ts';
import type { Micros, Priority } from './event.ts';
import { Filling } from './filling.ts';
import {
  type Again,
  type Anchor,
  type BatchChanges,
  type EffectChange,
  type Mark,
  outputOf,
  type ParkedChange,
  type Position,
  type ProducerMark,
  type ReferenceChange,
  type Seen,
  type StateChange,
  type TimerChange,
  type Watermark,
} from './journal.ts';
import { LIMITS } from './limits.ts';
import { MemorySeenSets, SeenTable, type SeenSets } from './seen-table.ts';
import type { StateStore, StoreChange } from './state-store.ts';
import { type ActorStates, StateTable } from './state-table.ts';
import { type Kept, Table } from './table.ts';

export type { StoredState } from './state-table.ts';

/** What an effect's later emits descend from. */
export interface Cause {
  readonly eventId: string;
  readonly correlationId: string;
  readonly sequence: number | null;
  readonly priority: Priority;
  /** Where its trace goes on from; null: it has none. */
  readonly traceparent: string | null;
}

/** An effect that was asked for and has no result yet. */
export interface OpenEffect {
  readonly actor: string;
  readonly key: string;
  readonly request: EffectRequest;
  readonly cause: Cause;
  /** The batch that asked for it and its place there: the order in which a key's effects are performed. */
  readonly asked: { readonly n: number; readonly index: number };
  /** Which attempt comes next, from 1. */
  readonly attempt: number;
  /** How often it was performed, attempts that do not count included. */
  readonly tries: number;
  /** When it may be performed; null: at once. */
  readonly dueAt: Micros | null;
}

/** What the journal says of it besides whose it is. */
export type AskedEffect = Omit<OpenEffect, 'actor' | 'key'>;

/** A timer that is set. */
export interface OpenTimer {
  readonly actor: string;
  readonly key: string;
  readonly name: string;
  readonly due: Micros;
  readonly cause: Cause;
  readonly data: unknown;
}

/** A message behind a blocked key. */
export type ParkedMessage = KeptMessage;

export interface ParkedQueue {
  readonly code: string;
  readonly reason: string;
  readonly messages: readonly ParkedMessage[];
  readonly bytes: number;
  /** How often the head has been handled in vain. */
  readonly attempt: number;
  /** When the head is handled again; null: when an operator says so. */
  readonly due: Micros | null;
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
  readonly positions: Table<Position>;
  readonly marks: Table<Mark>;
  /** The one not heard of for longest first. */
  readonly producers: Table<ProducerMark>;
  /** By output partition (`outputOf`). */
  readonly watermarks: Table<Watermark>;
  /** Actor → the newest version of its state's shape in the journal. */
  readonly versions: Table<number>;
  readonly states: Map<string, ActorStates>;
  readonly seen: SeenSets;
  readonly references = new Map<string, Map<string, ReferenceValue>>();
  /** Finished ones, the oldest first (J9). */
  readonly anchors: Table<{ readonly offset: number; readonly time: Micros }>;
  readonly effects: Table<OpenEffect>;
  readonly timers: Table<OpenTimer>;
  readonly parked: Table<ParkedQueue>;
  /** What comes next of timers and of blocked queues that are tried again. */
  readonly due: DueIndex;
  readonly #references: Table<ReferenceValue>;
  readonly #kept: Kept[] = [];
  #generation = 0;
  /** What goes past the tables. */
  #filling: Filling | null = null;

  /**
   * `store`: where it is kept besides what has changed since; absent: all of it stands in memory. The store must
   * hold what its checkpoint says, and is written by whoever confirms changes (J9a).
   */
  constructor(store: StateStore | null = null) {
    const table = <Value>(name: string): Table<Value> => this.#keep(new Table<Value>(name, store));
    this.positions = table('positions');
    this.marks = table('marks');
    this.producers = table('producers');
    this.watermarks = table('watermarks');
    this.versions = table('versions');
    this.anchors = table('anchors');
    this.effects = table('effects');
    this.timers = table('timers');
    this.parked = table('parked');
    this.due = new DueIndex(({ of, id, at }) =>
      of === 'timer' ? this.timers.get(id)?.due === at : this.parked.get(id)?.due === at,
    );
    for (const [id, timer] of this.timers) this.#noteDue('timer', id, timer.due);
    for (const [id, queue] of this.parked) this.#noteDue('parked', id, queue.due);
    this.#references = table('references');
    this.states = store === null ? new Map() : this.#keep(new StateTable(store));
    this.seen = store === null ? new MemorySeenSets() : this.#keep(new SeenTable(store));
    this.n = store?.checkpoint?.n ?? 0;
    this.time = store?.checkpoint?.time ?? 0;
    for (const [place, value] of this.#references) {
      const [name, id] = JSON.parse(place) as [string, string];
      this.#referencesOf(name).set(id, value);
    }
  }

  /** What has changed since the last call, for the store, once the journal holds it; then call `settle`. */
  takeChanges(): TakenChanges {
    const changes: StoreChange[] = [];
    this.#generation += 1;
    for (const each of this.#kept) each.takeChanges(changes, this.#generation);
    const rows = this.#filling?.take(this.#generation) ?? [];
    return { generation: this.#generation, changes, rows };
  }

  /**
   * From here on states and event ids of batches go to the store without standing in memory, where nobody can read those that it does
   * not have yet. Order: with an empty store; `filled` when it has all that was taken.
   */
  fill(): void {
    this.#filling = new Filling();
  }

  get isFilling(): boolean {
    return this.#filling !== null;
  }

  filled(): void {
    this.#filling = null;
  }

  /** The store holds what was taken up to this generation. */
  settle(generation: number): void {
    for (const each of this.#kept) each.settle(generation);
    this.#filling?.settle(generation);
  }

  applyBatch(batch: Omit<BatchChanges, 'emits'>): void {
    this.n = batch.n;
    this.time = batch.time;
    for (const position of batch.positions) this.applyPosition(position);
    for (const mark of batch.marks) this.applyMark(mark);
    for (const mark of batch.producers) this.applyProducer(mark);
    for (const watermark of batch.watermarks) this.applyWatermark(watermark);
    if (this.#filling === null) {
      for (const change of batch.states) this.applyState(change);
      for (const { key, event_ids: ids } of batch.seen_sets) this.seen.replace(key, ids);
      for (const seen of batch.seen) this.applySeen(seen);
    } else this.#filling.add(batch, this);
    for (const change of batch.references) this.applyReference(change);
    for (const change of batch.effects) this.applyEffect(change);
    for (const change of batch.timers) this.applyTimer(change);
    for (const change of batch.parked) this.applyParked(change);
    if (batch.again?.is_last === true) this.applyAnchored(batch.again);
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

  /** An anchor before which nothing is needed any more. */
  applyAnchored({ anchor, time }: Again): void {
    this.anchors.set(String(anchor), { offset: anchor, time });
    if (this.anchors.size > LIMITS.anchors) forgetOldest(this.anchors);
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
    this.noteVersion(change.actor, change.version);
  }

  noteVersion(actor: string, version: number): void {
    if ((this.versions.get(actor) ?? -1) < version) this.versions.set(actor, version);
    // From its first state on an actor is known.
    this.states.get(actor);
  }

  /** True when the key's oldest event id was forgotten for it. */
  applySeen(seen: Seen): boolean {
    return this.seen.add(seen.key, seen.event_id);
  }

  applyReference(change: ReferenceChange): void {
    const byId = this.#referencesOf(change.name);
    const place = JSON.stringify([change.name, change.id]);
    if (change.value === null) {
      byId.delete(change.id);
      if (byId.size === 0) this.references.delete(change.name);
      this.#references.delete(place);
      return;
    }
    const value = { version: change.version, value: JSON.parse(change.value) as unknown };
    byId.set(change.id, value);
    this.#references.set(place, value);
  }

  applyEffect(change: EffectChange): void {
    const id = effectKey(change.actor, change.key, change.id);
    if (change.request === null) {
      this.effects.delete(id);
      return;
    }
    const asked = JSON.parse(change.request) as AskedEffect;
    this.effects.set(id, { actor: change.actor, key: change.key, ...asked });
  }

  applyTimer(change: TimerChange): void {
    const { actor, key, name, due, setter } = change;
    const id = timerKey(actor, key, name);
    if (due === null) {
      this.timers.delete(id);
      return;
    }
    const { cause, data } = JSON.parse(setter) as Pick<OpenTimer, 'cause' | 'data'>;
    this.timers.set(id, { actor, key, name, due, cause, data });
    this.#noteDue('timer', id, due);
  }

  applyParked({ actor, key, act, code, reason, message, attempt, due }: ParkedChange): void {
    const id = parkedKey(actor, key);
    const queue = act === 'anew' ? undefined : this.parked.get(id);
    if ((act === 'push' || act === 'anew') && message !== null) {
      const first = { code, reason, attempt, due, messages: [], bytes: 0 };
      const { messages, bytes, ...rest } = queue ?? first;
      const parsed = JSON.parse(message) as ParkedMessage;
      const more = { messages: [...messages, parsed], bytes: bytes + message.length };
      this.parked.set(id, { ...rest, ...more });
      if (queue === undefined) this.#noteDue('parked', id, due);
      return;
    }
    if (queue === undefined) return;
    if (act === 'wait') this.parked.set(id, { ...queue, code, reason, attempt, due });
    else if (queue.messages.length < 2) this.parked.delete(id);
    else this.parked.set(id, { ...withoutHead(queue), attempt, due });
    this.#noteDue('parked', id, due);
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
      versions: sorted(this.versions),
      states: sorted(this.states)
        .map(([actor, byKey]) => [actor, sorted(byKey)] as const)
        .filter(([, states]) => states.length > 0),
      seen: sorted(this.seen).map(([key, ids]) => [key, [...ids]]),
      references: sorted(this.references).map(([name, byId]) => [name, sorted(byId)]),
      anchors: [...this.anchors.keys()],
      effects: sorted(this.effects),
      timers: sorted(this.timers),
      parked: sorted(this.parked),
    });
  }

  #noteDue(of: Due['of'], id: string, at: Micros | null): void {
    if (at !== null) this.due.add({ at, of, id }, this.timers.size + this.parked.size);
  }

  #referencesOf(name: string): Map<string, ReferenceValue> {
    let byId = this.references.get(name);
    if (byId === undefined) this.references.set(name, (byId = new Map()));
    return byId;
  }

  #keep<Part extends Kept>(part: Part): Part {
    this.#kept.push(part);
    return part;
  }
}

/** Changes of a task's state on their way into its store. */
export interface TakenChanges {
  readonly generation: number;
  readonly changes: readonly StoreChange[];
  /** Before the changes: what went past the tables. */
  readonly rows: readonly ByteRows[];
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

export function timerKey(actor: string, key: string, name: string): string {
  return `${actor}|${key}|${name}`;
}

export function parkedKey(actor: string, key: string): string {
  return `${actor}|${key}`;
}

function withoutHead(queue: ParkedQueue): ParkedQueue {
  const [head, ...messages] = queue.messages;
  return { ...queue, messages, bytes: queue.bytes - JSON.stringify(head).length };
}

function forgetOldest(known: Map<string, unknown> | Set<string>): true {
  for (const oldest of known.keys()) {
    known.delete(oldest);
    break;
  }
  return true;
}

function sorted<Value>(map: Iterable<[string, Value]>): [string, Value][] {
  return [...map].sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
}
