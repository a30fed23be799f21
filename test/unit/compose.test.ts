import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseDocument } from 'yaml';
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

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(isText);
const isMapOf =
  (isValue: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    typeof value === 'object' && value !== null && Object.values(value).every(isValue);
const isDuration = (value: unknown): boolean =>
  isText(value) && /^\d+(ms|s|m|h)$/.test(String(value));

/** What a service may say here, and in which form. Source: the Compose Specification, "services". */
const SHAPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  image: isText,
  build: (value) => isText(value) && existsSync(join(String(value), 'Dockerfile')),
  entrypoint: isTexts,
  command: isTexts,
  environment: isMapOf((value) => typeof value === 'string'),
  ports: (value) =>
    isTexts(value) &&
    (value as string[]).every((port) => /^127\.0\.0\.1:\d+:\d+$/.test(withDefaults(port))),
  volumes: (value) =>
    isTexts(value) && (value as string[]).every((each) => /^[^:]+:\/[^:]+(:ro)?$/.test(each)),
  depends_on: isTexts,
  restart: (value) => ['no', 'always', 'on-failure', 'unless-stopped'].includes(String(value)),
  init: (value) => typeof value === 'boolean',
  stop_grace_period: isDuration,
  healthcheck: (value) => {
    const { test, retries, ...times } = value as Record<string, unknown>;
    const [how] = test as string[];
    const isTest = isTexts(test) && (how === 'CMD' || how === 'CMD-SHELL');
    const known = ['interval', 'timeout', 'start_period'];
    const areTimes =
      Object.keys(times).every((key) => known.includes(key)) && isMapOf(isDuration)(times);
    return isTest && Number.isInteger(retries) && areTimes;
  },
};

/** A docker client that is here and can validate such a file; undefined without one. */
const CLIENT = [
  ['compose', '-f', 'docker-compose.yml', 'config', '-q'],
  ['stack', 'config', '-c', 'docker-compose.yml'],
].find(([group = '']) =>
  // Without the plugin docker answers any `compose` with its general help and exit code 0.
  spawnSync('docker', [group, 'config', '--help'], { encoding: 'utf8' }).stdout?.includes(
    `docker ${group} config`,
  ),
);

/** The folders that an app is made of (ARCHITECTURE.md). */
const LOADED = [
  'apps',
  'avro',
  'connectors',
  'engine',
  'gateway',
  'kafka',
  'processors',
  'topologies',
];

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
    expect(service(app).command).toEqual(['node', 'cli/bin.mjs', 'run', app]);
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

  it('K-13 gives every app that keeps local stores a volume that its user may write to', () => {
    const image = text('Dockerfile');
    const user = /^USER (\S+)$/m.exec(image)?.[1] ?? 'root';
    const data = /^ENV MILLRACE_DATA=(\S+)$/m.exec(image)?.[1] ?? '.data';
    expect(user).not.toBe('root');
    expect(image).toContain(`RUN install -d -o ${user} -g ${user} ${data}\n`);
    expect(image.indexOf(`-o ${user}`)).toBeLessThan(image.indexOf(`USER ${user}`));
    expect(image).toMatch(new RegExp(`^VOLUME ${data}$`, 'm'));
    for (const app of ['trading', 'orchestrator', 'coordinator'])
      expect(service(app).volumes).toEqual([`${app}:${data}`]);
  });

  it('K-13 has every file in the image that the apps load', async () => {
    const left = new Set(text('.dockerignore').trim().split('\n'));
    const image = mkdtempSync(join(tmpdir(), 'millrace-image-'));
    try {
      for (const entry of readdirSync('.').filter((name) => !left.has(name) && name[0] !== '.'))
        cpSync(entry, join(image, entry), { recursive: true });
      symlinkSync(join(process.cwd(), 'node_modules'), join(image, 'node_modules'));
      expect(existsSync(join(image, 'deploy/healthcheck.mjs'))).toBe(true);
      const [program = '', ...args] = service('gateway').command ?? [];
      expect(program).toBe('node');
      const env = { ...environmentOf('gateway'), PARTITIONS: 'none' };
      const options = { cwd: image, env, encoding: 'utf8' } as const;
      const { status, stderr } = spawnSync(process.execPath, args, options);
      expect(stderr).toContain('PARTITIONS=none: not a whole number');
      expect(status).toBe(2);
    } finally {
      rmSync(image, { recursive: true, force: true });
    }
  });

  it('K-13 installs every package in the image that the apps import', () => {
    const { dependencies } = JSON.parse(text('package.json')) as { dependencies: object };
    const sources = LOADED.flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
    ).filter((file) => file.endsWith('.ts'));
    const imported = sources.flatMap((file) =>
      [...text(file).matchAll(/^(?:import|\}).* from '((?:@[^/']+\/)?[^./'][^/']*)/gm)].map(
        ([, name = '']) => name,
      ),
    );
    const wanted = new Set(imported.filter((name) => !isBuiltin(name)));
    expect(wanted).toContain('@platformatic/kafka');
    expect([...wanted].filter((name) => !Object.hasOwn(dependencies, name))).toEqual([]);
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

  it('K-13 says nothing that compose does not know, and nothing twice', () => {
    const document = parseDocument(text('docker-compose.yml'), { merge: true });
    expect([...document.errors, ...document.warnings]).toEqual([]);
    expect(Object.keys(compose).filter((key) => !key.startsWith('x-'))).toEqual([
      'services',
      'volumes',
    ]);
    for (const [name, each] of Object.entries(compose.services)) {
      for (const [key, value] of Object.entries(each)) {
        const shape = SHAPES[key];
        expect(shape, `${name}.${key}`).toBeDefined();
        expect(shape?.(value), `${name}.${key}: ${JSON.stringify(value)}`).toBe(true);
      }
      expect(Object.keys(each).some((key) => key === 'image' || key === 'build')).toBe(true);
    }
    // Each $ begins a variable with a default, or is doubled.
    for (const [found] of text('docker-compose.yml').matchAll(/\$.{0,60}/g))
      expect(found).toMatch(/^\$(\{[A-Z_]+:-[^}]*\}|\$)/);
  });

  /** The check above needs no client and holds what is used here; a client knows the whole format. */
  it.runIf(CLIENT !== undefined)(`K-13 is accepted by ${CLIENT?.join(' ')}`, () => {
    const run = spawnSync('docker', CLIENT ?? [], { encoding: 'utf8' });
    expect(run.status, run.stderr).toBe(0);
  });
});
