import { performance } from 'node:perf_hooks';
import type { FastifyInstance } from 'fastify';
import { type AppName, PORT_VARIABLE } from './config.ts';
import { within } from '../gateway/deadline.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import manifest from '../package.json' with { type: 'json' };

/** Version of the running code, as `/health` and `/openapi.json` say it. */
export const VERSION: string = manifest.version;

/** Resolves when the component is usable, throws when it is not. */
export type HealthCheck = () => Promise<void>;

/** By component: `kafka`, `schema_registry`, `postgres`, `redis`; what this app needs. */
export type HealthChecks = Readonly<Record<string, HealthCheck>>;

export type HealthStatus = 'healthy' | 'unhealthy';

/** Body of `/health`. Units: `uptime` in milliseconds. */
export interface Health {
  readonly status: HealthStatus;
  readonly version: string;
  readonly components: Readonly<Record<string, { readonly status: HealthStatus }>>;
  readonly uptime: number;
}

export interface ServiceRoutesOptions {
  readonly checks: HealthChecks;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Limit of one component's check. */
const CHECK_LIMIT_MS = 2_000;

/** Adds `/health`, `/livez` and `/metrics` to a server. */
export function registerServiceRoutes(
  server: FastifyInstance,
  options: ServiceRoutesOptions,
): void {
  const { registry } = options.metrics;
  const health = healthReporter(options);
  const quiet = { logLevel: 'warn' } as const;
  server.get('/health', quiet, async (_, reply) => {
    const report = await health();
    return reply.code(report.status === 'healthy' ? 200 : 503).send(report);
  });
  server.get('/livez', quiet, async () => ({ status: 'alive' }));
  server.get('/metrics', quiet, async (_, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
}

/** All checks at once; callers that come meanwhile share the answer, so that polling cannot pile up. */
function healthReporter({ checks, log }: ServiceRoutesOptions): () => Promise<Health> {
  const startedAt = performance.now();
  const away = new Set<string>();
  let running: Promise<Health> | null = null;

  async function status(name: string, check: HealthCheck): Promise<HealthStatus> {
    try {
      await within({ what: name, limitMs: CHECK_LIMIT_MS }, check());
      if (away.delete(name)) log.info({ component: name }, 'component is back');
      return 'healthy';
    } catch (error) {
      if (!away.has(name)) log.warn({ component: name, err: error }, 'component is away');
      away.add(name);
      return 'unhealthy';
    }
  }

  async function report(): Promise<Health> {
    const entries = await Promise.all(
      Object.entries(checks).map(
        async ([name, check]) => [name, { status: await status(name, check) }] as const,
      ),
    );
    return {
      status: entries.every(([, each]) => each.status === 'healthy') ? 'healthy' : 'unhealthy',
      version: VERSION,
      components: { service: { status: 'healthy' }, ...Object.fromEntries(entries) },
      uptime: Math.round(performance.now() - startedAt),
    };
  }

  return () => (running ??= report().finally(() => (running = null)));
}

/** The port that an app should listen on belongs to somebody else. */
export class PortError extends Error {
  override readonly name = 'PortError';
  readonly code = 'PORT_BUSY';
  readonly reaction = 'stop';
  readonly port: number;

  constructor({ app, port }: { readonly app: AppName; readonly port: number }, cause: unknown) {
    super(
      `port ${port} of ${app} is in use; stop what listens there, or set ${PORT_VARIABLE[app]} to a free port`,
      { cause },
    );
    this.port = port;
  }
}

export interface ListenOptions {
  readonly app: AppName;
  /** 0: any free port. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
}

export interface RunningServer {
  /** The one it listens on, also where 0 was asked for. */
  readonly port: number;
  /** Answers what is under way, takes nothing new. */
  close(): Promise<void>;
}

/** Throws: PortError (stop) when the port is taken. */
export async function listen(
  server: FastifyInstance,
  { app, port, host = '127.0.0.1' }: ListenOptions,
): Promise<RunningServer> {
  try {
    await server.listen({ port, host });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new PortError({ app, port }, error);
  }
  const address = server.server.address();
  const actual = typeof address === 'object' && address !== null ? address.port : port;
  return { port: actual, close: () => server.close() };
}

/** The whole HTTP server of a worker app: health, liveness and metrics. Throws: PortError (stop). */
export async function serve(options: ListenOptions & ServiceRoutesOptions): Promise<RunningServer> {
  // Loaded only now: what the app does is under way.
  const { fastify } = await import('fastify');
  const server = fastify({ logger: false });
  registerServiceRoutes(server, options);
  return await listen(server, options);
}
