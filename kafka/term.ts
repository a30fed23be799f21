import type { EngineError } from '../engine/errors.ts';
import type { Micros } from '../engine/event.ts';
import type { Anchor, Batch, Fence, Position, Watermark } from '../engine/journal.ts';
import type { JournalReader } from '../engine/journal-reader.ts';
import type { SourceRecord, Task } from '../engine/task.ts';
import { SourceQueue } from '../engine/source-queue.ts';
import type { StateStore } from '../engine/state-store.ts';
import { checkJournal } from './check-journal.ts';
import { isRekeyed } from '../engine/topology.ts';
import type { FetchedRecord } from './client.ts';
import { EffectRunner, type Settled } from './effect-runner.ts';
import { type Appended, JournalCleaner } from './journal-cleaner.ts';
import { JournalLog } from './journal-log.ts';
import { learnSchema } from './learn-schema.ts';
import { SHELL_LIMITS } from './limits.ts';
import { Publisher } from './publisher.ts';
import {
  emitsToRepublish,
  keepConfirmed,
  type RestoredTask,
  type RestoreOptions,
  restoreOptions,
  restoreTask,
} from './restore.ts';
import type { SourceSubscriber } from './source-fetcher.ts';
import { lookAgain, openSources } from './source-positions.ts';
import { newTask } from './new-task.ts';
import type { TaskStatus, TaskSurroundings } from './task-runner.ts';
import type { TaskProgress } from './watchdog.ts';
import type { TermMode, TermOptions } from './term-options.ts';
import { SteadyClock } from './steady-clock.ts';
import { DrainEnds } from './drain-ends.ts';
import { pause, Wake } from './wait.ts';

/**
 * One owner's time with a task: fence, restore, publish again, then one batch after another.
 *
 * Order of a batch: handled, appended, confirmed; only then its emits are published, its effects performed and
 * its positions told to the group (J1). The next batch is handled and appended while this one is published.
 */
export class Term implements SourceSubscriber {
  readonly #in: TaskSurroundings;
  readonly #partition: number;
  readonly #fence: Fence;
  readonly #mode: TermMode;
  readonly #store: StateStore | null;
  readonly #ended = new AbortController();
  readonly #drainEnds = new DrainEnds();
  readonly #wake = new Wake();
  readonly #confirmed = new Map<string, Position>();
  readonly #journal: JournalLog;
  readonly #publisher: Publisher;
  readonly #effects: EffectRunner;
  readonly #results: Settled[] = [];
  #topicIds: ReadonlyMap<string, string> = new Map();
  readonly #queue: SourceQueue<SourceRecord>;
  /** Source topic (physical) → offset of the next fetch. */
  readonly #reached = new Map<string, number>();
  /** Counts what was taken and acknowledged: progress that no offset shows. */
  #moves = 0;
  #waitsFor: string | null = null;
  #failure: unknown = null;
  #draining = false;
  #idle = false;
  #task: Task | null = null;
  #own: RestoredTask | null = null;
  #steady: SteadyClock | null = null;
  #cleaner: JournalCleaner | null = null;
  #fenceOffset = -1;
  #refreshedAt = performance.now();
  #restored = 0;
  status: TaskStatus = 'starting';

  /** `store` holds what this task's journal held some time ago, or nothing; null: everything stands in memory. */
  constructor(surroundings: TaskSurroundings, { partition, fence, mode, store }: TermOptions) {
    this.#mode = mode;
    this.#store = store;
    this.#in = surroundings;
    this.#partition = partition;
    this.#fence = fence;
    const { signal } = this.#ended;
    const { observer, codec, topology, names } = surroundings;
    this.#queue = new SourceQueue(topology.priorityOf, {
      records: SHELL_LIMITS.queueRecords,
      bytes: SHELL_LIMITS.queueBytes,
    });
    this.#journal = new JournalLog({
      producer: surroundings.journalProducer,
      reader: surroundings.reader,
      codec,
      logicalTopic: topology.journal,
      topic: names.physical(topology.journal),
      partition,
      signal,
      onVoid: (count) => observer.voidBatches(count),
    });
    this.#publisher = new Publisher({
      producer: surroundings.publishProducer,
      names,
      signal,
      onWatermark: (watermark) => {
        this.#moves += 1;
        this.#task?.noteWatermark(watermark);
        if (watermark.partition === partition) this.#raiseDrainEnd(watermark);
        this.#wake.signal();
      },
      onRefused: (error) => this.#end(error),
      onRepublished: (count) => observer.republished(count),
      onPublished: (seconds) => observer.published(seconds),
    });
    this.#effects = new EffectRunner({
      performers: surroundings.performers,
      concurrency: surroundings.effectConcurrency,
      circuits: surroundings.circuits,
      signal,
      clock: () => this.#clock(),
      onPerformed: ({ request }, outcome, seconds) =>
        observer.effectPerformed?.(request.name, outcome, seconds),
      onResult: (effect, result) => {
        this.#results.push({ effect, result });
        this.#wake.signal();
      },
    });
  }

  /** Whether a term in mode `drain` has done what it was for. */
  get isDrained(): boolean {
    return this.#mode === 'drain' && this.#drainEnds.areReached && this.#publisher.waiting === 0;
  }

  get confirmedPositions(): readonly Position[] {
    return [...this.#confirmed.values()];
  }

  /** For the watchdog. */
  get progress(): TaskProgress {
    const queue = this.#queue.size;
    const publishing = this.#publisher.waiting;
    const results = this.#results.length;
    const n = this.#task?.state.n ?? 0;
    const positions = [...this.#reached].map(([topic, offset]) => `${topic}@${offset}`);
    const { status } = this;
    return {
      mark: [status, n, this.#moves, this.#restored, publishing, ...positions].join(),
      // What is not running yet has its journal to read.
      backlog: queue + results + publishing + (status === 'running' ? 0 : 1),
      reached: this.#reached,
      waitsFor: this.#knownWait,
      dump: { status, n, queue, publishing, results, positions, effects: this.#effects.isFull },
    };
  }

  get #knownWait(): string | null {
    if (this.#waitsFor !== null) return this.#waitsFor;
    if (this.#publisher.isRetrying) return 'the broker to take what is published';
    if (this.#effects.isFull) return 'effects';
    return this.#draining ? 'its end' : null;
  }

  /** Ends the term from outside; what it returns is this. */
  readonly fail = (reason: EngineError): void => this.#end(reason);

  /** Runs until the signal fires or something ends the term; resolves with what ended it, null if the signal. */
  async run(signal: AbortSignal): Promise<unknown> {
    const stop = (): void => this.#end(null);
    signal.addEventListener('abort', stop, { once: true });
    try {
      if (!signal.aborted) await this.#begin();
      while (!this.#ended.signal.aborted && !(this.#isIdle && this.isDrained)) await this.#step();
      this.#end(null);
    } catch (error) {
      this.#end(error);
    } finally {
      signal.removeEventListener('abort', stop);
      for (const topic of this.#in.topology.sources)
        this.#in.fetcher.close(this.#in.names.physical(topic), this.#partition, this);
      // A request still under way could land behind what the next term publishes again.
      await this.#publisher.ended();
      // The next owner's effects of a key must not run beside ours.
      await this.#effects.ended();
      await this.#cleaner?.ended();
      await this.#own?.keeper?.idle();
      this.status = 'stopped';
    }
    return this.#failure;
  }

  /** Takes no more input; resolves when everything handled is confirmed and published. */
  async drain(): Promise<void> {
    if (this.status !== 'running') return;
    this.#draining = true;
    this.#queue.clear();
    this.#wake.signal();
    while (!this.#idle && !this.#ended.signal.aborted) await pause(5, this.#ended.signal);
    await this.#publisher.drained();
  }

  deliver(topic: string, topicId: string, records: readonly FetchedRecord[]): void {
    if (this.#draining) return;
    const logical = this.#in.names.logical(topic);
    if (topicId !== this.#topicIds.get(logical)) return this.#end(lookAgain(topic));
    for (const record of records)
      if (this.#mode !== 'drain' || this.#drainEnds.takes(logical, record.offset))
        this.#queue.push({ ...record, topic: logical, topicId });
    this.#wake.signal();
  }

  isFull(topic: string): boolean {
    return this.#queue.isFull(this.#in.names.logical(topic));
  }

  reached(topic: string, offset: number, end: number): void {
    this.#reached.set(topic, offset);
    const logical = this.#in.names.logical(topic);
    this.#in.observer.lag(logical, this.#partition, Math.max(0, end - offset));
    if (this.#mode !== 'drain') return;
    this.#drainEnds.reach(logical, offset);
    this.#wake.signal();
  }

  outOfRange(topic: string, offset: number, logStart: number): number | null {
    const logical = this.#in.names.logical(topic);
    if (this.#in.topology.lossySources.has(logical) && logStart > offset) return logStart;
    // The next term compares topic ids and bounds, and stops with what really happened (J4).
    this.#end(lookAgain(topic));
    return null;
  }

  async #begin(): Promise<void> {
    this.status = 'restoring';
    const { observer } = this.#in;
    await this.#in.checkDeployment();
    const fence = await this.#journal.appendFence(this.#fence);
    this.#fenceOffset = fence;
    const restore: RestoreOptions = restoreOptions(this.#in, {
      partition: this.#partition,
      journal: this.#journal,
      signal: this.#ended.signal,
      store: this.#store,
      onStoreFailed: (error) => this.#end(error),
      onProgress: (ratio) => (this.#restored = ratio),
    });
    this.#own = await restoreTask(restore, fence, this.#fence);
    const { journal } = this.#own;
    checkJournal(journal, this.#in.topology, this.#fence, this.#mode);
    if (journal.voidBatches > 0) observer.voidBatches(journal.voidBatches);
    const republish = await emitsToRepublish(restore, journal);
    this.#task = newTask(this.#in, {
      partition: this.#partition,
      state: journal.state,
      isDraining: this.#mode === 'drain',
      clock: () => this.#clock(),
    });
    for (const [, emits] of republish) {
      observer.republished(emits.length);
      for (const { n, emit } of emits) this.#publisher.enqueue(n, [emit]);
    }
    for (const position of journal.state.positions.values())
      this.#confirmed.set(position.topic, position);
    if (this.#mode !== 'drain') this.#effects.start(journal.state.effects.values());
    // What is published again has to come back too, so it must stand before the ends are looked up.
    else await this.#publisher.drained();
    await this.#openSources(journal);
    if (this.#mode !== 'drain') this.#cleaner = this.#newCleaner(this.#own);
    observer.parkedKeys(this.#partition, journal.state.parked.size);
    this.status = 'running';
  }

  async #openSources(journal: JournalReader): Promise<void> {
    const { topology, names, fetcher, admin } = this.#in;
    const opened = await openSources(this.#in, this.#partition, journal.state);
    this.#topicIds = opened.topicIds;
    for (const watermark of opened.watermarks) this.#task?.noteWatermark(watermark);
    // What is told is never fused, so nothing of it has to be drained.
    const isInternal = (topic: string): boolean =>
      topology.sinks.includes(topic) && !isRekeyed(topic);
    for (const [topic, offset] of opened.offsets) {
      const physical = names.physical(topic);
      this.#reached.set(physical, offset);
      if (this.#mode === 'drain') {
        if (!isInternal(topic)) continue;
        const end = (await admin.offsets(physical))[this.#partition]?.end ?? 0;
        this.#drainEnds.start(topic, offset, end);
      }
      fetcher.open(physical, this.#partition, offset, this);
    }
  }

  #newCleaner(own: RestoredTask): JournalCleaner {
    return new JournalCleaner({
      surroundings: this.#in,
      ...{ own, partition: this.#partition, store: this.#store },
      fence: { offset: this.#fenceOffset, record: this.#fence },
      clock: () => this.#clock(),
      append: (entry) => this.#appendAgain(own, entry),
    });
  }

  async #appendAgain(own: RestoredTask, entry: Anchor | Batch): Promise<Appended> {
    const taken = own.journal.state.takeChanges();
    const offset = await this.#journal.append(entry);
    keepConfirmed(own, this.#fence, { batch: { emits: [], ...entry }, offset, taken });
    return { offset, bytes: this.#journal.lastBytes };
  }

  #clock(): Micros {
    this.#steady ??= new SteadyClock(this.#in.clock, this.#own?.journal.state.time ?? 0);
    return this.#steady.now();
  }

  #raiseDrainEnd({ topic, offset }: Watermark): void {
    const again = this.#drainEnds.raise(topic, offset);
    if (again === null) return;
    this.#in.fetcher.open(this.#in.names.physical(topic), this.#partition, again, this);
  }

  get #isIdle(): boolean {
    return this.#queue.size === 0 && this.#results.length === 0;
  }

  #isRefreshDue(): boolean {
    if (performance.now() - this.#refreshedAt < SHELL_LIMITS.watermarkRefreshMs) return false;
    this.#refreshedAt = performance.now();
    return true;
  }

  get #hasWork(): boolean {
    if (this.#results.length > 0) return true;
    if (this.#cleaner?.hasWork === true && !this.#draining) return true;
    return !this.#effects.isFull && (this.#queue.size > 0 || this.#dueInMs() <= 0);
  }

  /** Milliseconds until a timer, or a blocked key that is tried again, is due. */
  #dueInMs(): number {
    const due = this.#mode === 'drain' || this.#draining ? null : (this.#task?.nextDue ?? null);
    return due === null ? Number.POSITIVE_INFINITY : (due - this.#clock()) / 1000;
  }

  async #step(): Promise<void> {
    const task = this.#task as Task;
    if (!this.#hasWork) {
      this.#idle = true;
      await this.#wake.wait(Math.min(SHELL_LIMITS.watermarkRefreshMs, this.#dueInMs()));
      this.#idle = false;
      if (this.#ended.signal.aborted) return;
    }
    await this.#publisher.room();
    await this.#own?.keeper?.room(this.#ended.signal);
    if (!this.#effects.isFull && this.#mode !== 'drain') this.#moves += task.takeDue();
    while (this.#results.length > 0 && !task.isFull) {
      const { effect, result } = this.#results.shift() as Settled;
      task.takeEffectResult(effect, result);
    }
    if (!this.#effects.isFull) await this.#takeRecords(task);
    const batch = task.seal(this.#fenceOffset, this.#isRefreshDue());
    if (batch !== null && !this.#ended.signal.aborted) await this.#append(task, batch);
    if (!this.#ended.signal.aborted && !this.#draining) await this.#cleaner?.step();
  }

  async #takeRecords(task: Task): Promise<void> {
    const { codec, fetcher, topology, log } = this.#in;
    const full = topology.sources.filter((topic) => this.#queue.isFull(topic));
    while (!task.isFull) {
      const record = this.#queue.take();
      if (record === undefined) break;
      if (record.value !== null && !codec.knows(record.value)) {
        this.#waitsFor = 'the schema registry';
        await learnSchema({ codec, log, signal: this.#ended.signal }, record.value);
        this.#waitsFor = null;
      }
      if (this.#ended.signal.aborted || this.#draining) return;
      task.take(record);
      this.#moves += 1;
    }
    if (full.some((topic) => !this.#queue.isFull(topic))) fetcher.resume();
  }

  async #append(task: Task, batch: Batch): Promise<void> {
    const startedAt = performance.now();
    const taken = task.state.takeChanges();
    const offset = await this.#journal.append(batch);
    keepConfirmed(this.#own as RestoredTask, this.#fence, { batch, offset, taken });
    this.#cleaner?.noteAppended(this.#journal.lastBytes);
    this.#in.observer.appended(batch, (performance.now() - startedAt) / 1000);
    for (const position of batch.positions) this.#confirmed.set(position.topic, position);
    if (batch.parked.length > 0)
      this.#in.observer.parkedKeys(this.#partition, task.state.parked.size);
    this.#publisher.enqueue(batch.n, batch.emits);
    if (this.#mode !== 'drain') this.#effects.confirmed(batch.effects, task.state.effects);
  }

  #end(error: unknown): void {
    if (this.#ended.signal.aborted) return;
    this.#failure = error;
    this.#ended.abort();
    this.#wake.signal();
  }
}
