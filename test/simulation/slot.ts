import type { Codec } from '../../engine/codec.ts';
import { EffectFailure, type FailureKind } from '../../engine/effect-failure.ts';
import { EngineError } from '../../engine/errors.ts';
import type { Topology } from '../../engine/topology.ts';
import { ApplicationRunner } from '../../kafka/application-runner.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { RunnerObserver } from '../../kafka/task-runner.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import type { SimulatedBroker } from '../../testing/simulation/broker.ts';
import { SimulatedDisk } from '../../testing/simulation/disk.ts';
import { SimulatedClient } from '../../testing/simulation/client.ts';
import type { FaultSchedule } from '../../testing/simulation/fault.ts';
import { SimulatedProcess } from '../../testing/simulation/process.ts';
import type { World } from '../../testing/simulation/world.ts';
import { double } from './ledger.ts';

/** How an effect may fail; mostly in a way that passes. */
const FAILURES: readonly FailureKind[] = ['retry', 'retry', 'target-down', 'final'];

export const SESSION_TIMEOUT_MS = 1_500;
const REQUEST_TIMEOUT_MS = 2_500;

export interface SlotOptions {
  readonly index: number;
  readonly world: World;
  readonly broker: SimulatedBroker;
  readonly faults: FaultSchedule;
  readonly topology: Topology;
  readonly codec: Codec;
  readonly partitions: number;
  /** Whether its tasks have local stores. */
  readonly stores: boolean;
  /** `host`: the process that did. */
  onPerformed(id: string, host: string): void;
  /** A task stopped by itself, with this code. */
  onStopped(code: string): void;
}

/** A place for a process, under one instance id, and who starts it again when it has died. */
export class Slot {
  readonly #in: SlotOptions;
  readonly #disk = new SimulatedDisk();
  #process: SimulatedProcess | null = null;
  #client: SimulatedClient | null = null;
  #runner: ApplicationRunner | null = null;
  #incarnation = 0;
  #skewMs = 0;
  #isCalm = false;

  constructor(options: SlotOptions) {
    this.#in = options;
  }

  get isRunning(): boolean {
    return this.#process?.isAlive === true;
  }

  get runningTasks(): readonly number[] {
    if (!this.isRunning || this.#runner === null) return [];
    return this.#runner.status.tasks
      .filter(({ status }) => status === 'running')
      .map(({ partition }) => partition);
  }

  startIn(ms: number): void {
    const incarnation = ++this.#incarnation;
    this.#in.world.after(ms, null, () => {
      if (incarnation === this.#incarnation) this.#start(incarnation);
    });
  }

  kill(): void {
    this.#process?.kill();
  }

  crash(restartMs: number): boolean {
    if (!this.isRunning) return false;
    this.kill();
    this.startIn(this.#isCalm ? 100 : restartMs);
    return true;
  }

  /** The machine dies, and comes back with a disk that is empty, or some writes old. */
  loseDisk(ms: number, old: boolean): boolean {
    if (!this.#in.stores) return false;
    const { random } = this.#in.world;
    if (old) this.#disk.restoreOld(random.between(1, 10));
    else this.#disk.lose();
    return this.crash(ms);
  }

  /** What its machine kept is gone. */
  wipeDisk(): void {
    this.#disk.lose();
  }

  pause(ms: number): boolean {
    const process = this.#process;
    if (process?.isAlive !== true || process.isPaused) return false;
    process.pause();
    this.#in.world.after(ms, null, () => process.resume());
    return true;
  }

  silence(ms: number): boolean {
    if (!this.isRunning || this.#client === null) return false;
    this.#client.silentUntilMs = this.#in.world.nowMs + ms;
    return true;
  }

  /** Scaled in, or, when nobody is here, scaled out. */
  leave(ms: number): boolean {
    const process = this.#process;
    const runner = this.#runner;
    if (process?.isAlive !== true || runner === null) {
      this.startIn(0);
      return true;
    }
    if (process.isPaused) return false;
    this.#runner = null;
    void this.#in.world.enter(process, () =>
      // What it could not finish in time, the next owner does.
      runner
        .stop('leave')
        .catch(unlessUnfinished)
        .then(() => {
          process.kill();
          this.startIn(ms);
        }),
    );
    return true;
  }

  jump(ms: number): boolean {
    this.#skewMs += ms;
    if (this.#process !== null) this.#process.clockSkewMs = this.#skewMs;
    return this.isRunning;
  }

  calmDown(): void {
    this.#isCalm = true;
    this.#process?.resume();
    if (this.#client !== null) this.#client.silentUntilMs = 0;
  }

  #start(incarnation: number): void {
    const { index, world, broker, faults, topology, codec, partitions, stores } = this.#in;
    this.kill();
    const process = new SimulatedProcess(world, `s${index}.${incarnation}`);
    process.clockSkewMs = this.#skewMs;
    const client = new SimulatedClient({
      world,
      broker,
      process,
      faults,
      slot: index,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      onCrash: () => this.#crashed(process),
    });
    this.#process = process;
    this.#client = client;
    world.note(process.name, 'started');
    world.enter(process, () => {
      this.#runner = new ApplicationRunner({
        topology,
        client,
        codec,
        names: new TopicNames(''),
        partitions,
        partitionOf,
        clock: () => Date.now() * 1000,
        host: process.name,
        instanceId: `ledger.${index}`,
        sessionTimeoutMs: SESSION_TIMEOUT_MS,
        lookMs: 1_000,
        // Of two processes one gathers, and the other fetches as it comes.
        isBusy: () => index % 2 === 1,
        // Often enough that it looks, and dies, while live records are put again.
        cleaning: { minBytes: 3_000, historyMs: 0, batchBytes: 60, lookMs: 50 },
        performers: { 'ledger.double': (args) => this.#perform(process, args) },
        observer: OBSERVER,
        log: this.#log(process),
        ...(stores
          ? {
              openStore: (partition: number, how: 'kept' | 'empty') =>
                this.#disk.open(partition, how, {
                  world,
                  process,
                  faults,
                  slot: index,
                  onCrash: () => this.#crashed(process),
                }),
            }
          : {}),
        onFenced: () => this.#crashed(process),
      });
    });
  }

  #crashed(process: SimulatedProcess): void {
    if (process === this.#process) this.crash(1_000);
    else process.kill();
  }

  async #perform(process: SimulatedProcess, args: unknown): Promise<number> {
    const { world, onPerformed } = this.#in;
    if (process.isAlive) onPerformed((args as { readonly id: string }).id, process.name);
    await new Promise((resolve) => setTimeout(resolve, world.random.between(1, 300)));
    if (world.random.chance(0.3))
      throw new EffectFailure('AWAY', 'told to fail', world.random.pick(FAILURES));
    return double(args);
  }

  #log(process: SimulatedProcess) {
    const say = (fields: object, message: string): void => {
      if (!process.isAlive) return;
      const { error } = fields as { readonly error?: Error };
      this.#in.world.note(
        process.name,
        error === undefined ? message : `${message}: ${error.message}`,
      );
    };
    return {
      info: say,
      warn: say,
      error: (fields: object, message: string): void => {
        say(fields, message);
        const { error } = fields as { readonly error?: EngineError };
        if (!process.isAlive || error?.reaction !== 'stop') return;
        this.#in.onStopped(error.code);
        // An operator sees to it.
        this.#in.world.after(500, null, () => this.#crashed(process));
      },
    };
  }
}

const OBSERVER: RunnerObserver = {
  handled: () => {},
  appended: () => {},
  published: () => {},
  republished: () => {},
  fenced: () => {},
  voidBatches: () => {},
  restored: () => {},
  lag: () => {},
  parkedKeys: () => {},
  skipped: () => {},
  parked: () => {},
  deadLettered: () => {},
};

function unlessUnfinished(error: unknown): void {
  if (!(error instanceof EngineError && error.code === 'STOP_UNFINISHED')) throw error;
}
