import type { Message } from '../engine/actor.ts';
import type { Codec } from '../engine/codec.ts';
import { EngineError } from '../engine/errors.ts';
import type { Micros } from '../engine/event.ts';
import {
  type Batch,
  DRAINING,
  type Fence,
  type JournaledEmit,
  type Position,
} from '../engine/journal.ts';
import type { SourceRecord, TaskObserver } from '../engine/task.ts';
import type { OpenEffect } from '../engine/task-state.ts';
import type { StateStore } from '../engine/state-store.ts';
import type { Topology } from '../engine/topology.ts';
import { type KafkaAdmin, KafkaError, type PartitionReader } from './client.ts';
import type { Circuits, CircuitState } from './circuit.ts';
import type { EffectPerformer } from './effect-runner.ts';
import { SHELL_LIMITS } from './limits.ts';
import type { KnownEnd } from './journal-log.ts';
import type { Log } from './log.ts';
import type { ProducerPool } from './producer-pool.ts';
import type { SourceFetcher } from './source-fetcher.ts';
import type { CleaningSettings } from './journal-cleaner.ts';
import { Term } from './term.ts';
import type { TermMode } from './term-options.ts';
import type { TopicNames } from './topic-names.ts';
import { UnknownErrors } from './unknown-errors.ts';
import { Backoff, pause, within } from './wait.ts';
import type { TaskProgress } from './watchdog.ts';

/** What a running task reports, for metrics. Every call is cheap and synchronous. */
export interface RunnerObserver extends Omit<TaskObserver, 'handled'> {
  handled(actor: string, message: Message, seconds: number): void;
  appended(batch: Batch, seconds: number): void;
  /** `emits`: what was sent, all of it acknowledged. */
  published(seconds: number, emits: readonly JournaledEmit[]): void;
  /** A record was taken in front of a task, so long after it had been fetched; absent: nobody notes when that was. */
  received?(record: SourceRecord, seconds: number): void;
  republished(count: number): void;
  fenced(): void;
  voidBatches(count: number): void;
  restored(partition: number, ratio: number): void;
  /** `outcome`: ok, or the code of the failure. */
  effectPerformed?(name: string, outcome: string, seconds: number, effect: OpenEffect): void;
  /** The circuit breaker of a target of effects changed. */
  circuit?(target: string, state: CircuitState): void;
  /** The local store was of no use, and is filled again from the journal. */
  storeDiscarded?(partition: number, reason: string): void;
  /** Records of its journal that the follower of a task has not read yet; null: it follows no more. */
  standbyLag?(partition: number, records: number | null): void;
  lag(topic: string, partition: number, records: number): void;
  parkedKeys(partition: number, count: number): void;
  /** Keys of a read model of which the newest version was published again (J9b). */
  healed?(topic: string, keys: number): void;
  /** The watchdog ended a term that did not move. */
  stalled?(partition: number): void;
}

/**
 * The local store of a partition; `empty`: what it held is removed first.
 * Throws: EngineError STORE_LOCKED, STORE_FAILED; the task then goes on without.
 */
export type OpenStore = (
  partition: number,
  how: 'kept' | 'empty',
) => StateStore | Promise<StateStore>;

/** What all tasks of one application in one process share. */
export interface TaskSurroundings {
  readonly topology: Topology;
  readonly codec: Codec;
  readonly names: TopicNames;
  readonly partitions: number;
  readonly partitionOf: (key: Uint8Array, partitions: number) => number;
  readonly clock: () => Micros;
  readonly host: string;
  readonly codeVersion?: string;
  readonly journalProducers: ProducerPool;
  /** The same where requests are shared: an append and a publish of one moment cost what one costs (docs/adr/034-one-connection-for-both.md). */
  readonly publishProducers: ProducerPool;
  readonly reader: PartitionReader;
  readonly admin: KafkaAdmin;
  readonly fetcher: SourceFetcher;
  readonly performers: Readonly<Record<string, EffectPerformer>>;
  readonly effectConcurrency: number;
  /** Effects that a task may have asked for without an answer before it takes no more records. */
  readonly openEffects: number;
  /** Of the process, shared by its tasks. */
  readonly circuits: Circuits;
  /** When journals are cleaned. */
  readonly cleaning: CleaningSettings;
  /** Absent: task states stand in memory, and a restart reads the whole journal. */
  readonly openStore?: OpenStore;
  readonly observer: RunnerObserver;
  readonly log: Log;
  /** Refuses what another deployment has written; once per run of the application (J6). */
  readonly checkDeployment: () => Promise<void>;
  /** How long a task may have work and not move; a third of it more, and its term is left behind. */
  readonly stallMs: number;
  /** How often read models are looked through (J9b). */
  readonly lookMs: number;
  /** Default: SHELL_LIMITS.unknownErrors. */
  readonly unknownErrors?: number;
  /** After a pause of that length the group may have given the tasks to others (J5c). */
  readonly sessionTimeoutMs: number;
  /** A task's journal was read, and holds states in these versions (J5b). */
  readonly onJournalRead: (partition: number, versions: ReadonlyMap<string, number>) => void;
  /** Age of the last successful heartbeat, in ms: what a fenced owner waits for (J5a). */
  readonly heartbeatAgeMs: () => number;
}

export interface Membership {
  readonly memberId: string;
  readonly generation: number;
}

/** `paused`: it runs, and takes no records until there is room behind a blocked key (J8a). */
export type TaskStatus =
  'starting' | 'restoring' | 'running' | 'paused' | 'waiting' | 'stopped' | 'failed';

/**
 * Owns one task while this member is assigned it: one term after another, each with a fence of its own, until
 * stopped. What ends a term is decided by the error's reaction: retake with backoff, or stop by name.
 */
export class TaskRunner {
  readonly partition: number;
  readonly #surroundings: TaskSurroundings;
  readonly #ended = new AbortController();
  readonly #life: Promise<void>;
  /** How the next term treats a changed graph (J6). */
  #mode: TermMode = 'normal';
  #healed = Promise.withResolvers<EngineError>();
  #membership: Membership;
  readonly #known: KnownEnd = { offset: 0 };
  #term: Term | null = null;
  #status: TaskStatus = 'starting';
  #failure: Error | null = null;
  #store: StateStore | null = null;
  #storeFailures = 0;

  constructor(surroundings: TaskSurroundings, partition: number, membership: Membership) {
    this.#surroundings = surroundings;
    this.partition = partition;
    this.#membership = membership;
    this.#life = this.#live();
  }

  get status(): TaskStatus {
    if (this.#status !== 'running') return this.#status;
    if (this.pausedBy !== null) return 'paused';
    return this.#term?.status ?? 'starting';
  }

  /** Why the task stopped by itself; null while it has not. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Why it takes no records for now (J8a); null: it takes them, or does not run. */
  get pausedBy(): string | null {
    return this.#status === 'running' ? (this.#term?.pausedBy ?? null) : null;
  }

  /** Positions of confirmed batches, by logical topic: what group offsets may say (J4). */
  get confirmedPositions(): readonly Position[] {
    return this.#term?.confirmedPositions ?? [];
  }

  /** Reference data as the task knows it: name → id → value; nothing while it does not run. */
  get references(): Term['references'] {
    return this.#status === 'running' ? (this.#term?.references ?? new Map()) : new Map();
  }

  /** Keys of an actor that wait for an effect or a timer, with their states; none while it does not run. */
  waiting(actor: string): ReturnType<Term['waiting']> {
    return this.#status === 'running' ? (this.#term?.waiting(actor) ?? new Map()) : new Map();
  }

  /** For the watchdog; null while it is between terms or has ended, as its status says. */
  get progress(): TaskProgress | null {
    return this.#status === 'running' ? (this.#term?.progress ?? null) : null;
  }

  /** Ends the term; one that hangs is left behind, its journal fenced by the next. */
  heal(reason: EngineError): void {
    this.#term?.fail(reason);
    this.#healed.resolve(reason);
  }

  /** The same assignment in a later generation. */
  reassigned(membership: Membership): void {
    this.#membership = membership;
  }

  /** Finishes what is under way, bounded, and ends. False: there was more to finish. */
  async stop(): Promise<boolean> {
    const drained = Promise.resolve(this.#term?.drain()).then(() => true);
    const isDrained = await within(SHELL_LIMITS.drainMs, drained);
    this.#ended.abort();
    await this.#life;
    return isDrained ?? false;
  }

  async #live(): Promise<void> {
    await this.#openStore();
    await this.#liveOn();
    await this.#store?.close();
  }

  async #openStore(): Promise<void> {
    const { openStore, log, topology } = this.#surroundings;
    try {
      const how = this.#storeFailures > 0 ? 'empty' : 'kept';
      this.#store = (await openStore?.(this.partition, how)) ?? null;
    } catch (error) {
      const fields = { application: topology.application, partition: this.partition, error };
      log.warn(fields, 'no local store; the task is kept in memory and read from its journal');
    }
  }

  /** A store that failed is made anew once; one that fails again is not used any more. */
  async #replaceStore(error: unknown): Promise<void> {
    if (!(error instanceof EngineError) || error.code !== 'STORE_FAILED') return;
    const store = this.#store;
    this.#store = null;
    await store?.close().catch(() => {});
    this.#surroundings.observer.storeDiscarded?.(this.partition, error.message);
    if (++this.#storeFailures === 1) await this.#openStore();
  }

  async #liveOn(): Promise<void> {
    const { log, topology } = this.#surroundings;
    const backoff = new Backoff(100, 2_000);
    const unknown = new UnknownErrors(
      this.#surroundings.unknownErrors ?? SHELL_LIMITS.unknownErrors,
    );
    while (!this.#ended.signal.aborted) {
      this.#status = 'running';
      const startedAt = performance.now();
      const term = new Term(this.#surroundings, {
        partition: this.partition,
        fence: this.#newFence(),
        mode: this.#mode,
        store: this.#store,
        known: this.#known,
      });
      this.#term = term;
      const ending = await this.#outcome(term);
      if (this.#ended.signal.aborted) break;
      const hasLasted = performance.now() - startedAt > 30_000;
      const error = unknown.judge(ending, hasLasted) ?? ending;
      await this.#replaceStore(error);
      if (this.#followGraph(term, error)) continue;
      const fields = { application: topology.application, partition: this.partition, error };
      if (error instanceof EngineError && error.reaction === 'stop') {
        this.#status = 'failed';
        this.#failure = error;
        log.error(fields, `task stopped: ${error.code}`);
        return;
      }
      // Another owner may have worked with another graph since: look again.
      this.#mode = 'normal';
      this.#status = 'waiting';
      log.warn(fields, 'term ended; the task is taken again');
      if (hasLasted) backoff.reset();
      if (error instanceof EngineError && error.code === 'FENCED')
        await this.#heartbeatAfterFence();
      await pause(backoff.next(), this.#ended.signal);
    }
    this.#status = 'stopped';
  }

  async #outcome(term: Term): Promise<unknown> {
    this.#healed = Promise.withResolvers<EngineError>();
    const left = this.#healed.promise.then(async (reason) => {
      await pause(this.#surroundings.stallMs / 3, this.#ended.signal);
      return reason;
    });
    return Promise.race([term.run(this.#ended.signal), left]);
  }

  /** J6: a graph whose fused edges changed is first drained unfused. True when the next term starts at once. */
  #followGraph(term: Term, error: unknown): boolean {
    const { log, topology } = this.#surroundings;
    const fields = { application: topology.application, partition: this.partition };
    if (error instanceof EngineError && error.code === 'EDGES_CHANGED') {
      log.info(fields, 'the fused graph has changed; draining internal topics first');
      this.#mode = 'drain';
      return true;
    }
    if (error !== null || !term.isDrained) return false;
    log.info(fields, 'drained; the new graph is in force');
    this.#mode = 'drained';
    return true;
  }

  #newFence(): Fence {
    const { topology, host, clock, codeVersion = '' } = this.#surroundings;
    return {
      application: topology.application,
      task: this.partition,
      member: this.#membership.memberId,
      host,
      generation: this.#membership.generation,
      deployment: topology.deployment,
      edges_hash: this.#mode === 'drain' ? DRAINING : topology.edgesHash,
      time: clock(),
      code_version: codeVersion,
      topology_hash: topology.hash,
    };
  }

  /** J5a: fence again only after a heartbeat sent after the other's fence was read has succeeded. */
  async #heartbeatAfterFence(): Promise<void> {
    this.#surroundings.observer.fenced();
    const readAt = performance.now();
    while (!this.#ended.signal.aborted) {
      await pause(100, this.#ended.signal);
      if (this.#surroundings.heartbeatAgeMs() < performance.now() - readAt) return;
    }
  }
}

/** Whether a term that ended this way may simply be taken again. */
export function isTransient(error: unknown): boolean {
  if (error instanceof EngineError) return error.reaction === 'retake';
  return error instanceof KafkaError && error.canRetry;
}
