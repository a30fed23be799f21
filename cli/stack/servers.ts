import { join } from 'node:path';
import type { AppName } from '../../apps/config.ts';
import { kafkaPart } from './kafka.ts';
import type { Part } from './part.ts';
import { postgresLoginUrl, postgresPart, postgresUrl } from './postgres.ts';
import { redisLoginUrl, redisPart, redisUrl } from './redis.ts';
import { registryPart, registryUrl } from './registry.ts';

export type ServerName = 'kafka' | 'registry' | 'postgres' | 'redis';
export const SERVERS: readonly ServerName[] = ['kafka', 'registry', 'postgres', 'redis'];
/** With the chain, which is there only when it is asked for. */
export const ALL_SERVERS: readonly string[] = [...SERVERS, 'anvil'];

/** The four servers on the given ports, each with a folder of its own in `dataFolder`. */
export function serverParts(
  ports: Readonly<Record<ServerName, number>>,
  dataFolder: string,
): Readonly<Record<ServerName, Part>> {
  const place = (name: ServerName): { port: number; folder: string } => ({
    port: ports[name],
    folder: join(dataFolder, name),
  });
  return {
    kafka: kafkaPart(place('kafka')),
    registry: registryPart(place('registry')),
    postgres: postgresPart(place('postgres')),
    redis: redisPart(place('redis')),
  };
}

/** Which variable names an existing server, and what it holds for one of the local stack. */
export const ADDRESS_VARIABLE: Readonly<Record<ServerName, string>> = {
  kafka: 'KAFKA_BROKERS',
  registry: 'SCHEMA_REGISTRY_URL',
  postgres: 'DATABASE_URL',
  redis: 'REDIS_URL',
};

type Addresses = Readonly<Record<string, string>>;

/** The local stores as one app is told them: it logs in as who it is. A given one is told as it is given. */
export function storesOf(
  app: AppName,
  { DATABASE_URL = '', REDIS_URL = '' }: Addresses,
  given: readonly ServerName[] = [],
): Addresses {
  const isWriter = app === 'coordinator';
  const redisLogin = isWriter || app === 'gateway' ? app : 'reader';
  return {
    ...(given.includes('postgres')
      ? {}
      : { DATABASE_URL: postgresLoginUrl(DATABASE_URL, isWriter ? 'coordinator' : 'reader') }),
    ...(given.includes('redis') ? {} : { REDIS_URL: redisLoginUrl(REDIS_URL, redisLogin) }),
  };
}

/** The address of a local server for its operator, as its variable holds it. */
export function addressOf(server: ServerName, port: number): string {
  switch (server) {
    case 'kafka':
      return `127.0.0.1:${port}`;
    case 'registry':
      return registryUrl(port);
    case 'postgres':
      return postgresUrl(port);
    case 'redis':
      return redisUrl(port);
  }
}
