import type { Codec } from '../engine/codec.ts';
import { EngineError } from '../engine/errors.ts';
import type { Micros } from '../engine/event.ts';
import type { ReferenceValue } from '../engine/task-state.ts';
import type { Topology } from '../engine/topology.ts';
import type { MemberDescription } from './assigner.ts';
import type { GroupAssignment, GroupMembership, KafkaClient } from './client.ts';
import { checkDeployment } from './deployment-check.ts';
import { CIRCUIT_DEFAULTS, type CircuitOptions, Circuits } from './circuit.ts';
import type { EffectPerformer } from './effect-runner.ts';
import { CLEANING_DEFAULTS, type CleaningSettings } from './journal-cleaner.ts';
import { JournalVersions } from './journal-versions.ts';
import { SHELL_LIMITS } from './limits.ts';
import type { Log } from './log.ts';
import { ProducerPool } from './producer-pool.ts';
import { SourceFetcher } from './source-fetcher.ts';
import { Standbys } from './standbys.ts';
import {
  type OpenStore,
  type RunnerObserver,
  type TaskStatus,
  TaskRunner,
  type TaskSurroundings,
} from './task-runner.ts';
import type { TopicNames } from './topic-names.ts';
import { pause, within } from './wait.ts';
import { Watchdog } from './watchdog.ts';

export interface ApplicationOptions {
  readonly topology: Topology;
  readonly client: KafkaClient;
  readonly codec: Codec;
  readonly names: TopicNames;
  readonly partitions: number;
  readonly partitionOf: (key: Uint8Array, partitions: number) => number;
  readonly clock: () => Micros;
  readonly host: string;
  /** Of the handlers' package; fences carry it, and `millrace why` shows it. Default: not told. */
  readonly codeVersion?: string;
  /** Static membership: unique per process of the application, the same after its restart. */
  readonly instanceId: string;
  readonly sessionTimeoutMs: number;
  readonly performers?: Readonly<Record<string, EffectPerformer>>;
  /** Effects in flight at once, per task. Default: 100. */
  readonly effectConcurrency?: number;
  /** Effects open in a task before it takes no more records; those of one record may come on top. Default: SHELL_LIMITS.openEffects. */
  readonly openEffects?: number;
  /** When a target of effects is left alone, and how long. Default: CIRCUIT_DEFAULTS. */
  readonly circuit?: Omit<CircuitOptions, 'onState'>;
  /** When journals are cleaned. Default: CLEANING_DEFAULTS. */
  readonly cleaning?: Partial<CleaningSettings>;
  /** How often group offsets are committed; they may lag, they are for lag displays only (J4). Default: 5 s. */
  readonly commitEveryMs?: number;
  /** How long a task may have work and not move before it is taken again. Default: SHELL_LIMITS.stallMs. */
  readonly stallMs?: number;
  /** How often the own partitions of read models are looked through. Default: SHELL_LIMITS.lookMs. */
  readonly lookMs?: number;
  /** Terms of a task in a row that may end with an error that nothing names. Default: SHELL_LIMITS.unknownErrors. */
  readonly unknownErrors?: number;
  /** Whether the process is busy: then sources gather for SHELL_LIMITS.gatherMs between fetches. Default: never. */
  readonly isBusy?: () => boolean;
  readonly openStore?: OpenStore;
  readonly observer: RunnerObserver;
  readonly log: Log;
  /** Tasks that this process owns now; for sinks that follow the ownership. Awaited before the next change. */
  onOwned?(partitions: readonly number[]): Promise<void>;
  /** Journal offset that the local store has reached, by task: it is given such tasks first (J5b). */
  warmth?(): Readonly<Record<number, number>>;
  /** Members that follow each task besides its owner; needs `openStore`. Default: 0. */
  readonly standbys?: number;
  /** Another process took this instance id: end this one at once (J5a). */
  onFenced(error: Error): void;
}

export interface ApplicationStatus {
  readonly application: string;
  readonly joined: boolean;
  readonly fetchSilentMs: number;
  readonly tasks: readonly {
    readonly partition: number;
    readonly status: TaskStatus;
    readonly failure: string | null;
    /** Why it takes no records for now. */
    readonly pausedBy: string | null;
    /** For how long it has had work and not moved. */
    readonly stalledMs: number;
  }[];
}

/**
 * Runs one application in this process: joins its group, owns the tasks that the group assigns, and follows
 * every later assignment. Group callbacks change only which tasks exist; a task's own loop changes its state.
 */
export class ApplicationRunner {
  readonly #options: ApplicationOptions;
  readonly #tasks = new Map<number, TaskRunner>();
  readonly #surroundings: TaskSurroundings;
  readonly #standbys: Standbys;
  readonly #journals: JournalVersions;
  #group: GroupMembership;
  #untold = false;
  #isTelling = false;
  readonly #commits: NodeJS.Timeout;
  readonly #watchdog: Watchdog;
  readonly #watch: NodeJS.Timeout;
  #generation = -1;
  #stopping = false;
  readonly #ended = new AbortController();

  constructor(options: ApplicationOptions) {
    this.#options = options;
    const { client, log, topology, stallMs = SHELL_LIMITS.stallMs } = options;
    const admin = client.admin();
    const reader = client.reader();
    const producers = new ProducerPool(() => client.producer());
    this.#surroundings = {
      ...options,
      stallMs,
      lookMs: options.lookMs ?? SHELL_LIMITS.lookMs,
      performers: options.performers ?? {},
      cleaning: { ...CLEANING_DEFAULTS, ...options.cleaning },
      effectConcurrency: options.effectConcurrency ?? 100,
      openEffects: options.openEffects ?? SHELL_LIMITS.openEffects,
      circuits: new Circuits({
        ...(options.circuit ?? CIRCUIT_DEFAULTS),
        onState: (target, state) => options.observer.circuit?.(target, state),
      }),
      journalProducers: producers,
      publishProducers:
        client.sharesRequests === true ? producers : new ProducerPool(() => client.producer()),
      reader,
      admin,
      checkDeployment: once(() => checkDeployment({ ...options, admin, reader })),
      fetcher: new SourceFetcher(client.reader(), log, options.isBusy),
      heartbeatAgeMs: () => this.#group.heartbeatAgeMs,
      onJournalRead: (partition, versions) => {
        if (this.#journals.note(partition, versions)) void this.#tellAnew();
      },
    };
    this.#journals = new JournalVersions(
      new Map(topology.actors.map(({ name, state }) => [name, state.version])),
    );
    this.#standbys = new Standbys({ ...options, admin }, () => client.reader());
    this.#group = this.#join();
    // Every task waits for the answer; who has none asks again.
    this.#surroundings.checkDeployment().catch(() => {});
    this.#commits = setInterval(
      () => void this.#commit(),
      options.commitEveryMs ?? SHELL_LIMITS.commitEveryMs,
    );
    this.#watchdog = new Watchdog({
      application: topology.application,
      admin,
      tasks: () => this.#tasks.values(),
      stallMs,
      now: () => performance.now(),
      log,
      onStalled: (partition) => options.observer.stalled?.(partition),
    });
    this.#watch = setInterval(() => void this.#watchdog.check(), stallMs / 5);
  }

  get status(): ApplicationStatus {
    const tasks = [...this.#tasks.values()].map((task) => ({
      partition: task.partition,
      status: task.status,
      failure: task.failure?.message ?? null,
      pausedBy: task.pausedBy,
      stalledMs: this.#watchdog.stalledMs(task.partition),
    }));
    return {
      application: this.#options.topology.application,
      joined: this.#group.joined,
      fetchSilentMs: this.#surroundings.fetcher.silentMs,
      tasks,
    };
  }

  /** Values of a reference by id, as each task of this process knows them now; by partition. */
  references(name: string): ReadonlyMap<number, ReadonlyMap<string, unknown>> {
    const tasks = [...this.#tasks.values()];
    return new Map(tasks.map((task) => [task.partition, valuesOf(task.references.get(name))]));
  }

  /** States of an actor's keys that wait for an effect or a timer, of all tasks of this process. */
  waiting(actor: string): readonly unknown[] {
    const states = [...this.#tasks.values()].flatMap((task) => [...task.waiting(actor).values()]);
    return states.map(({ json }) => JSON.parse(json) as unknown);
  }

  /**
   * Finishes what is under way, and ends. `leave` when scaled in: the others take over at once;
   * `stay` when coming back: the tasks wait for the same instance id.
   *
   * Limits: SHELL_LIMITS.finishMs, lastCommitMs and closeMs, whatever the broker does.
   * Throws: EngineError STOP_UNFINISHED (stop), once all is closed, when there was more to finish.
   */
  async stop(how: 'leave' | 'stay'): Promise<void> {
    this.#stopping = true;
    this.#ended.abort();
    clearInterval(this.#commits);
    clearInterval(this.#watch);
    const isFinished = await within(SHELL_LIMITS.finishMs, this.#finish());
    if (isFinished === true) await within(SHELL_LIMITS.lastCommitMs, this.#commit());
    // Requests that still wait for an answer end with their connections.
    await within(SHELL_LIMITS.closeMs, this.#close(how));
    if (isFinished === true) return;
    throw new EngineError(
      'STOP_UNFINISHED',
      'stop',
      `${this.#options.topology.application} had more to finish than it could in ${SHELL_LIMITS.finishMs / 1000} s, and was ` +
        `ended all the same. Nothing is lost: who has its tasks next goes on from their journals, as after a kill. ` +
        `See whether the broker answers: millrace doctor.`,
    );
  }

  /** False: tasks had more to finish. */
  async #finish(): Promise<boolean> {
    await this.#options.onOwned?.([]);
    const drained = await Promise.all([...this.#tasks.values()].map((task) => task.stop()));
    await this.#standbys.stop();
    return drained.every((isDrained) => isDrained);
  }

  async #close(how: 'leave' | 'stay'): Promise<void> {
    const { fetcher, journalProducers, publishProducers, reader, admin } = this.#surroundings;
    await this.#group.close(how);
    await Promise.all([
      fetcher.stop(),
      ...[...new Set([journalProducers, publishProducers])].map((producers) => producers.close()),
      reader.close(),
      admin.close(),
    ]);
  }

  #join(): GroupMembership {
    const { client, names, topology, instanceId, sessionTimeoutMs, onFenced } = this.#options;
    return client.joinGroup({
      groupId: names.physical(topology.application),
      topic: names.physical(topology.journal),
      instanceId,
      sessionTimeoutMs,
      heartbeatIntervalMs: Math.max(100, Math.floor(sessionTimeoutMs / 3)),
      describe: () => this.#describe(),
      onAssigned: (assignment) => this.#assign(assignment),
      // Tasks stay until the next assignment says whose they are: whoever else takes one fences it (J2).
      onRevoked: () => Promise.resolve(),
      onFenced: (error) => onFenced(error),
    });
  }

  /** Leaves and joins once more, as what a member says is heard when it joins: a task that this code is too old for goes elsewhere. */
  async #tellAnew(): Promise<void> {
    this.#untold = true;
    if (this.#isTelling) return;
    this.#isTelling = true;
    while (this.#untold && !this.#stopping) {
      // Its other tasks may find the same.
      await pause(SHELL_LIMITS.tellAnewMs, this.#ended.signal);
      this.#untold = false;
      // A static member that comes back to its place is not asked anew: the broker only looks at the protocol's name.
      await this.#group.close('leave');
      if (!this.#stopping) this.#group = this.#join();
    }
    this.#isTelling = false;
  }

  /** For whoever hands out the tasks (J5b). */
  #describe(): MemberDescription {
    const { topology, warmth, standbys = 0 } = this.#options;
    const versions = topology.actors.map(({ name, state }) => [name, state.version] as const);
    return {
      versions: Object.fromEntries(versions),
      journals: this.#journals.told,
      owned: [...this.#tasks.keys()],
      generation: this.#generation,
      warm: warmth?.() ?? {},
      standbys,
      follows: this.#standbys.partitions,
    };
  }

  async #assign(assignment: GroupAssignment): Promise<void> {
    if (this.#stopping) return;
    const { log, topology } = this.#options;
    const { partitions, generation } = assignment;
    log.info({ application: topology.application, partitions, generation }, 'tasks assigned');
    this.#generation = generation;
    const owned = new Set(partitions);
    const lost = [...this.#tasks.values()].filter((task) => !owned.has(task.partition));
    for (const task of lost) this.#tasks.delete(task.partition);
    // A store is closed by who had it before the task's next part here opens it.
    await this.#standbys.keepOnly(assignment.standbys ?? []);
    await Promise.all(lost.map((task) => task.stop()));
    for (const partition of partitions) {
      const task = this.#tasks.get(partition);
      if (task === undefined)
        this.#tasks.set(partition, new TaskRunner(this.#surroundings, partition, assignment));
      else task.reassigned(assignment);
    }
    this.#standbys.follow(assignment.standbys ?? []);
    await this.#options.onOwned?.(partitions);
  }

  async #commit(): Promise<void> {
    const offsets = [...this.#tasks.values()].flatMap((task) =>
      task.confirmedPositions.map((position) => ({
        topic: this.#options.names.physical(position.topic),
        partition: position.partition,
        offset: position.offset,
        leaderEpoch: position.leader_epoch,
      })),
    );
    if (offsets.length === 0) return;
    const error = await this.#group.commit(offsets);
    if (error !== null)
      this.#options.log.info({ error: error.message }, 'group offsets not committed; tried again');
  }
}

function valuesOf(
  known: ReadonlyMap<string, ReferenceValue> = new Map(),
): ReadonlyMap<string, unknown> {
  return new Map([...known].map(([id, { value }]) => [id, value]));
}

/** Remembers the first success; what failed is tried again. */
function once(act: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => {
    done ??= act().catch((error: unknown) => {
      done = null;
      throw error;
    });
    return done;
  };
}
