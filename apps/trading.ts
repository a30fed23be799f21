import { tradingTopologies } from '../topologies/trading.ts';
import { type StartApp, startApplication, taskCheck } from './app.ts';
import { poolCheck } from './pool-check.ts';
import { healthChecks } from './service-connector.ts';
import { serve } from './service-server.ts';
import { readPools } from './swap-readings.ts';

/** Risk, acceptance and planner: planner.workers when fused, a group of workers each when split. */
export const startTrading: StartApp = async (context) => {
  const { config, components, services, metrics, log } = context;
  const { limits } = components.riskEngine;
  const { options: planner } = components.executionPlanner;
  const topologies = tradingTopologies({ limits, planner }, config.kafka.deployment);
  const runners = await Promise.all(
    topologies.map((topology) => startApplication(context, topology)),
  );
  const planners = runners.filter((_, index) => topologies[index]?.references.has('pool'));
  readPools(metrics, planners, planner.assets);
  const checks = {
    ...healthChecks(services, ['kafka', 'schema_registry']),
    ...taskCheck(...runners),
    ...poolCheck(planners, planner),
  };
  const { host, ports } = config.service;
  const server = await serve({ app: 'trading', host, port: ports.trading, checks, metrics, log });
  return {
    name: 'trading',
    port: server.port,
    stop: async () => {
      await Promise.all(runners.map((runner) => runner.stop('stay')));
      await server.close();
    },
  };
};
