import { HEADER } from '../../engine/event.ts';
import type { JournaledEmit } from '../../engine/journal.ts';
import { Task } from '../../engine/task.ts';
import { TaskState } from '../../engine/task-state.ts';
import { isRekeyed, type Topology } from '../../engine/topology.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { LogSession } from '../log/log-session.ts';
import { learn } from '../log/record-source.ts';
import type { ReplayedRecord } from './replayed-events.ts';

/** What a read model became. */
export interface RemadeModel {
  readonly topic: string;
  readonly key: string;
  /** Decoded; null: removed. */
  readonly value: unknown;
}

/** What the events of some correlations came to. */
export interface RemadePage {
  readonly models: readonly RemadeModel[];
  /** What they told other keys, for `tell`. */
  readonly told: readonly JournaledEmit[];
}

/** Read models that actors make of what they are told: they take every correlation. */
export function toldModels({ actors, events, readModels }: Topology): readonly string[] {
  const isTold = (type: string): boolean => isRekeyed(events.get(type)?.topic ?? '');
  const listeners = actors.filter(({ handles }) => Object.keys(handles).some(isTold));
  const topics = listeners.flatMap(({ emits }) => emits.filter((name) => readModels.has(name)));
  return [...new Set(topics)];
}

/**
 * Runs an application's handlers over events, in memory: nothing is journaled, published or performed. The last form of
 * each read model comes out.
 *
 * Order: the events of a correlation by time, then by sequence; what is told, as the pages come: whoever is told by many
 * correlations must come to the same in any order of them.
 * Limits: the states of one page in memory, and those of who was told. Effects are not performed, so what only their results
 * bring about is missing; so is what would answer to something told.
 */
export class Remaker {
  readonly #session: LogSession;
  readonly #topology: Topology;
  readonly #partitions: number;
  readonly #told = new Map<number, ReplayTask>();

  constructor(session: LogSession, topology: Topology, partitions: number) {
    this.#session = session;
    this.#topology = topology;
    this.#partitions = partitions;
  }

  /** The models of correlations all of whose events are given, from empty states. */
  async page(records: readonly ReplayedRecord[]): Promise<RemadePage> {
    const models = new Map<string, RemadeModel>();
    const told: JournaledEmit[] = [];
    for (const [partition, own] of Map.groupBy(records, (record) => record.partition)) {
      const task = this.#task(partition);
      for (const record of own.toSorted(byTime)) await task.take(record);
      const emits = task.end();
      told.push(...emits.filter(({ topic }) => isRekeyed(topic)));
      for (const model of this.#modelsOf(emits)) models.set(`${model.topic}|${model.key}`, model);
    }
    return { models: [...models.values()], told };
  }

  /** Hands over what was told; returns the models that changed, each in its form of now. */
  async tell(told: readonly JournaledEmit[]): Promise<readonly RemadeModel[]> {
    const models = new Map<string, RemadeModel>();
    for (const [partition, own] of Map.groupBy(told, (emit) => emit.partition)) {
      const task = this.#told.get(partition) ?? this.#task(partition);
      this.#told.set(partition, task);
      for (const { topic, key, value, headers } of own) {
        // Each page counts its batches anew: known by its id, not by its place.
        const { [HEADER.origin]: _origin, ...rest } = headers;
        await task.take({ topic, partition, key, value, headers: rest, timestampMs: 0 });
      }
      for (const model of this.#modelsOf(task.end()))
        models.set(`${model.topic}|${model.key}`, model);
    }
    return [...models.values()];
  }

  #task(partition: number): ReplayTask {
    const { codec } = this.#session;
    const [topology, partitions] = [this.#topology, this.#partitions];
    return new ReplayTask({ codec, topology, partition, partitions });
  }

  #modelsOf(emits: readonly JournaledEmit[]): readonly RemadeModel[] {
    return emits
      .filter(({ topic }) => this.#topology.readModels.has(topic))
      .map(({ topic, key, value }) => ({
        topic,
        key: Buffer.from(key ?? []).toString('utf8'),
        value: value === null ? null : this.#session.codec.decode(value).value,
      }));
  }
}

type TakenRecord = Pick<
  ReplayedRecord,
  'topic' | 'partition' | 'key' | 'value' | 'headers' | 'timestampMs'
>;

/** One task whose clock is that of its records, and what it emits. */
class ReplayTask {
  readonly #codec: LogSession['codec'];
  readonly #task: Task;
  readonly #offsets = new Map<string, number>();
  #emits: JournaledEmit[] = [];
  #now = 0;

  constructor(of: {
    readonly codec: LogSession['codec'];
    readonly topology: Topology;
    readonly partition: number;
    readonly partitions: number;
  }) {
    const { codec, topology, partition, partitions } = of;
    this.#codec = codec;
    this.#task = new Task({
      topology,
      codec,
      partition,
      state: new TaskState(),
      fuse: topology.deployment === 'fused',
      clock: () => this.#now,
      partitionOf: (key) => partitionOf(key, partitions),
    });
  }

  async take(record: TakenRecord): Promise<void> {
    await learn(this.#codec, record.value);
    this.#now = record.timestampMs * 1000;
    // By time, a topic's records may change places; offsets here only say how many came before.
    const offset = this.#offsets.get(record.topic) ?? 0;
    this.#offsets.set(record.topic, offset + 1);
    this.#task.take({ ...record, topicId: '', leaderEpoch: 0, offset });
    if (this.#task.isFull) this.#seal();
  }

  /** What was emitted since the last call. */
  end(): readonly JournaledEmit[] {
    this.#seal();
    const emits = this.#emits;
    this.#emits = [];
    return emits;
  }

  #seal(): void {
    this.#emits.push(...(this.#task.seal(0)?.emits ?? []));
  }
}

function byTime(one: ReplayedRecord, other: ReplayedRecord): number {
  return one.timestampMs - other.timestampMs || (one.sequence ?? 0) - (other.sequence ?? 0);
}
