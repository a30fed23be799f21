import { eventHeaders } from '../../avro/index.ts';
import type { Codec } from '../../engine/codec.ts';
import type { EventRecord } from '../../engine/event.ts';
import { type Batch, JOURNAL_RECORD, type JournaledEmit, outputOf } from '../../engine/journal.ts';
import { isAfter, JournalReader } from '../../engine/journal-reader.ts';
import { originOf } from '../../engine/origin.ts';
import { type SourceRecord, Task } from '../../engine/task.ts';
import { TaskState } from '../../engine/task-state.ts';
import type { Topology } from '../../engine/topology.ts';
import { partitionOf } from '../../kafka/partitioner.ts';

interface Owner {
  readonly topology: Topology;
  readonly partition: number;
  task: Task;
  readonly journal: Uint8Array[];
  /** Source topic → offset of the next record. */
  readonly next: Map<string, number>;
  /** Output partition → journaled emits there, and how many of them were published last. */
  readonly outputs: Map<string, { readonly emits: JournaledEmit[]; published: number }>;
}

export interface MeshOptions {
  /** The applications that meet on the topics. */
  readonly topologies: readonly Topology[];
  readonly codec: Codec;
  readonly partitions: number;
}

/**
 * All tasks of some applications over shared topics in memory, moved by single steps: who takes what, whose batch
 * ends, what is published when, and whose owner dies is up to the caller. Owners are numbered, application by
 * application.
 */
export class TaskMesh {
  readonly #options: MeshOptions;
  readonly #topics = new Map<string, SourceRecord[]>();
  readonly #owners: readonly Owner[];
  #now = 1_700_000_000_000_000;

  constructor(options: MeshOptions) {
    this.#options = options;
    this.#owners = options.topologies.flatMap((topology) =>
      Array.from({ length: options.partitions }, (_, partition) => ({
        topology,
        partition,
        task: this.#taskOf(topology, partition, new TaskState()),
        journal: [],
        next: new Map(),
        outputs: new Map(),
      })),
    );
  }

  get owners(): number {
    return this.#owners.length;
  }

  /** Goes to the partition of its key, or to the one given: reference data stands in all of them. */
  publish(event: EventRecord, partition?: number): void {
    const { topologies, codec, partitions } = this.#options;
    const { event_type: type, correlation_id } = event.envelope;
    const definition = topologies.flatMap(({ events }) => events.get(type) ?? [])[0];
    if (definition === undefined) throw new Error(`No event ${type}.`);
    const key = Buffer.from(correlation_id);
    this.#append({
      topic: definition.topic,
      partition: partition ?? partitionOf(key, partitions),
      key,
      value: codec.encode(definition.topic, definition.record, event),
      headers: eventHeaders(event.envelope),
    });
  }

  /** Handles the next record of a task's source. False: there is none. */
  take(owner: number, topic: string): boolean {
    const { task, next, topology, partition } = this.#owner(owner);
    if (!topology.sources.includes(topic)) return false;
    const offset = next.get(topic) ?? 0;
    const record = this.#topics.get(outputOf({ topic, partition }))?.[offset];
    if (record === undefined) return false;
    task.take(record);
    next.set(topic, offset + 1);
    return true;
  }

  /** Moves the clock; what is due then is handled when its task is next moved to it, by `due`. */
  advance(micros: number): void {
    this.#now += micros;
  }

  /** Handles what is due. False: nothing is. */
  due(owner: number): boolean {
    return this.#owner(owner).task.takeDue() > 0;
  }

  /** Journals the batch in the making. False: there is none. */
  seal(number: number): boolean {
    const owner = this.#owner(number);
    const { journal } = owner.topology;
    const batch = owner.task.seal(0);
    if (batch === null) return false;
    owner.journal.push(this.#options.codec.encode(journal, JOURNAL_RECORD.batch, batch));
    for (const emit of batch.emits) {
      const name = outputOf(emit);
      const output = owner.outputs.get(name) ?? { emits: [], published: 0 };
      output.emits.push(emit);
      owner.outputs.set(name, output);
    }
    return true;
  }

  /** Publishes what waits for every output partition of a task. False: nothing did. */
  flush(owner: number): boolean {
    let published = 0;
    for (const output of this.#owner(owner).outputs.values()) {
      const waiting = output.emits.slice(output.published);
      for (const emit of waiting) this.#append(emit);
      output.published = output.emits.length;
      published += waiting.length;
    }
    return published > 0;
  }

  /**
   * The owner dies with what it had not journaled and not published; the next one restores the journal and
   * publishes again from up to `again` emits before the last that stands in each output partition.
   */
  crash(number: number, again: number): void {
    const owner = this.#owner(number);
    const { topology, partition } = owner;
    const state = this.replayed(number);
    for (const output of owner.outputs.values())
      output.published = Math.max(0, output.published - again);
    owner.task = this.#taskOf(topology, partition, state);
    for (const topic of topology.sources)
      owner.next.set(topic, state.positions.get(topic)?.offset ?? 0);
  }

  /** Takes, journals and publishes until nothing is left anywhere. */
  finish(): void {
    for (let isBusy = true; isBusy;) {
      isBusy = false;
      for (const [owner, { topology }] of this.#owners.entries()) {
        isBusy = this.due(owner) || isBusy;
        for (const topic of topology.sources) while (this.take(owner, topic)) isBusy = true;
        isBusy = this.seal(owner) || isBusy;
        isBusy = this.flush(owner) || isBusy;
      }
    }
  }

  replayed(owner: number): TaskState {
    const { codec } = this.#options;
    const { topology, partition, journal } = this.#owner(owner);
    const reader = new JournalReader();
    const fence = { ...FENCE, application: topology.application, task: partition };
    reader.read(0, { kind: 'fence', fence });
    journal.forEach((bytes, index) =>
      reader.read(index + 1, { kind: 'batch', batch: codec.decode(bytes).value as Batch }),
    );
    return reader.state;
  }

  stateOf(owner: number): TaskState {
    return this.#owner(owner).task.state;
  }

  /** States of an actor over all tasks, by key. */
  states(actor: string): ReadonlyMap<string, unknown> {
    const all = this.#owners.flatMap(({ task }) => [...(task.state.states.get(actor) ?? [])]);
    return new Map(all.map(([key, { json }]) => [key, JSON.parse(json) as unknown]));
  }

  /** What is parked over all tasks, by `actor|key`: codes, and the messages behind them. */
  parked(): ReadonlyMap<string, readonly [code: string, messages: readonly unknown[]]> {
    const all = this.#owners.flatMap(({ task }) => [...task.state.parked]);
    return new Map(
      all.map(([key, { code, messages }]) => [
        key,
        [code, messages.map(({ type, payload }) => ({ type, payload }))],
      ]),
    );
  }

  /** A topic as its readers take it, partition by partition: what comes twice from an origin is left out. */
  read(topic: string): readonly { readonly key: string; readonly value: unknown }[] {
    return Array.from({ length: this.#options.partitions }, (_, partition) => {
      const marks = new Map<string, { readonly n: number; readonly index: number }>();
      const records = this.#topics.get(outputOf({ topic, partition })) ?? [];
      return records.flatMap(({ key, value, headers }) => {
        const origin = originOf(headers);
        if (origin !== null) {
          const from = `${origin.application}/${origin.task}`;
          const mark = marks.get(from);
          if (mark && !isAfter(origin.n, origin.index, mark.n, mark.index)) return [];
          marks.set(from, origin);
        }
        const decoded = value === null ? null : this.#options.codec.decode(value).value;
        return [{ key: Buffer.from(key ?? []).toString(), value: decoded }];
      });
    }).flat();
  }

  #owner(number: number): Owner {
    return this.#owners[number] as Owner;
  }

  #append(record: Pick<SourceRecord, 'topic' | 'partition' | 'key' | 'value' | 'headers'>): void {
    const { topic, partition, key, value, headers } = record;
    const name = outputOf(record);
    let log = this.#topics.get(name);
    if (log === undefined) this.#topics.set(name, (log = []));
    const place = { topicId: topic, partition, offset: log.length, leaderEpoch: 0 };
    log.push({ topic, key, value, headers, ...place });
  }

  #taskOf(topology: Topology, partition: number, state: TaskState): Task {
    const { codec, partitions } = this.#options;
    return new Task({
      topology,
      codec,
      state,
      partition,
      clock: () => this.#now,
      partitionOf: (key) => partitionOf(key, partitions),
      fuse: topology.deployment === 'fused',
    });
  }
}

const FENCE = {
  member: 'm',
  host: 'h',
  generation: 1,
  deployment: 'fused',
  edges_hash: '',
  time: 0,
} as const;
