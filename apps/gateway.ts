import { eventTopics } from '../avro/index.ts';
import { GatewayNotes } from '../connectors/redis/index.ts';
import {
  type Authorize,
  authorizeByKey,
  createGateway,
  fixedAuthorization,
  type Nonces,
  SignatureCheck,
  StreamServer,
} from '../gateway/index.ts';
import type { StartApp } from './app.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { healthChecks } from './service-connector.ts';
import { listen, registerServiceRoutes, VERSION } from './service-server.ts';

/** REST and WebSocket: publishes intents, reads read models and histories; owns no state. */
export const startGateway: StartApp = async (context) => {
  const { config, components, services, metrics, tracing, log } = context;
  const { intentManager, eventStream } = components;
  const needed = ['kafka', 'schema_registry', 'postgres', 'redis'] as const;
  const checks = healthChecks(services, needed);
  const notes = await GatewayNotes.open(config.stores.redisUrl, config.kafka.topicPrefix);
  const access = accessOf(config.gateway, notes);
  const stream = new StreamServer({
    kafka: services.kafka,
    admin: services.admin,
    codec: services.codec,
    topics: eventTopics().map((topic) => services.names.physical(topic)),
    allowedTopics: config.gateway.wsAllowedTopics,
    ...access,
    metrics,
    log,
  });
  const server = createGateway({
    config: config.gateway,
    ...access,
    version: VERSION,
    log,
    metrics,
    rules: intentManager.rules,
    assets: intentManager.assets,
    publisher: eventStream,
    readModels: intentManager.reads,
    store: intentManager.histories,
    correlations: intentManager.histories,
    submissions: notes,
    bots: components.botGateway,
    ...(tracing && { tracing }),
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
      await notes.close();
    },
  };
};

function accessOf(
  { authorization, apiKeys }: Pick<GatewayConfig, 'authorization' | 'apiKeys'>,
  nonces: Nonces,
): { readonly authorize: Authorize; readonly signatures?: SignatureCheck } {
  const everybody = fixedAuthorization(authorization);
  if (apiKeys === null) return { authorize: everybody };
  const byKey = authorizeByKey(apiKeys);
  return {
    authorize: async (request) => (await everybody(request)) && (await byKey(request)),
    signatures: new SignatureCheck({ keys: apiKeys, nonces, nowMs: Date.now }),
  };
}
