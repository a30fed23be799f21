import { HEADER } from '../engine/event.ts';
import type { Watermark } from '../engine/journal.ts';
import { originOf } from '../engine/origin.ts';
import { type SourceClass, SourceQueue } from '../engine/source-queue.ts';
import type { SourceRecord, Task } from '../engine/task.ts';
import type { TaskState } from '../engine/task-state.ts';
import { isRekeyed, type Topology } from '../engine/topology.ts';
import type { FetchedRecord } from './client.ts';
import { DrainEnds } from './drain-ends.ts';
import { SHELL_LIMITS } from './limits.ts';
import { RecordGate } from './record-gate.ts';
import { ReferenceEnds } from './reference-ends.ts';
import type { Pace, SourceSubscriber } from './source-fetcher.ts';
import { lookAgain, openSources } from './source-positions.ts';
import type { TaskSurroundings } from './task-runner.ts';
import type { TermMode } from './term-options.ts';

export interface SourceIntakeOptions {
  readonly surroundings: TaskSurroundings;
  readonly partition: number;
  readonly mode: TermMode;
  /** There is something new to look at. */
  readonly onNews: () => void;
  /** The sources are not what they were; the term ends with it. */
  readonly onLost: (error: Error) => void;
}

/** Classes that are fetched apart from the rest. */
const URGENT: ReadonlySet<SourceClass> = new Set(['critical', 'high']);

/**
 * What a term reads: its sources from their positions on, in the order of their logs and classes, bounded.
 *
 * Limits: SHELL_LIMITS.queueRecords and queueBytes per class.
 */
export class SourceIntake implements SourceSubscriber {
  readonly #in: TaskSurroundings;
  readonly #options: SourceIntakeOptions;
  readonly #queue: SourceQueue<SourceRecord>;
  readonly #gate: RecordGate;
  readonly #drainEnds = new DrainEnds();
  readonly #referenceEnds = new ReferenceEnds();
  /** Source topic (physical) → offset of the next fetch. */
  readonly #reached = new Map<string, number>();
  #topicIds: ReadonlyMap<string, string> = new Map();
  /** When what waits was fetched; only where somebody asks. */
  readonly #fetchedAt = new WeakMap<SourceRecord, number>();
  /** Source topic (physical) of pace `echo` → when it last brought what was not handled in the chain that wrote it. */
  readonly #othersAt = new Map<string, number>();
  #isClosed = false;

  constructor(options: SourceIntakeOptions) {
    const { surroundings, partition, mode } = options;
    this.#options = options;
    this.#in = surroundings;
    const { topology, log } = surroundings;
    this.#queue = new SourceQueue((topic) => classOf(topology, topic), {
      records: SHELL_LIMITS.queueRecords,
      bytes: SHELL_LIMITS.queueBytes,
    });
    this.#gate = new RecordGate({
      ...{ queue: this.#queue, application: topology.application, partition },
      ...{ canPause: mode !== 'drain', isBehind: () => this.isBehind, log },
    });
  }

  /** Records that wait in memory. */
  get size(): number {
    return this.#queue.size;
  }

  get hasNext(): boolean {
    return this.#gate.hasNext;
  }

  /** Why no records are taken (J8a); null: they are. */
  get pausedBy(): string | null {
    return this.#gate.reason;
  }

  /** Whether reference data that was there when the sources were opened has not been taken yet. */
  get isBehind(): boolean {
    return this.#referenceEnds.missing.length > 0;
  }

  get offsets(): ReadonlyMap<string, number> {
    return this.#reached;
  }

  get isDrained(): boolean {
    return this.#options.mode === 'drain' && this.#drainEnds.areReached;
  }

  /** Begins where the state's positions stand. Returns watermarks of outputs that the state does not know yet. */
  async open(state: TaskState): Promise<readonly Watermark[]> {
    const { topology, names, fetcher } = this.#in;
    const { partition, mode } = this.#options;
    const opened = await openSources(this.#in, partition, state);
    this.#topicIds = opened.topicIds;
    for (const [topic, offset] of opened.offsets) {
      const physical = names.physical(topic);
      this.#reached.set(physical, offset);
      if (mode === 'drain') {
        if (!isInternal(topology, topic)) continue;
        this.#drainEnds.start(topic, offset, await this.#endOf(physical));
      } else if (topology.lossySources.has(topic)) {
        this.#referenceEnds.start(topic, offset, await this.#endOf(physical));
      }
      fetcher.open(physical, partition, offset, this);
    }
    return opened.watermarks;
  }

  async #endOf(physical: string): Promise<number> {
    const bounds = await this.#in.admin.offsets(physical);
    return bounds[this.#options.partition]?.end ?? 0;
  }

  /** An emit of this task has come to stand below `offset`; a drain waits for it. */
  noteOwn({ topic, offset }: Watermark): void {
    const again = this.#drainEnds.raise(topic, offset);
    if (again === null) return;
    this.#in.fetcher.open(this.#in.names.physical(topic), this.#options.partition, again, this);
  }

  /** The next record that the task can take. Fetching goes on when there is room again: `resumeIfRoom`. */
  next(task: Task): SourceRecord | undefined {
    const record = this.#gate.next(task);
    // Where nothing of it waits, all that was fetched has been taken, and what is gone cannot be.
    if (record === undefined) this.#noteReferences();
    else this.#tellReceived(record);
    return record;
  }

  #tellReceived(record: SourceRecord): void {
    const fetchedAt = this.#fetchedAt.get(record);
    if (fetchedAt === undefined) return;
    this.#in.observer.received?.(record, (performance.now() - fetchedAt) / 1000);
  }

  #noteReferences(): void {
    for (const topic of this.#referenceEnds.missing)
      this.#referenceEnds.taken(topic, this.#reached.get(this.#in.names.physical(topic)) ?? 0);
  }

  /** Sources whose class is full: of them nothing more is fetched. */
  get fullTopics(): readonly string[] {
    return this.#in.topology.sources.filter((topic) => this.#queue.isFull(topic));
  }

  /** Has those fetched again that were full and are so no more. */
  resume(full: readonly string[]): void {
    if (full.some((topic) => !this.#queue.isFull(topic))) this.#in.fetcher.resume();
  }

  /** Takes nothing more in, and forgets what it has. */
  stop(): void {
    this.#isClosed = true;
    this.#gate.clear();
  }

  close(): void {
    const { topology, fetcher, names } = this.#in;
    for (const topic of topology.sources)
      fetcher.close(names.physical(topic), this.#options.partition, this);
  }

  deliver(topic: string, topicId: string, records: readonly FetchedRecord[]): void {
    if (this.#isClosed) return;
    const { mode, onLost, onNews } = this.#options;
    const logical = this.#in.names.logical(topic);
    if (topicId !== this.#topicIds.get(logical)) return onLost(lookAgain(topic));
    for (const record of records)
      if (mode !== 'drain' || this.#drainEnds.takes(logical, record.offset))
        this.#push({ ...record, topic: logical, topicId });
    if (this.paceOf(topic) === 'echo' && !records.every((record) => this.#isEcho(record)))
      this.#othersAt.set(topic, performance.now());
    onNews();
  }

  #isEcho({ headers }: FetchedRecord): boolean {
    if (!headers[HEADER.fused]) return false;
    const origin = originOf(headers);
    const { application } = this.#in.topology;
    return origin?.application === application && origin.task === this.#options.partition;
  }

  #push(record: SourceRecord): void {
    this.#queue.push(record);
    if (this.#in.observer.received !== undefined) this.#fetchedAt.set(record, performance.now());
  }

  isFull(topic: string): boolean {
    return this.#queue.isFull(this.#in.names.logical(topic));
  }

  paceOf(topic: string): Pace {
    const { topology, names } = this.#in;
    const logical = names.logical(topic);
    if (URGENT.has(classOf(topology, logical))) return 'urgent';
    const isFused = this.#options.mode !== 'drain' && topology.deployment === 'fused';
    return isFused && isInternal(topology, logical) ? 'echo' : 'usual';
  }

  hearsOthers(topic: string): boolean {
    const at = this.#othersAt.get(topic);
    return at !== undefined && performance.now() - at < SHELL_LIMITS.othersMs;
  }

  reached(topic: string, offset: number, end: number): void {
    const { partition, mode, onNews } = this.#options;
    this.#reached.set(topic, offset);
    const logical = this.#in.names.logical(topic);
    this.#in.observer.lag(logical, partition, Math.max(0, end - offset));
    if (this.isBehind) onNews();
    if (mode !== 'drain') return;
    this.#drainEnds.reach(logical, offset);
    onNews();
  }

  outOfRange(topic: string, offset: number, logStart: number): number | null {
    const logical = this.#in.names.logical(topic);
    if (this.#in.topology.lossySources.has(logical) && logStart > offset) return logStart;
    // The next term compares topic ids and bounds, and stops with what really happened (J4).
    this.#options.onLost(lookAgain(topic));
    return null;
  }
}

/** Whether what the topology emits there comes back to it. What is told is never fused, so nothing of it has to be drained. */
function isInternal(topology: Topology, topic: string): boolean {
  return topology.sinks.includes(topic) && !isRekeyed(topic);
}

function classOf({ control, lossySources, priorityOf }: Topology, topic: string): SourceClass {
  if (topic === control) return 'control';
  return lossySources.has(topic) ? 'reference' : priorityOf(topic);
}
