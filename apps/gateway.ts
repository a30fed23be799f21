import { createGateway } from '../gateway/index.ts';
import type { StartApp } from './app.ts';
import { healthChecks } from './service-connector.ts';
import { listen, registerServiceRoutes, VERSION } from './service-server.ts';

/** REST: publishes intents, reads read models and histories; owns no state. */
export const startGateway: StartApp = async ({ config, components, services, metrics, log }) => {
  const { intentManager, eventStream } = components;
  const needed = ['kafka', 'schema_registry', 'postgres', 'redis'] as const;
  const checks = healthChecks(services, needed);
  const server = createGateway({
    config: config.gateway,
    version: VERSION,
    log,
    metrics,
    rules: intentManager.rules,
    publisher: eventStream,
    readModels: intentManager.reads,
    store: intentManager.histories,
    serviceRoutes: (routes) => registerServiceRoutes(routes, { checks, metrics, log }),
  });
  const { host, ports } = config.service;
  const running = await listen(server, { app: 'gateway', host, port: ports.gateway });
  return { name: 'gateway', port: running.port, stop: () => running.close() };
};
