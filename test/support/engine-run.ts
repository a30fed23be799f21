import type { Message } from '../../engine/actor.ts';
import type { Batch } from '../../engine/journal.ts';
import type { Topology, TopologyDefinition } from '../../engine/topology.ts';
import { ApplicationRunner, type ApplicationOptions } from '../../kafka/application-runner.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { RunnerObserver } from '../../kafka/task-runner.ts';
import { type EngineFixture, PARTITIONS } from './engine-fixture.ts';
import { eventually } from './eventually.ts';

export interface RunOptions extends Partial<
  Pick<
    ApplicationOptions,
    | 'performers'
    | 'stallMs'
    | 'lookMs'
    | 'unknownErrors'
    | 'effectConcurrency'
    | 'openEffects'
    | 'instanceId'
    | 'sessionTimeoutMs'
    | 'clock'
    | 'codec'
    | 'commitEveryMs'
    | 'openStore'
    | 'standbys'
    | 'warmth'
    | 'cleaning'
  >
> {
  readonly definition?: Partial<TopologyDefinition>;
  /** Instead of the fixture's own. */
  readonly topology?: Topology;
  readonly client?: KafkaClient;
  readonly onFenced?: () => void;
  readonly onLag?: (topic: string, partition: number, records: number) => void;
  readonly onHandled?: (message: Message) => void;
  readonly onAppended?: (batch: Batch) => void;
  readonly onDiscarded?: (partition: number, reason: string) => void;
}

interface Hooks {
  readonly onAppended: RunOptions['onAppended'] | undefined;
  readonly onHandled: RunOptions['onHandled'] | undefined;
  readonly onDiscarded: RunOptions['onDiscarded'];
  readonly onLag: NonNullable<RunOptions['onLag']>;
}

/** What an application did, counted. */
export interface Counts {
  handled: number;
  fenced: number;
  republished: number;
  stalled: number;
  voidBatches: number;
  /** Why local stores were discarded. */
  readonly discarded: string[];
  /** Read models that were healed, once per key. */
  healed: number;
  readonly skipped: string[];
  readonly parked: string[];
  readonly deadLettered: string[];
  /** Messages of warnings and errors. */
  readonly complaints: string[];
}

export const DOUBLER = {
  'count.double': (args: unknown): Promise<unknown> =>
    Promise.resolve((args as { readonly amount: number }).amount * 2),
};

/** One instance of the fixture's application in this process. */
export class EngineRun {
  readonly counts: Counts = {
    handled: 0,
    fenced: 0,
    republished: 0,
    stalled: 0,
    healed: 0,
    voidBatches: 0,
    discarded: [],
    skipped: [],
    parked: [],
    deadLettered: [],
    complaints: [],
  };
  readonly runner: ApplicationRunner;
  #stopped = false;

  constructor(fixture: EngineFixture, options: RunOptions) {
    const {
      definition,
      topology = fixture.topology(definition),
      onAppended,
      onHandled,
      onDiscarded,
      onLag = () => {},
      onFenced = () => {},
      ...rest
    } = options;
    const complain = (fields: object, message: string): void => {
      const { error } = fields as { readonly error?: unknown };
      this.counts.complaints.push(
        error instanceof Error ? `${message}: ${error.message}` : message,
      );
    };
    this.runner = new ApplicationRunner({
      topology,
      client: fixture.client,
      codec: fixture.codec,
      names: fixture.names,
      partitions: PARTITIONS,
      partitionOf,
      clock: () => Date.now() * 1000,
      host: 'test',
      codeVersion: '1.2.3',
      instanceId: `${topology.application}.1`,
      sessionTimeoutMs: 6_000,
      performers: DOUBLER,
      observer: this.#observer({ onAppended, onHandled, onDiscarded, onLag }),
      log: { info: () => {}, warn: complain, error: complain },
      onFenced,
      ...rest,
    });
  }

  get status() {
    return this.runner.status;
  }

  /** Failures of tasks, by partition. */
  get failures(): readonly string[] {
    return this.status.tasks.flatMap(({ failure }) => failure ?? []);
  }

  ready(tasks = PARTITIONS): Promise<void> {
    return eventually('every task runs', () => {
      const running = this.status.tasks.filter((task) => task.status === 'running');
      return this.status.joined && running.length === tasks;
    });
  }

  /** Waits for `count` handled messages. Throws: Error with what stands in the way. */
  async handled(count: number, deadlineMs?: number): Promise<void> {
    try {
      await eventually('', () => this.counts.handled >= count, deadlineMs);
    } catch {
      const { complaints, handled } = this.counts;
      const why = JSON.stringify({ complaints: complaints.slice(-5), tasks: this.status.tasks });
      throw new Error(`${handled} of ${count} messages were handled: ${why}`);
    }
  }

  async stop(how: 'leave' | 'stay' = 'stay'): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.runner.stop(how);
  }

  #observer({ onAppended, onHandled, onDiscarded, onLag }: Hooks): RunnerObserver {
    const { counts } = this;
    return {
      handled: (_actor, message) => {
        counts.handled += 1;
        onHandled?.(message);
      },
      appended: (batch) => onAppended?.(batch),
      published: () => {},
      republished: (count) => (counts.republished += count),
      fenced: () => (counts.fenced += 1),
      healed: (_topic, keys) => (counts.healed += keys),
      voidBatches: (count) => (counts.voidBatches += count),
      restored: () => {},
      storeDiscarded: (partition, reason) => {
        counts.discarded.push(reason);
        onDiscarded?.(partition, reason);
      },
      lag: onLag,
      parkedKeys: () => {},
      stalled: () => (counts.stalled += 1),
      skipped: (by) => counts.skipped.push(by),
      parked: (_actor, key, code) => counts.parked.push(`${key}: ${code}`),
      deadLettered: (topic, code) => counts.deadLettered.push(`${topic}: ${code}`),
    };
  }
}
