import type { EffectResult } from '../engine/actor.ts';
import type { Codec } from '../engine/codec.ts';
import type { EventRecord, Headers, Micros } from '../engine/event.ts';
import { envelopeHeaders } from '../engine/event-headers.ts';
import type { Batch, JournaledEmit } from '../engine/journal.ts';
import { Task, type TaskObserver } from '../engine/task.ts';
import { type OpenEffect, TaskState } from '../engine/task-state.ts';
import type { Topology } from '../engine/topology.ts';
import { type ImpureHandlerError, sanitizedTopology } from './sanitizer.ts';

/** An event or read-model value that the topology put on a topic. */
export interface DriverOutput {
  readonly topic: string;
  readonly key: string;
  readonly headers: Headers;
  /** Decoded; null is a tombstone. Dead letters that do not decode stay bytes. */
  readonly value: unknown;
}

export interface TopologyDriverOptions {
  readonly topology: Topology;
  readonly codec: Codec;
  /** Start of the logical clock; it moves by `advance` only. */
  readonly now?: Micros;
  /** False: every emit is handled when it comes back, as in a split deployment. Default: true. */
  readonly fuse?: boolean;
  /** Most inputs a batch takes; 1 shows that batching changes nothing. Default: the engine's. */
  readonly inputsPerBatch?: number;
  readonly observer?: TaskObserver;
  /** Partition of a key; the driver is partition 0. Default: everything is its own. */
  readonly partitionOf?: (key: Uint8Array) => number;
  /** False: handlers run once, and may be impure. Default: true. */
  readonly sanitize?: boolean;
}

/**
 * Runs a topology in memory, with the engine's own task and codec: what a handler sees and what its
 * records look like is what the broker would carry. One partition, so every key lives in one task.
 *
 * Order: each `publish` is handled to its end, emits that come back included.
 * Throws: ImpureHandlerError when a handler looks at more than its input, or decides differently of the same.
 */
export class TopologyDriver {
  readonly #options: TopologyDriverOptions;
  readonly #topics = new Map<string, DriverRecord[]>();
  readonly batches: Batch[] = [];
  readonly outputs: DriverOutput[] = [];
  readonly #topology: Topology;
  #impure: ImpureHandlerError | null = null;
  #now: Micros;
  #task: Task;

  constructor(options: TopologyDriverOptions) {
    this.#options = options;
    const { topology, sanitize = true } = options;
    this.#topology = sanitize
      ? sanitizedTopology(topology, (error) => (this.#impure ??= error))
      : topology;
    this.#now = options.now ?? 1_700_000_000_000_000;
    this.#task = this.#newTask(new TaskState());
  }

  get state(): TaskState {
    return this.#task.state;
  }

  get openEffects(): readonly OpenEffect[] {
    return [...this.state.effects.values()];
  }

  /** Moves the clock, and handles what is due then. A clock may go back. */
  advance(micros: Micros): void {
    this.#now += micros;
    this.#settle();
  }

  /** Puts an event on its topic as a foreign producer would, and handles it. `key`: of a topic that is rekeyed. */
  publish(event: EventRecord, key: string = event.envelope.correlation_id): void {
    const { event_type: type } = event.envelope;
    const definition = this.#options.topology.events.get(type);
    if (definition === undefined)
      throw new Error(
        `Event type '${type}' is not in topology ${this.#options.topology.application}.`,
      );
    const value = this.#options.codec.encode(definition.topic, definition.record, event);
    this.publishRaw({
      topic: definition.topic,
      key: Buffer.from(key),
      value,
      headers: envelopeHeaders(event.envelope),
    });
  }

  /** Puts bytes on a topic and handles them. */
  publishRaw(record: DriverRecord): void {
    this.#append(record);
    this.#settle();
  }

  /** Puts many on topics, and handles them then. */
  publishAll(records: readonly DriverRecord[]): void {
    for (const record of records) this.#append(record);
    this.#settle();
  }

  /** Answers an open effect. */
  settle(effect: OpenEffect, result: EffectResult): void {
    this.#task.takeEffectResult(effect, result);
    this.#seal();
    this.#settle();
  }

  /** What a replay of the journal alone comes to. */
  replayed(): TaskState {
    const state = new TaskState();
    for (const batch of this.batches) state.applyBatch(structuredClone(batch));
    return state;
  }

  /** Throws the task away and rebuilds it from its journal, as a new owner does. */
  restart(): void {
    this.#task = this.#newTask(this.replayed());
    this.#settle();
  }

  /** Decoded values on a topic, in order. */
  on(topic: string): readonly DriverOutput[] {
    return this.outputs.filter((output) => output.topic === topic);
  }

  /** Event types emitted so far, in order. */
  get emittedTypes(): readonly string[] {
    return this.outputs.flatMap((output) => output.headers['event_type'] ?? []);
  }

  #newTask(state: TaskState): Task {
    const { codec, observer, fuse = true, partitionOf = () => 0 } = this.#options;
    return new Task({
      topology: this.#topology,
      codec,
      state,
      partition: 0,
      clock: () => this.#now,
      partitionOf,
      fuse,
      ...(observer === undefined ? {} : { observer }),
    });
  }

  #settle(): void {
    for (;;) {
      const before = this.batches.length;
      while (this.#task.takeDue() > 0) this.#seal();
      for (const topic of this.#options.topology.sources) this.#takeFrom(topic);
      this.#seal();
      if (this.#impure !== null) throw this.#impure;
      if (this.batches.length === before) return;
    }
  }

  #takeFrom(topic: string): void {
    const records = this.#topics.get(topic) ?? [];
    const limit = this.#options.inputsPerBatch ?? Number.POSITIVE_INFINITY;
    let taken = 0;
    for (
      let offset = this.state.positions.get(topic)?.offset ?? 0;
      offset < records.length;
      offset++
    ) {
      const record = records[offset] as DriverRecord;
      this.#task.take({ ...record, topicId: topic, partition: 0, offset, leaderEpoch: 0 });
      if (++taken % limit === 0) this.#seal();
    }
  }

  #seal(): void {
    const batch = this.#task.seal(0);
    if (batch === null) return;
    this.batches.push(batch);
    for (const emit of batch.emits) this.#publishEmit(emit);
  }

  #publishEmit(emit: JournaledEmit): void {
    const { topic, key, value, headers } = emit;
    this.#append({ topic, key, value, headers });
    this.outputs.push({
      topic,
      headers,
      key: Buffer.from(key ?? []).toString(),
      value: topic.startsWith('dlq.') ? value : value && this.#options.codec.decode(value).value,
    });
  }

  #append(record: DriverRecord): void {
    const log = this.#topics.get(record.topic);
    if (log === undefined) this.#topics.set(record.topic, [record]);
    else log.push(record);
  }
}

export interface DriverRecord {
  readonly topic: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Headers;
}
