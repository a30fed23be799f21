import { eventTopics } from '../avro/index.ts';
import { createGateway, fixedAuthorization, StreamServer } from '../gateway/index.ts';
import type { StartApp } from './app.ts';
import { healthChecks } from './service-connector.ts';
import { listen, registerServiceRoutes, VERSION } from './service-server.ts';

/** REST: publishes intents, reads read models and histories; owns no state. */
export const startGateway: StartApp = async ({ config, components, services, metrics, log }) => {
  const { intentManager, eventStream } = components;
  const needed = ['kafka', 'schema_registry', 'postgres', 'redis'] as const;
  const checks = healthChecks(services, needed);
  const authorize = fixedAuthorization(config.gateway.authorization);
  const stream = new StreamServer({
    kafka: services.kafka,
    admin: services.admin,
    codec: services.codec,
    topics: eventTopics().map((topic) => services.names.physical(topic)),
    allowedTopics: config.gateway.wsAllowedTopics,
    authorize,
    metrics,
    log,
  });
  const server = createGateway({
    config: config.gateway,
    authorize,
    version: VERSION,
    log,
    metrics,
    rules: intentManager.rules,
    publisher: eventStream,
    readModels: intentManager.reads,
    store: intentManager.histories,
    bots: components.botGateway,
    serviceRoutes: (routes) => registerServiceRoutes(routes, { checks, metrics, log }),
  });
  const { host, ports } = config.service;
  stream.attach(server.server);
  const running = await listen(server, { app: 'gateway', host, port: ports.gateway });
  return {
    name: 'gateway',
    port: running.port,
    stop: async () => {
      await stream.close();
      await running.close();
    },
  };
};
