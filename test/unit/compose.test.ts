import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../apps/config.ts';

interface Service {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const text = (path: string): string => readFileSync(path, 'utf8');
const compose = parse(text('docker-compose.yml'), { merge: true }) as Compose;

function service(name: string): Service {
  const found = compose.services[name];
  if (!found) throw new Error(`docker-compose.yml has no service ${name}; add it`);
  return found;
}

/** What compose passes on when the shell sets nothing. */
function withDefaults(value: string): string {
  return value.replace(/\$\{\w+:-([^}]*)\}/g, '$1');
}

function environmentOf(name: string): Record<string, string> {
  const entries = Object.entries(service(name).environment ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, withDefaults(value)]));
}

const APPS = [
  ['gateway', 3000],
  ['trading', 3001],
  ['orchestrator', 3002],
  ['coordinator', 3003],
] as const;

describe('docker-compose.yml', () => {
  it('K-13 has broker, console, stores, chain, services and monitoring', () => {
    expect(Object.keys(compose.services).sort()).toEqual(
      [
        'anvil',
        'console',
        'coordinator',
        'gateway',
        'grafana',
        'orchestrator',
        'prometheus',
        'redis',
        'redpanda',
        'set-up',
        'timescale',
        'trading',
      ].sort(),
    );
  });

  it('K-13 names every image by its exact version', () => {
    const images = Object.values(compose.services).map((each) => each.image ?? '');
    for (const image of images) expect(image).toMatch(/:(v?\d+\.\d+[\w.-]*|local)$/);
  });

  it('K-13 depends only on services that exist, and mounts only files that exist', () => {
    for (const each of Object.values(compose.services)) {
      for (const name of each.depends_on ?? []) expect(compose.services).toHaveProperty(name);
      for (const volume of each.volumes ?? []) {
        const source = volume.split(':')[0] ?? '';
        if (source.startsWith('.')) expect(existsSync(source), source).toBe(true);
        else expect(compose.volumes).toHaveProperty(source);
      }
    }
  });

  it('K-13 offers each part at the port that the interfaces name, on loopback only', () => {
    const published = Object.values(compose.services).flatMap((each) => each.ports ?? []);
    for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:/);
    const ports = published.map((port) => withDefaults(port).split(':')[1]);
    expect(ports).toEqual(
      expect.arrayContaining(
        [3000, 3001, 3002, 3003, 19092, 18081, 15432, 16379, 18545].map(String),
      ),
    );
    expect(new Set(ports).size).toBe(ports.length);
  });

  it.each(APPS)('K-13 gives %s a configuration that it accepts', (app, port) => {
    const config = loadConfig(environmentOf(app));
    expect(config.service.ports[app]).toBe(port);
    expect(config.service.host).toBe('0.0.0.0');
    expect(config.kafka.brokers).toEqual(['redpanda:9092']);
    expect(config.stores.registryUrl).toContain('http://redpanda:8081');
    expect(service(app).command).toEqual(['node', 'apps/main.ts', app]);
  });

  it.each([
    ['gateway', 'millrace_reader', 'millrace_gateway'],
    ['trading', 'millrace_reader', 'millrace_reader'],
    ['orchestrator', 'millrace_reader', 'millrace_reader'],
    ['coordinator', 'millrace_coordinator', 'millrace_coordinator'],
  ])('lets %s log in as %s and %s', (app, login, user) => {
    const { stores } = loadConfig(environmentOf(app));
    expect(new URL(stores.databaseUrl).username).toBe(login);
    expect(new URL(stores.redisUrl).username).toBe(user);
    expect(environmentOf(app)).not.toHaveProperty('DATABASE_OWNER_URL');
    expect(text('connectors/postgres/migrations/0005_roles.sql')).toContain(login);
    expect(text('deploy/postgres/logins.sql')).toContain(`ALTER ROLE ${login} LOGIN`);
    expect(text('connectors/redis/users.acl')).toContain(`user ${user} on >${user} `);
  });

  it('migrates as the owner, before anything can use the tables', () => {
    const { stores } = loadConfig(environmentOf('set-up'));
    expect(new URL(stores.ownerDatabaseUrl).username).toBe('millrace_owner');
    expect(service('set-up').command).toEqual(['node', 'apps/apply.ts']);
  });

  it('K-10 wires Console to the registry, so that it decodes Avro', () => {
    const environment = environmentOf('console');
    expect(environment['KAFKA_SCHEMAREGISTRY_ENABLED']).toBe('true');
    expect(environment['KAFKA_SCHEMAREGISTRY_URLS']).toBe(
      environmentOf('trading')['SCHEMA_REGISTRY_URL'],
    );
    expect(environment['KAFKA_BROKERS']).toBe(environmentOf('trading')['KAFKA_BROKERS']);
  });

  it('runs Redpanda so that what is acknowledged is on disk', () => {
    const command = service('redpanda').command?.join(' ') ?? '';
    expect(command).not.toContain('dev-container');
    expect(command).toContain('--unsafe-bypass-fsync=false');
    const bootstrap = parse(text('deploy/redpanda/bootstrap.yaml')) as Record<string, unknown>;
    expect(bootstrap['write_caching_default']).toBe('disabled');
    expect(bootstrap['auto_create_topics_enabled']).toBe(false);
    expect(service('redpanda').volumes).toContain(
      './deploy/redpanda/bootstrap.yaml:/etc/redpanda/.bootstrap.yaml:ro',
    );
  });

  it('K-13 is accepted by a client', (context) => {
    const clients = [
      ['compose', '-f', 'docker-compose.yml', 'config', '-q'],
      ['stack', 'config', '-c', 'docker-compose.yml'],
    ];
    // Without the plugin docker answers any `compose` with its general help and exit code 0.
    const [client] = clients.filter(([group = '']) =>
      spawnSync('docker', [group, 'config', '--help'], { encoding: 'utf8' }).stdout?.includes(
        `docker ${group} config`,
      ),
    );
    if (!client) return context.skip('no docker client here: install one to validate the file');
    const run = spawnSync('docker', client, { encoding: 'utf8' });
    expect(run.status, run.stderr).toBe(0);
  });
});
