import type { Codec } from '../../engine/codec.ts';
import type { Command } from '../../engine/command.ts';
import { type EventRecord, HEADER } from '../../engine/event.ts';
import type { JournaledEmit } from '../../engine/journal.ts';
import { JournalReader } from '../../engine/journal-reader.ts';
import { originOf } from '../../engine/origin.ts';
import type { Topology } from '../../engine/topology.ts';
import type { FetchedRecord, FetchPosition, RecordToSend } from '../../kafka/client.ts';
import { handledAs } from './event-identity.ts';
import { TaskModel } from './task-model.ts';
import { JournalTruth, type TrueBatch } from './truth.ts';

export interface OracleOptions {
  readonly topology: Topology;
  readonly codec: Codec;
  readonly partitions: number;
  readonly partitionOf: (key: string) => number;
  readonly nowMs: () => number;
  readonly sessionTimeoutMs: number;
}

interface Planned {
  readonly n: number;
  readonly emit: JournaledEmit;
}

/** One task's outputs to one partition: what is due there, in order, and how far it has come. */
interface Output {
  readonly planned: Planned[];
  published: number;
}

/**
 * Sees every append at the broker and says at once what may not be: an output that is in no valid batch, lost,
 * reordered or torn; an input handled twice or out of order; a commit or an effect ahead of the journal.
 */
export class Oracle {
  readonly #in: OracleOptions;
  readonly journals: readonly JournalTruth[];
  readonly models: readonly TaskModel[];
  readonly #logs = new Map<string, Map<number, FetchedRecord>>();
  readonly #outputs = new Map<string, Output>();
  readonly #handled = new Set<string>();
  /** The task of each effect. */
  readonly #asked = new Map<string, number>();
  readonly violations: string[] = [];
  duplicates = 0;

  constructor(options: OracleOptions) {
    this.#in = options;
    const { codec, partitions, topology, partitionOf } = options;
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    this.journals = all.map(() => new JournalTruth(codec));
    this.models = all.map(
      (partition) =>
        new TaskModel({
          topology,
          codec,
          partition,
          partitionOf,
          recordAt: (topic, of, offset) => this.#logs.get(`${topic}/${of}`)?.get(offset) ?? null,
          onHandled: (actor, key, eventId) => this.#onHandled(actor, key, eventId),
        }),
    );
  }

  appended(topic: string, partition: number, records: readonly RecordToSend[], base: number): void {
    records.forEach((record, index) => {
      if (topic === this.#in.topology.journal) this.#journaled(partition, record, base + index);
      else this.#published(topic, partition, record, base + index);
    });
  }

  /** Group offsets may lag, never lead (J4). */
  committed(offsets: readonly FetchPosition[]): void {
    for (const { topic, partition, offset } of offsets)
      if (offset > (this.journals[partition]?.positionOf(topic) ?? 0))
        this.#violation(`the group's offset ${offset} of ${topic}/${partition} leads the journal`);
  }

  /**
   * An effect is performed only when a valid batch has asked for it (J1, F24), and by whoever has lately written to the
   * task's journal: what was confirmed has been appended after it was sent (J5c).
   */
  performed(id: string, host: string): void {
    const task = this.#asked.get(id);
    if (task === undefined) this.#violation(`effect ${id} is performed before it is confirmed`);
    const { nowMs, sessionTimeoutMs } = this.#in;
    const silentMs = nowMs() - (this.journals[task ?? 0] as JournalTruth).writtenAt(host);
    if (silentMs > sessionTimeoutMs)
      this.#violation(`${host} performs effect ${id} after a silence of ${silentMs} ms`);
    const effects = this.models.map((model) => model.effects).find((open) => open.has(id));
    const own = effects?.get(id)?.key;
    for (const [other, { key }] of effects ?? []) {
      if (other === id) return;
      if (key === own) this.#violation(`effect ${id} is performed before ${other} of its key`);
    }
  }

  /** What is still to be done; empty: all of it is done, once. */
  missing(): readonly string[] {
    const missing: string[] = [];
    for (const [where, { planned, published }] of this.#outputs)
      if (published < planned.length) missing.push(`${where}: ${planned.length - published} emits`);
    for (const model of this.models) {
      for (const id of model.effects.keys()) missing.push(`effect ${id} has no result`);
      for (const id of model.timers.keys()) missing.push(`timer ${id} has not fired`);
      if (this.#in.topology.ladderMs.length > 0)
        for (const id of model.parked.keys()) missing.push(`${id} is still on its ladder`);
    }
    for (const [where, log] of this.#logs)
      for (const record of log.values()) missing.push(...this.#unhandled(where, record));
    return missing;
  }

  /** What the engine's own replay of a journal differs in from the model. */
  compareReplay(partition: number, records: readonly FetchedRecord[]): void {
    const reader = new JournalReader();
    const model = this.models[partition] as TaskModel;
    for (const { offset, value } of records) {
      const { record, value: entry } = this.#in.codec.decode(value as Uint8Array);
      const kind = record.slice(record.lastIndexOf('.') + 1).toLowerCase();
      reader.read(offset, { kind, [kind]: entry } as never);
    }
    const states = [...reader.state.states].flatMap(([actor, byKey]) =>
      [...byKey].map(([key, { json }]) => `${actor}|${key}=${json}`),
    );
    const wanted = [...model.states].map(([id, json]) => `${id}=${json}`);
    if (states.sort().join() !== wanted.sort().join())
      this.#violation(`replay of ${partition} gives ${states.join()} instead of ${wanted.join()}`);
    const parked = [...reader.state.parked].map(([id, { messages }]) => `${id}=${messages.length}`);
    const blocked = [...model.parked].map(([id, { length }]) => `${id}=${length}`);
    if (parked.sort().join() !== blocked.sort().join())
      this.#violation(`replay of ${partition} parks ${parked.join()} instead of ${blocked.join()}`);
    const timers = [...reader.state.timers].map(([id, { due }]) => `${id}=${due}`);
    const set = [...model.timers].map(([id, { due }]) => `${id}=${due}`);
    if (timers.sort().join() !== set.sort().join())
      this.#violation(
        `replay of ${partition} has timers ${timers.join()} instead of ${set.join()}`,
      );
  }

  #journaled(partition: number, record: RecordToSend, offset: number): void {
    const batch = this.journals[partition]?.append(record, offset, this.#in.nowMs()) ?? null;
    if (batch === null) return;
    try {
      this.models[partition]?.take(batch);
    } catch (error) {
      this.#violation(`batch ${batch.n} of task ${partition}: ${(error as Error).message}`);
    }
    for (const { id, request } of batch.effects)
      if (request !== null) this.#asked.set(id, partition);
    this.#plan(partition, batch);
  }

  #plan(task: number, { n, emits }: TrueBatch): void {
    for (const emit of emits)
      this.#outputOf(emit.topic, emit.partition, task).planned.push({ n, emit });
  }

  #published(topic: string, partition: number, record: RecordToSend, offset: number): void {
    this.#keep(topic, partition, record, offset);
    const origin = originOf(record.headers);
    if (origin === null) {
      if (this.#isForeign(topic)) return;
      return this.#violation(`${topic}/${partition} got a record without an origin`);
    }
    const output = this.#outputOf(topic, partition, origin.task);
    const place = output.planned.findIndex(
      ({ n, emit }) => n === origin.n && emit.index === origin.index,
    );
    const name = `${topic}/${partition} ${origin.task}/${origin.n}/${origin.index}`;
    if (place === -1) return this.#violation(`${name} is published, but no valid batch says so`);
    if (!isSame(record, (output.planned[place] as Planned).emit))
      return this.#violation(`${name} is published with other bytes than were journaled`);
    if (place < output.published) this.duplicates += 1;
    else if (place === output.published) output.published += 1;
    else this.#violation(`${name} is published before what comes before it`);
  }

  #keep(topic: string, partition: number, record: RecordToSend, offset: number): void {
    const where = `${topic}/${partition}`;
    let log = this.#logs.get(where);
    if (log === undefined) this.#logs.set(where, (log = new Map()));
    log.set(offset, { ...record, offset, leaderEpoch: 0, timestampMs: 0 });
  }

  #unhandled(where: string, record: FetchedRecord): string[] {
    const { topology, codec } = this.#in;
    const model = this.models[record.partition];
    const place = `${where}/${record.offset}`;
    if (!topology.sources.includes(record.topic)) return [];
    const { value, headers, topic } = record;
    if (topic === topology.control) {
      const { key: of, id } = codec.decode(value as Uint8Array).value as Command;
      return this.#handled.has(`control|${of}|${id}`) ? [] : [`command ${id} is not obeyed`];
    }
    const key = Buffer.from(record.key ?? []).toString();
    const isMisfit = key !== 'all' && this.#in.partitionOf(key) !== record.partition;
    if (value?.byteLength === 0 || isMisfit)
      return model?.deadLettered.has(place) === true ? [] : [`${place} is no dead letter`];
    const { envelope } = codec.decode(value as Uint8Array).value as EventRecord;
    const eventId = handledAs(envelope.event_id, headers[HEADER.redrivenFrom]);
    const only = topic === topology.redrive ? headers[HEADER.actor] : undefined;
    return (topology.consumers.get(envelope.event_type) ?? [])
      .filter(({ name }) => name === (only ?? name))
      .filter((actor) => !this.#handled.has(`${actor.name}|${key}|${eventId}`))
      .map((actor) => `${place} is not handled by ${actor.name}`);
  }

  #onHandled(actor: string, key: string, eventId: string): void {
    const id = `${actor}|${key}|${eventId}`;
    if (this.#handled.has(id)) throw new Error(`${eventId} is handled twice by ${actor}|${key}`);
    this.#handled.add(id);
  }

  #isForeign(topic: string): boolean {
    return !this.#in.topology.sinks.includes(topic) && !topic.startsWith('dlq.');
  }

  #outputOf(topic: string, partition: number, task: number): Output {
    const name = `${topic}/${partition} from ${task}`;
    let output = this.#outputs.get(name);
    if (output === undefined) this.#outputs.set(name, (output = { planned: [], published: 0 }));
    return output;
  }

  #violation(what: string): void {
    this.violations.push(what);
  }
}

function isSame(record: RecordToSend, emit: JournaledEmit): boolean {
  const bytes = (value: Uint8Array | null): string =>
    value === null ? 'null' : Buffer.from(value).toString('latin1');
  return (
    bytes(record.key) === bytes(emit.key) &&
    bytes(record.value) === bytes(emit.value) &&
    JSON.stringify(record.headers) === JSON.stringify(emit.headers)
  );
}
