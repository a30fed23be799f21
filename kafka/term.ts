import type { EngineError } from '../engine/errors.ts';
import type { Micros } from '../engine/event.ts';
import type { Anchor, Batch, Fence, Position } from '../engine/journal.ts';
import type { Task } from '../engine/task.ts';
import type { StoredState, TaskState } from '../engine/task-state.ts';
import type { StateStore } from '../engine/state-store.ts';
import { checkJournal } from './check-journal.ts';
import { EffectRunner, type Settled } from './effect-runner.ts';
import { type Appended, JournalCleaner } from './journal-cleaner.ts';
import { refuseShorterJournal, unlessFenced } from './journal-evidence.ts';
import { JournalLog } from './journal-log.ts';
import { learnSchema } from './learn-schema.ts';
import { SHELL_LIMITS } from './limits.ts';
import { Publisher } from './publisher.ts';
import { emitsToRepublish } from './republish.ts';
import {
  keepConfirmed,
  type RestoredTask,
  type RestoreOptions,
  restoreOptions,
  restoreTask,
} from './restore.ts';
import { newTask } from './new-task.ts';
import { ReadModelHealer } from './read-model-healer.ts';
import { SourceIntake } from './source-intake.ts';
import type { TaskStatus, TaskSurroundings } from './task-runner.ts';
import type { TaskProgress } from './watchdog.ts';
import type { TermMode, TermOptions } from './term-options.ts';
import { SteadyClock } from './steady-clock.ts';
import { pause, Wake } from './wait.ts';
import { waitingStates } from './waiting-states.ts';

/**
 * One owner's time with a task: fence, restore, publish again, then one batch after another.
 *
 * Order of a batch: handled, appended, confirmed; only then its emits are published, its effects performed and
 * its positions told to the group (J1). The next batch is handled and appended while this one is published.
 */
export class Term {
  readonly #in: TaskSurroundings;
  readonly #partition: number;
  readonly #fence: Fence;
  readonly #mode: TermMode;
  readonly #store: StateStore | null;
  readonly #ended = new AbortController();
  readonly #wake = new Wake();
  readonly #confirmed = new Map<string, Position>();
  readonly #journal: JournalLog;
  readonly #publisher: Publisher;
  readonly #effects: EffectRunner;
  readonly #results: Settled[] = [];
  readonly #sources: SourceIntake;
  /** Counts what was taken and acknowledged: progress that no offset shows. */
  #moves = 0;
  #waitsFor: string | null = null;
  /** An effect waits for an append to say that the task is still this term's (J5c), or the store for what rides along (J9a). */
  #isUnsure = false;
  #failure: unknown = null;
  #draining = false;
  #idle = false;
  #task: Task | null = null;
  #own: RestoredTask | null = null;
  #steady: SteadyClock | null = null;
  #cleaner: JournalCleaner | null = null;
  #healer: ReadModelHealer | null = null;
  #fenceOffset = -1;
  #refreshedAt = performance.now();
  #restored = 0;
  status: TaskStatus = 'starting';

  /** `store` holds what this task's journal held some time ago, or nothing; null: everything stands in memory. */
  constructor(surroundings: TaskSurroundings, options: TermOptions) {
    const { partition, fence, mode, store, known } = options;
    this.#mode = mode;
    this.#store = store;
    this.#in = surroundings;
    this.#partition = partition;
    this.#fence = fence;
    const { signal } = this.#ended;
    const { observer, codec, topology, names } = surroundings;
    this.#sources = new SourceIntake({
      ...{ surroundings, partition, mode },
      onNews: () => this.#wake.signal(),
      onLost: (error) => this.#end(error),
    });
    this.#journal = new JournalLog({
      producer: surroundings.journalProducers.of(partition),
      reader: surroundings.reader,
      codec,
      logicalTopic: topology.journal,
      topic: names.physical(topology.journal),
      ...{ partition, signal, known },
      onVoid: (count) => observer.voidBatches(count),
    });
    this.#publisher = new Publisher({
      producer: surroundings.publishProducers.of(partition),
      names,
      signal,
      onWatermark: (watermark) => {
        this.#moves += 1;
        this.#task?.noteWatermark(watermark);
        if (watermark.partition === partition) this.#sources.noteOwn(watermark);
        this.#wake.signal();
      },
      onRefused: (error) => this.#end(error),
      onRepublished: (count) => observer.republished(count),
      onPublished: (seconds, emits) => observer.published(seconds, emits),
    });
    this.#effects = new EffectRunner({
      performers: surroundings.performers,
      concurrency: surroundings.effectConcurrency,
      circuits: surroundings.circuits,
      signal,
      clock: () => this.#clock(),
      // A heartbeat may be a third of the session older than the append that proved ownership (J5c).
      isOwner: () => this.#journal.confirmedAgeMs <= surroundings.sessionTimeoutMs / 2,
      onUnsure: () => {
        this.#isUnsure = true;
        this.#wake.signal();
      },
      onPerformed: (effect, outcome, seconds) =>
        observer.effectPerformed?.(effect.request.name, outcome, seconds, effect),
      onResult: (effect, result) => {
        this.#results.push({ effect, result });
        this.#wake.signal();
      },
    });
  }

  /** Whether a term in mode `drain` has done what it was for. */
  get isDrained(): boolean {
    return this.#sources.isDrained && this.#publisher.waiting === 0;
  }

  /** Why no records are taken (J8a); null: they are. */
  get pausedBy(): string | null {
    return this.#sources.pausedBy;
  }

  /** As its task knows it now: name → id → value. */
  get references(): TaskState['references'] {
    return this.#task?.state.references ?? new Map();
  }

  /** Keys of an actor that wait for an effect or a timer, with their states. */
  waiting(actor: string): ReadonlyMap<string, StoredState> {
    return waitingStates(this.#task?.state, actor);
  }

  get confirmedPositions(): readonly Position[] {
    return [...this.#confirmed.values()];
  }

  /** For the watchdog. */
  get progress(): TaskProgress {
    const queue = this.#sources.size;
    const publishing = this.#publisher.waiting;
    const results = this.#results.length;
    const n = this.#task?.state.n ?? 0;
    const positions = [...this.#sources.offsets].map(([topic, offset]) => `${topic}@${offset}`);
    const { status } = this;
    return {
      mark: [status, n, this.#moves, this.#restored, publishing, ...positions].join(),
      // What is not running yet has its journal to read.
      backlog: queue + results + publishing + (status === 'running' ? 0 : 1),
      reached: this.#sources.offsets,
      waitsFor: this.#knownWait,
      dump: { status, n, queue, publishing, results, positions, effects: this.#isFull },
    };
  }

  get #knownWait(): string | null {
    const known = this.#waitsFor ?? this.pausedBy;
    if (known !== null) return known;
    if (this.#publisher.isRetrying) return 'the broker to take what is published';
    if (this.#isFull) return 'effects';
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
      // What reads reference data waits for what of it was there already.
      while (!this.#ended.signal.aborted && this.#sources.isBehind) await this.#step();
      if (!this.#ended.signal.aborted) this.status = 'running';
      while (!this.#ended.signal.aborted && !(this.#isIdle && this.isDrained)) await this.#step();
      this.#end(null);
    } catch (error) {
      this.#end(error);
    } finally {
      signal.removeEventListener('abort', stop);
      this.#sources.close();
      // A request still under way could land behind what the next term publishes again.
      await this.#publisher.ended();
      // The next owner's effects of a key must not run beside ours.
      await this.#effects.ended();
      await this.#cleaner?.ended();
      await this.#healer?.ended();
      await this.#own?.keeper?.idle();
      this.status = 'stopped';
    }
    return this.#failure;
  }

  /** Takes no more input; resolves when what it handled is published, and the journal says so: no tail is left to read (J5). */
  async drain(): Promise<void> {
    if (this.status !== 'running') return;
    this.#draining = true;
    this.#sources.stop();
    await this.#finished();
    // A term that did nothing leaves nothing of it in the journal (J6).
    if (this.#moves === 0) return;
    this.#refreshedAt = Number.NEGATIVE_INFINITY;
    await this.#finished();
  }

  /** Once more without work, and all is published. */
  async #finished(): Promise<void> {
    this.#idle = false;
    this.#wake.signal();
    for (const { signal } = this.#ended; !this.#idle && !signal.aborted;) await pause(5, signal);
    await this.#publisher.drained();
  }

  async #begin(): Promise<void> {
    this.status = 'restoring';
    const { observer } = this.#in;
    await this.#in.checkDeployment();
    const evidence = { ...this.#in, partition: this.#partition };
    await refuseShorterJournal(evidence, this.#store?.checkpoint ?? null, this.#ended.signal);
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
    this.#in.onJournalRead(this.#partition, journal.state.versions);
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
    const opened = await unlessFenced(this.#sources.open(journal.state), evidence, fence);
    for (const watermark of opened) this.#task.noteWatermark(watermark);
    if (this.#mode !== 'drain') {
      this.#cleaner = this.#newCleaner(this.#own);
      this.#healer = new ReadModelHealer({
        ...{ surroundings: this.#in, partition: this.#partition, publisher: this.#publisher },
        signal: this.#ended.signal,
        lastN: () => journal.state.n,
        onFenced: this.fail,
      });
    }
    observer.parkedKeys(this.#partition, journal.state.parked.size);
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
    const taken = this.#task?.changesBehind(entry) ?? null;
    this.#isUnsure ||= taken === null;
    const offset = await this.#journal.append(entry);
    keepConfirmed(own, this.#fence, { batch: { emits: [], ...entry }, offset, taken });
    return { offset, bytes: this.#journal.lastBytes };
  }

  #clock(): Micros {
    this.#steady ??= new SteadyClock(this.#in.clock, this.#own?.journal.state.time ?? 0);
    return this.#steady.now();
  }

  get #isIdle(): boolean {
    return this.#sources.size === 0 && this.#results.length === 0;
  }

  #isRefreshDue(): boolean {
    if (performance.now() - this.#refreshedAt < SHELL_LIMITS.watermarkRefreshMs) return false;
    this.#refreshedAt = performance.now();
    return true;
  }

  get #hasWork(): boolean {
    if (this.#results.length > 0 || this.#isUnsure) return true;
    if (this.#cleaner?.hasWork === true && !this.#draining) return true;
    return !this.#isFull && (this.#sources.hasNext || this.#dueInMs() <= 0);
  }

  /** Whether it has asked for as much as may be open, and so takes nothing new before some of it is answered. */
  get #isFull(): boolean {
    return (this.#task?.state.effects.size ?? 0) >= this.#in.openEffects;
  }

  /** Whether timers fire and blocked keys are tried again: handlers may read reference data then. */
  get #takesDue(): boolean {
    return this.#mode !== 'drain' && this.status === 'running';
  }

  /** Milliseconds until a timer, or a blocked key that is tried again, is due. */
  #dueInMs(): number {
    const due = this.#takesDue && !this.#draining ? (this.#task?.nextDue ?? null) : null;
    return due === null ? Number.POSITIVE_INFINITY : (due - this.#clock()) / 1000;
  }

  async #step(): Promise<void> {
    const task = this.#task as Task;
    if (!this.#hasWork) {
      this.#idle = true;
      const { lookMs } = this.#in;
      await this.#wake.wait(Math.min(SHELL_LIMITS.watermarkRefreshMs, lookMs, this.#dueInMs()));
      this.#idle = false;
      if (this.#ended.signal.aborted) return;
    }
    this.#healer?.lookIfDue();
    await this.#publisher.room();
    await this.#own?.keeper?.room(this.#ended.signal);
    if (!this.#isFull && this.#takesDue) this.#moves += task.takeDue();
    while (this.#results.length > 0 && !task.isFull) {
      const { effect, result } = this.#results.shift() as Settled;
      task.takeEffectResult(effect, result);
    }
    await this.#takeRecords(task);
    const worth = this.#isRefreshDue() ? 'watermarks' : 'inputs';
    const batch = task.seal(this.#fenceOffset, this.#isUnsure ? 'nothing' : worth);
    if (batch !== null && !this.#ended.signal.aborted) await this.#append(task, batch);
    if (!this.#ended.signal.aborted && !this.#draining) await this.#cleaner?.step();
  }

  async #takeRecords(task: Task): Promise<void> {
    const { codec, log } = this.#in;
    const full = this.#sources.fullTopics;
    while (!task.isFull && !this.#isFull) {
      const record = this.#sources.next(task);
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
    this.#sources.resume(full);
  }

  async #append(task: Task, batch: Batch): Promise<void> {
    const startedAt = performance.now();
    this.#isUnsure = false;
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
