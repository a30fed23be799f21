import { Sink, type SinkTarget, type SinkWaiting } from '../kafka/sink.ts';
import { coordinatorTopology } from '../topologies/coordinator.ts';
import { type AppContext, type StartApp, startApplication, taskCheck } from './app.ts';
import { BotKeeper } from './bot-keeper.ts';
import { clockMicros } from './clock.ts';
import { completionObserver } from './completion-observer.ts';
import { engineObserver } from './engine-observer.ts';
import { healthChecks } from './service-connector.ts';
import { serve } from './service-server.ts';
import { tracedSink } from './traced-sink.ts';

/**
 * state-coordinator: the actor that puts events in order and writes rm.*, and the sinks that are the only writers of
 * the event store, of bot_events and of Redis. A sink carries the partitions whose tasks this process owns.
 *
 * Source: B-13, B-71.
 */
export const startCoordinator: StartApp = async (context) => {
  const { config, components, services, metrics, log } = context;
  const { sinks: targets, bots } = components.stateCoordinator;
  const sinks = new SinkSet(context, targets);
  const keeper = new BotKeeper({
    store: bots,
    retentionDays: config.coordinator.botRetentionDays,
    unexplained: metrics.botUnexplained,
    nowMicros: clockMicros,
    log,
  });
  const topology = coordinatorTopology(config.coordinator);
  const observer = completionObserver(engineObserver(topology, metrics, log), metrics);
  const runner = await startApplication(context, topology, {
    observer,
    onOwned: (partitions) => sinks.follow(partitions),
  });
  const needed = ['kafka', 'schema_registry', 'postgres', 'redis'] as const;
  const checks = { ...healthChecks(services, needed), ...taskCheck(runner) };
  const { host, ports } = config.service;
  const port = ports.coordinator;
  const server = await serve({ app: 'coordinator', host, port, checks, metrics, log });
  return {
    name: 'coordinator',
    port: server.port,
    stop: async () => {
      await runner.stop('stay');
      await keeper.stop();
      await server.close();
    },
  };
};

/** The sinks of this process, made anew whenever other partitions are owned. */
class SinkSet {
  readonly #context: AppContext;
  readonly #targets: readonly SinkTarget[];
  #partitions = '';
  #sinks: readonly Sink[] = [];

  constructor(context: AppContext, targets: readonly SinkTarget[]) {
    this.#context = context;
    this.#targets = targets;
  }

  async follow(partitions: readonly number[]): Promise<void> {
    const wanted = [...partitions].sort((left, right) => left - right);
    if (wanted.join() === this.#partitions) return;
    this.#partitions = wanted.join();
    await Promise.all(this.#sinks.map((sink) => sink.stop()));
    const { services, tracing, metrics, log } = this.#context;
    const { names } = services;
    const onWaiting = (sink: string, { records, bytes }: SinkWaiting): void => {
      metrics.sinkWaitingRecords.set({ sink }, records);
      metrics.sinkWaitingBytes.set({ sink }, bytes);
    };
    this.#sinks = this.#targets.map((each) => {
      const target = tracing === null ? each : tracedSink(each, tracing);
      const reader = services.kafka.reader();
      return new Sink({ target, reader, names, partitions: wanted, log, onWaiting });
    });
  }
}
