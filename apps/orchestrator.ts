import { orchestratorTopology } from '../topologies/orchestrator.ts';
import { type StartApp, startApplication, taskCheck } from './app.ts';
import { engineObserver } from './engine-observer.ts';
import { PoolWatcher } from './pool-watcher.ts';
import { healthChecks } from './service-connector.ts';
import { serve } from './service-server.ts';
import { snapshotPublisher } from './snapshot-publisher.ts';
import { failureObserver, readSwaps } from './swap-readings.ts';

/** orchestrator.workers: the effect worker of swaps, and the watcher that feeds the planner its pools. */
export const startOrchestrator: StartApp = async (context) => {
  const { config, components, services, metrics, log } = context;
  const { options, performers } = components.executionOrchestrator;
  const topology = orchestratorTopology(options);
  const observer = failureObserver(engineObserver(topology, metrics, log), metrics, services.codec);
  const runner = await startApplication(context, topology, {
    performers,
    observer,
    openEffects: config.execution.maxInFlight,
  });
  readSwaps(metrics, runner, components.venueManager.venues.values());
  const producer = services.kafka.producer();
  const { codec, names } = services;
  const { partitions } = config.kafka;
  const watcher = new PoolWatcher({
    venue: components.venueManager.venue,
    publish: snapshotPublisher({ producer, codec, names, partitions }),
    log,
  });
  const checks = {
    ...healthChecks(services, ['kafka', 'schema_registry']),
    ...taskCheck(runner),
    pool_watcher: async () => watcher.check(),
  };
  const { host, ports } = config.service;
  const port = ports.orchestrator;
  const server = await serve({ app: 'orchestrator', host, port, checks, metrics, log });
  return {
    name: 'orchestrator',
    port: server.port,
    stop: async () => {
      await watcher.stop();
      await producer.close();
      await runner.stop('stay');
      await server.close();
    },
  };
};
