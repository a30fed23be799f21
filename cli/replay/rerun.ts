import type { EffectResult } from '../../engine/actor.ts';
import type { Codec } from '../../engine/codec.ts';
import type { Batch, Input } from '../../engine/journal.ts';
import { Task } from '../../engine/task.ts';
import { effectKey, parkedKey, TaskState, timerKey } from '../../engine/task-state.ts';
import type { Topology } from '../../engine/topology.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { RecordSource } from '../log/record-source.ts';

export interface RerunOptions {
  readonly topology: Topology;
  readonly codec: Codec;
  readonly partition: number;
  readonly partitions: number;
  readonly records: RecordSource;
}

export interface RerunBatch {
  readonly batch: Batch;
  /** False: a record is gone, so the batch cannot be compared. */
  readonly isWhole: boolean;
}

/**
 * Runs today's handlers over the inputs of recorded batches, each batch from the state that the journal had before it:
 * a difference shows where it begins and does not spread.
 */
export class Rerun {
  readonly #options: RerunOptions;
  /** The task as the journal has it before the batch that comes next. */
  readonly state = new TaskState();
  #time = 0;

  constructor(options: RerunOptions) {
    this.#options = options;
  }

  /**
   * What today's code makes of the batch, as far as the log still holds the records that it handled. `state` is then as
   * today's code would leave it: call `heal` before the next batch.
   */
  async run(recorded: Batch, fuse: boolean): Promise<RerunBatch> {
    const task = this.#task(fuse);
    this.state.n = recorded.n - 1;
    let isWhole = true;
    for (const group of groupsOf(recorded.inputs)) {
      this.#time = group.head.time;
      this.#readReferences(group.all, recorded);
      if (!(await this.#take(task, group.head))) isWhole = false;
    }
    return { batch: task.seal(recorded.fence) ?? { ...recorded, ...NOTHING }, isWhole };
  }

  /** Takes over what the journal has after the batch, also where today's code left something else. */
  heal(after: TaskState, touched: readonly Batch[]): void {
    const { state } = this;
    state.n = after.n;
    state.time = after.time;
    for (const position of after.positions.values()) state.applyPosition(position);
    for (const mark of after.marks.values()) state.applyMark(mark);
    for (const batch of touched) {
      for (const { actor, key } of batch.states) this.#healState(after, actor, key);
      for (const { actor, key, id } of batch.effects) {
        const name = effectKey(actor, key, id);
        replace(state.effects, after.effects, name);
      }
      for (const { actor, key } of batch.parked)
        replace(state.parked, after.parked, parkedKey(actor, key));
      for (const { actor, key, name } of batch.timers)
        replace(state.timers, after.timers, timerKey(actor, key, name));
      for (const { key } of batch.seen_sets)
        state.seen.replace(key, [...(after.seen.get(key) ?? [])]);
      for (const seen of batch.seen) {
        const stands = after.seen.get(seen.key)?.has(seen.event_id) === true;
        if (stands) state.applySeen(seen);
        else state.seen.get(seen.key)?.delete(seen.event_id);
      }
      for (const { name, id } of referencesOf(batch)) this.#healReference(after, name, id);
    }
  }

  #task(fuse: boolean): Task {
    const { topology, codec, partition, partitions } = this.#options;
    return new Task({
      topology,
      codec,
      partition,
      state: this.state,
      fuse,
      clock: () => this.#time,
      partitionOf: (key) => partitionOf(key, partitions),
    });
  }

  async #take(task: Task, input: Input): Promise<boolean> {
    const { topic, partition, offset } = input;
    if (input.kind === 'effect') {
      const result = JSON.parse(input.data ?? '{}') as EffectResult;
      const id = effectKey(input.actor ?? '', input.key, result.id);
      const effect = this.state.effects.get(id);
      if (effect !== undefined) task.takeEffectResult(effect, result);
      return effect !== undefined;
    }
    if (input.kind === 'timer') {
      const { name } = JSON.parse(input.data ?? '{}') as { readonly name: string };
      return task.takeTimer(input.actor ?? '', input.key, name);
    }
    if (input.kind === 'retry') return task.takeRetry(input.actor ?? '', input.key);
    if (topic === null || partition === null || offset === null) return false;
    const record = await this.#options.records.at(topic, partition, offset);
    if (record === null) return false;
    task.take(record);
    return true;
  }

  /** Puts every reference at the version that the recorded handlers read. */
  #readReferences(inputs: readonly Input[], recorded: Batch): void {
    for (const { name, id, version } of inputs.flatMap((input) => input.references)) {
      const changed = recorded.references.find(
        (each) => each.name === name && each.id === id && each.version === version,
      );
      if (changed !== undefined) this.state.applyReference(changed);
      else if (version === null) this.state.references.get(name)?.delete(id);
    }
  }

  #healState(after: TaskState, actor: string, key: string): void {
    const stored = after.states.get(actor)?.get(key);
    const value = stored?.json ?? null;
    this.state.applyState({ actor, key, version: stored?.version ?? 0, value });
  }

  #healReference(after: TaskState, name: string, id: string): void {
    const found = after.references.get(name)?.get(id);
    const value = found === undefined ? null : JSON.stringify(found.value);
    this.state.applyReference({ name, id, version: found?.version ?? '', value });
  }
}

interface Group {
  readonly head: Input;
  readonly all: readonly Input[];
}

/** Inputs that one record or result brought about: the head, the same for other actors, and the chain. */
function groupsOf(inputs: readonly Input[]): readonly Group[] {
  const groups: { head: Input; all: Input[] }[] = [];
  for (const input of inputs) {
    const last = groups.at(-1);
    const same =
      input.kind === 'record' &&
      input.topic === last?.head.topic &&
      input.partition === last.head.partition &&
      input.offset === last.head.offset;
    if (last !== undefined && (input.kind === 'chain' || same)) last.all.push(input);
    else groups.push({ head: input, all: [input] });
  }
  return groups;
}

function referencesOf(batch: Batch): readonly { name: string; id: string }[] {
  return [...batch.references, ...batch.inputs.flatMap(({ references }) => references)];
}

function replace<Value>(
  into: Map<string, Value>,
  from: ReadonlyMap<string, Value>,
  key: string,
): void {
  const value = from.get(key);
  if (value === undefined) into.delete(key);
  else into.set(key, value);
}

const NOTHING = {
  inputs: [],
  positions: [],
  marks: [],
  states: [],
  emits: [],
  seen: [],
  timers: [],
  parked: [],
  effects: [],
  references: [],
  watermarks: [],
};
