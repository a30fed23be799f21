import { tradingTopology } from '../topologies/trading.ts';
import { type StartApp, startApplication, taskCheck } from './app.ts';
import { healthChecks } from './service-connector.ts';
import { serve } from './service-server.ts';

/** planner.workers: risk, acceptance and planner, fused. */
export const startTrading: StartApp = async (context) => {
  const { config, components, services, metrics, log } = context;
  const topology = tradingTopology({
    limits: components.riskEngine.limits,
    planner: components.executionPlanner.options,
  });
  const runner = startApplication(context, topology);
  const checks = { ...healthChecks(services, ['kafka', 'schema_registry']), ...taskCheck(runner) };
  const { host, ports } = config.service;
  const server = await serve({ app: 'trading', host, port: ports.trading, checks, metrics, log });
  return {
    name: 'trading',
    port: server.port,
    stop: async () => {
      await runner.stop('stay');
      await server.close();
    },
  };
};
