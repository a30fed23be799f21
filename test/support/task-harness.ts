import { AvroCodec, eventHeaders, journalRecords } from '../../avro/index.ts';
import type { EventRecord } from '../../engine/event.ts';
import { type Batch, JOURNAL_RECORD } from '../../engine/journal.ts';
import { isAfter, JournalReader } from '../../engine/journal-reader.ts';
import { originOf } from '../../engine/origin.ts';
import { type SourceRecord, Task } from '../../engine/task.ts';
import { TaskState } from '../../engine/task-state.ts';
import { buildTopology } from '../../engine/topology.ts';
import { COUNTER, COUNTER_RECORDS, counterSchemas } from './counter.ts';

const TOPOLOGY = buildTopology(COUNTER);

/** A codec that also knows the counter's journal. */
export function journalCodec(): AvroCodec {
  const subjects = [...COUNTER_RECORDS, ...journalRecords('counter')];
  return AvroCodec.offline({ subjects, schemas: counterSchemas() });
}

/**
 * One task of the counter between a journal and topics in memory, moved by single steps: what is taken when,
 * where a batch ends, and when its owner dies is up to the caller. Batches go through their Avro bytes.
 */
export class TaskHarness {
  readonly #codec: AvroCodec;
  readonly #fuse: boolean;
  readonly #topics = new Map<string, SourceRecord[]>();
  readonly #next = new Map<string, number>();
  readonly #journal: Uint8Array[] = [];
  #task: Task;

  constructor(codec: AvroCodec, fuse: boolean) {
    this.#codec = codec;
    this.#fuse = fuse;
    this.#task = this.#owner(new TaskState());
  }

  get state(): TaskState {
    return this.#task.state;
  }

  publish(event: EventRecord): void {
    const definition = TOPOLOGY.events.get(event.envelope.event_type);
    if (definition === undefined) throw new Error(`No event ${event.envelope.event_type}.`);
    this.#append({
      topic: definition.topic,
      key: Buffer.from(event.envelope.correlation_id),
      value: this.#codec.encode(definition.topic, definition.record, event),
      headers: eventHeaders(event.envelope),
    });
  }

  /** Handles the next record of a source. False: there is none. */
  take(topic: string): boolean {
    const offset = this.#next.get(topic) ?? 0;
    const record = this.#topics.get(topic)?.[offset];
    if (record === undefined) return false;
    this.#task.take(record);
    this.#next.set(topic, offset + 1);
    return true;
  }

  /** Journals the batch in the making, and publishes what it emits. False: there is none. */
  seal(): boolean {
    const batch = this.#task.seal(0);
    if (batch === null) return false;
    this.#journal.push(this.#codec.encode('counter.journal', JOURNAL_RECORD.batch, batch));
    for (const emit of batch.emits) this.#append(emit);
    return true;
  }

  /** The owner dies; the next one restores the journal, and publishes the newest `again` emits once more. */
  crash(again: number): void {
    const state = this.replayed();
    const emits = this.batches().flatMap((batch) => batch.emits);
    for (const emit of emits.slice(emits.length - Math.min(again, emits.length)))
      this.#append(emit);
    this.#task = this.#owner(state);
    for (const topic of this.#topics.keys())
      this.#next.set(topic, state.positions.get(topic)?.offset ?? 0);
  }

  /** Takes and journals until nothing is left. */
  finish(): void {
    for (let isBusy = true; isBusy;) {
      isBusy = TOPOLOGY.sources.map((topic) => this.take(topic)).includes(true);
      isBusy = this.seal() || isBusy;
    }
  }

  replayed(): TaskState {
    const reader = new JournalReader();
    reader.read(0, { kind: 'fence', fence: FENCE });
    this.batches().forEach((batch, index) => reader.read(index + 1, { kind: 'batch', batch }));
    if (reader.voidBatches > 0) throw new Error(`${reader.voidBatches} batches are void.`);
    return reader.state;
  }

  batches(): readonly Batch[] {
    return this.#journal.map((bytes) => this.#codec.decode(bytes).value as Batch);
  }

  /** Values on a topic, what comes twice from an origin left out. */
  read(topic: string): readonly unknown[] {
    let mark = { n: 0, index: -1 };
    return (this.#topics.get(topic) ?? []).flatMap(({ headers, value }) => {
      const origin = originOf(headers);
      if (origin !== null && !isAfter(origin.n, origin.index, mark.n, mark.index)) return [];
      if (origin !== null) mark = origin;
      return [value === null ? null : this.#codec.decode(value).value];
    });
  }

  #append(record: Pick<SourceRecord, 'topic' | 'key' | 'value' | 'headers'>): void {
    const { topic, key, value, headers } = record;
    const log = this.#topics.get(topic) ?? [];
    const place = { topicId: topic, partition: 0, offset: log.length, leaderEpoch: 0 };
    this.#topics.set(topic, [...log, { topic, key, value, headers, ...place }]);
  }

  #owner(state: TaskState): Task {
    return new Task({
      topology: TOPOLOGY,
      codec: this.#codec,
      state,
      partition: 0,
      clock: () => 1_700_000_000_000_000,
      partitionOf: () => 0,
      fuse: this.#fuse,
    });
  }
}

const FENCE = {
  application: 'counter',
  task: 0,
  member: 'm',
  host: 'h',
  generation: 1,
  deployment: 'fused',
  edges_hash: '',
  time: 0,
} as const;
