import { eventHeaders } from '../../avro/index.ts';
import type { Codec } from '../../engine/codec.ts';
import type { EventRecord } from '../../engine/event.ts';
import { type Batch, JOURNAL_RECORD, type JournaledEmit, outputOf } from '../../engine/journal.ts';
import { JournalReader } from '../../engine/journal-reader.ts';
import { type SourceRecord, Task } from '../../engine/task.ts';
import { TaskState } from '../../engine/task-state.ts';
import type { Topology } from '../../engine/topology.ts';
import { partitionOf } from '../../kafka/partitioner.ts';

interface Owner {
  task: Task;
  readonly journal: Uint8Array[];
  /** Source topic → offset of the next record. */
  readonly next: Map<string, number>;
  /** Output partition → journaled emits there, and how many of them were published last. */
  readonly outputs: Map<string, { readonly emits: JournaledEmit[]; published: number }>;
}

export interface MeshOptions {
  readonly topology: Topology;
  readonly codec: Codec;
  readonly partitions: number;
  readonly fuse: boolean;
}

/**
 * All tasks of a topology over shared topics in memory, moved by single steps: who takes what, whose batch ends,
 * what is published when, and whose owner dies is up to the caller.
 */
export class TaskMesh {
  readonly #options: MeshOptions;
  readonly #topics = new Map<string, SourceRecord[]>();
  readonly #owners: readonly Owner[];

  constructor(options: MeshOptions) {
    this.#options = options;
    this.#owners = Array.from({ length: options.partitions }, (_, partition) => ({
      task: this.#taskOf(partition, new TaskState()),
      journal: [],
      next: new Map(),
      outputs: new Map(),
    }));
  }

  publish(event: EventRecord): void {
    const { topology, codec } = this.#options;
    const { event_type: type, correlation_id } = event.envelope;
    const definition = topology.events.get(type);
    if (definition === undefined) throw new Error(`No event ${type}.`);
    const key = Buffer.from(correlation_id);
    this.#append({
      topic: definition.topic,
      partition: partitionOf(key, this.#options.partitions),
      key,
      value: codec.encode(definition.topic, definition.record, event),
      headers: eventHeaders(event.envelope),
    });
  }

  /** Handles the next record of a task's source. False: there is none. */
  take(partition: number, topic: string): boolean {
    const { task, next } = this.#owner(partition);
    const offset = next.get(topic) ?? 0;
    const record = this.#topics.get(outputOf({ topic, partition }))?.[offset];
    if (record === undefined) return false;
    task.take(record);
    next.set(topic, offset + 1);
    return true;
  }

  /** Journals the batch in the making. False: there is none. */
  seal(partition: number): boolean {
    const owner = this.#owner(partition);
    const batch = owner.task.seal(0);
    if (batch === null) return false;
    owner.journal.push(this.#options.codec.encode(this.#journal, JOURNAL_RECORD.batch, batch));
    for (const emit of batch.emits) {
      const name = outputOf(emit);
      const output = owner.outputs.get(name) ?? { emits: [], published: 0 };
      output.emits.push(emit);
      owner.outputs.set(name, output);
    }
    return true;
  }

  /** Publishes what waits for every output partition of a task. False: nothing did. */
  flush(partition: number): boolean {
    let published = 0;
    for (const output of this.#owner(partition).outputs.values()) {
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
  crash(partition: number, again: number): void {
    const owner = this.#owner(partition);
    const state = this.replayed(partition);
    for (const output of owner.outputs.values())
      output.published = Math.max(0, output.published - again);
    owner.task = this.#taskOf(partition, state);
    for (const topic of this.#options.topology.sources)
      owner.next.set(topic, state.positions.get(topic)?.offset ?? 0);
  }

  /** Takes, journals and publishes until nothing is left anywhere. */
  finish(): void {
    for (let isBusy = true; isBusy;) {
      isBusy = false;
      for (const partition of this.#owners.keys()) {
        for (const topic of this.#options.topology.sources)
          while (this.take(partition, topic)) isBusy = true;
        isBusy = this.seal(partition) || isBusy;
        isBusy = this.flush(partition) || isBusy;
      }
    }
  }

  replayed(partition: number): TaskState {
    const { codec, topology } = this.#options;
    const reader = new JournalReader();
    const fence = { ...FENCE, application: topology.application, task: partition };
    reader.read(0, { kind: 'fence', fence });
    this.#owner(partition).journal.forEach((bytes, index) =>
      reader.read(index + 1, { kind: 'batch', batch: codec.decode(bytes).value as Batch }),
    );
    return reader.state;
  }

  stateOf(partition: number): TaskState {
    return this.#owner(partition).task.state;
  }

  /** States of an actor over all tasks, by key. */
  states(actor: string): ReadonlyMap<string, unknown> {
    const all = this.#owners.flatMap(({ task }) => [...(task.state.states.get(actor) ?? [])]);
    return new Map(all.map(([key, { json }]) => [key, JSON.parse(json) as unknown]));
  }

  get #journal(): string {
    return this.#options.topology.journal;
  }

  #owner(partition: number): Owner {
    return this.#owners[partition] as Owner;
  }

  #append(record: Pick<SourceRecord, 'topic' | 'partition' | 'key' | 'value' | 'headers'>): void {
    const { topic, partition, key, value, headers } = record;
    const name = outputOf(record);
    let log = this.#topics.get(name);
    if (log === undefined) this.#topics.set(name, (log = []));
    const place = { topicId: topic, partition, offset: log.length, leaderEpoch: 0 };
    log.push({ topic, key, value, headers, ...place });
  }

  #taskOf(partition: number, state: TaskState): Task {
    const { topology, codec, partitions, fuse } = this.#options;
    return new Task({
      topology,
      codec,
      state,
      partition,
      clock: () => 1_700_000_000_000_000,
      partitionOf: (key) => partitionOf(key, partitions),
      fuse,
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
