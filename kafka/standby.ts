import type { Codec } from '../engine/codec.ts';
import { EngineError } from '../engine/errors.ts';
import { JournalReader } from '../engine/journal-reader.ts';
import type { StateStore } from '../engine/state-store.ts';
import { TaskState } from '../engine/task-state.ts';
import type { Topology } from '../engine/topology.ts';
import type { FetchedRecord, KafkaAdmin } from './client.ts';
import { decodeChanges } from './journal-log.ts';
import { SHELL_LIMITS } from './limits.ts';
import type { Log } from './log.ts';
import { Rebuild } from './rebuild.ts';
import { unfitness } from './restore.ts';
import type { SourceFetcher, SourceSubscriber } from './source-fetcher.ts';
import { StoreKeeper } from './store-keeper.ts';
import type { OpenStore, RunnerObserver } from './task-runner.ts';
import type { TopicNames } from './topic-names.ts';
import { Backoff, breathe, pause, Wake } from './wait.ts';

/** What all followers of one application in one process share. */
export interface StandbySurroundings {
  readonly topology: Topology;
  readonly codec: Codec;
  readonly names: TopicNames;
  readonly admin: KafkaAdmin;
  readonly fetcher: SourceFetcher;
  readonly openStore: OpenStore;
  readonly observer: Pick<RunnerObserver, 'standbyLag' | 'storeDiscarded'>;
  readonly log: Log;
}

/** What ends one reading of the journal, and begins the next from what the store then holds. */
class Again extends Error {}

/**
 * Follows the journal of a task that another member owns, into a local store, so that a takeover reads only the tail.
 *
 * Invariants, J9a:
 * 1. It writes nothing to Kafka, and no fence: whose the task is, only owners say.
 * 2. The store holds what stands in the journal, judged as an owner judges it (J2), with its checkpoint in the same write.
 * 3. What the journal does not hold any more, or never held, is thrown away.
 * 4. When `stop` has resolved, the store is closed and the task's own part may open it.
 */
export class Standby implements SourceSubscriber {
  readonly partition: number;
  readonly #in: StandbySurroundings;
  readonly #topic: string;
  readonly #ended = new AbortController();
  readonly #wake = new Wake();
  readonly #life: Promise<void>;
  #store: StateStore | null = null;
  #storeFailures = 0;
  #waiting: FetchedRecord[] = [];
  #waitingBytes = 0;
  #topicId = '';
  /** Why this reading of the journal is over; null while it is not. */
  #over: Error | null = null;

  constructor(surroundings: StandbySurroundings, partition: number) {
    this.#in = surroundings;
    this.partition = partition;
    this.#topic = surroundings.names.physical(surroundings.topology.journal);
    this.#life = this.#live();
  }

  /** Ends the following, and closes the store. */
  async stop(): Promise<void> {
    this.#ended.abort();
    this.#wake.signal();
    await this.#life;
  }

  deliver(_topic: string, topicId: string, records: readonly FetchedRecord[]): void {
    if (topicId !== this.#topicId) return this.#restart('the journal topic was made anew');
    this.#waiting.push(...records);
    for (const { value } of records) this.#waitingBytes += value?.byteLength ?? 0;
    this.#wake.signal();
  }

  isFull(): boolean {
    return this.#waitingBytes >= SHELL_LIMITS.standbyBytes;
  }

  outOfRange(): null {
    this.#restart('the journal does not hold what comes next');
    return null;
  }

  reached(_topic: string, offset: number, end: number): void {
    const records = Math.max(0, end - offset) + this.#waiting.length;
    this.#in.observer.standbyLag?.(this.partition, records);
  }

  async #live(): Promise<void> {
    const backoff = new Backoff(100, 5_000);
    while (!this.#ended.signal.aborted) {
      const startedAt = performance.now();
      try {
        this.#store ??= await this.#in.openStore(
          this.partition,
          this.#storeFailures > 0 ? 'empty' : 'kept',
        );
        await this.#follow(this.#store);
      } catch (error) {
        if (!(await this.#mayGoOn(error))) break;
      } finally {
        this.#in.fetcher.close(this.#topic, this.partition, this);
      }
      if (performance.now() - startedAt > 30_000) backoff.reset();
      await pause(backoff.next(), this.#ended.signal);
    }
    await this.#store?.close().catch(() => {});
    this.#in.observer.standbyLag?.(this.partition, null);
  }

  /** Reads until it is stopped. Throws: what ends this reading. */
  async #follow(store: StateStore): Promise<void> {
    const { admin, topology } = this.#in;
    const [described] = await admin.describeTopics([this.#topic]);
    const bounds = (await admin.offsets(this.#topic))[this.partition];
    if (described === undefined || bounds === undefined)
      throw new Again(`${this.#topic}/${this.partition} is not there`);
    this.#topicId = described.id;
    const own = { application: topology.application, task: this.partition };
    const unfit = unfitness(store.checkpoint, own, this.#topicId, bounds);
    if (unfit !== null) await this.#discard(store, unfit);
    const { checkpoint } = store;
    const state = new TaskState(store);
    const journal = new JournalReader(state, checkpoint);
    const keeper = new StoreKeeper(store, state, (error) => this.#end(error));
    this.#over = null;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const from = checkpoint?.emitsFrom.offset ?? bounds.start;
    this.#in.fetcher.open(this.#topic, this.partition, from, this);
    try {
      await this.#takeAll(new Rebuild(journal, keeper, this.#topicId));
    } finally {
      await keeper.idle();
    }
  }

  async #takeAll(rebuild: Rebuild): Promise<void> {
    const { codec, fetcher } = this.#in;
    const { signal } = this.#ended;
    let breathedAt = performance.now();
    while (!signal.aborted) {
      if (this.#over !== null) throw this.#over;
      if (this.#waiting.length === 0) {
        await this.#wake.wait();
        continue;
      }
      const wasFull = this.isFull();
      const records = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      if (wasFull) fetcher.resume();
      for (const record of records) {
        rebuild.read(record.offset, await decodeChanges(codec, record));
        await rebuild.room(signal);
        if (signal.aborted || this.#over !== null) break;
        if (performance.now() - breathedAt < SHELL_LIMITS.breathEveryMs) continue;
        await breathe();
        breathedAt = performance.now();
      }
      rebuild.handOver();
    }
  }

  /** False: it follows no more, as the store keeps failing. */
  async #mayGoOn(error: unknown): Promise<boolean> {
    const { log, topology } = this.#in;
    const fields = { application: topology.application, partition: this.partition, error };
    const code = error instanceof EngineError ? error.code : null;
    log.info(fields, 'following the journal of another member begins again');
    if (code === 'STORE_FOREIGN' && this.#store !== null)
      await this.#discard(this.#store, (error as Error).message).catch(() => {});
    if (code !== 'STORE_FAILED') return true;
    await this.#store?.close().catch(() => {});
    this.#store = null;
    this.#storeFailures += 1;
    this.#in.observer.storeDiscarded?.(this.partition, (error as Error).message);
    if (this.#storeFailures < SHELL_LIMITS.standbyStoreFailures) return true;
    log.warn(fields, 'the local store keeps failing; the task has no standby here');
    return false;
  }

  async #discard(store: StateStore, reason: string): Promise<void> {
    if (store.checkpoint === null) return;
    await store.clear();
    this.#in.observer.storeDiscarded?.(this.partition, reason);
  }

  #restart(reason: string): void {
    this.#end(new Again(reason));
  }

  #end(error: Error): void {
    this.#over ??= error;
    this.#wake.signal();
  }
}
