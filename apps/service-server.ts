import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
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
  const quiet = { logLevel: 'warn' } as const;
  for (const [path, answer] of serviceAnswers(options))
    server.get(path, quiet, async (_, reply) => {
      const { status, type, text } = await answer();
      return reply.code(status).type(type).send(text);
    });
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** By path. */
function serviceAnswers(options: ServiceRoutesOptions): ReadonlyMap<string, () => Promise<Answer>> {
  const { registry } = options.metrics;
  const health = healthReporter(options);
  const json = (status: number, body: unknown): Answer => {
    return { status, type: JSON_TYPE, text: JSON.stringify(body) };
  };
  return new Map([
    [
      '/health',
      async () => {
        const report = await health();
        return json(report.status === 'healthy' ? 200 : 503, report);
      },
    ],
    ['/livez', async () => json(200, { status: 'alive' })],
    [
      '/metrics',
      async () => ({ status: 200, type: registry.contentType, text: await registry.metrics() }),
    ],
  ]);
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
  options: ListenOptions,
): Promise<RunningServer> {
  const port = await bound(server.server, options, (where) => server.listen(where));
  return { port, close: () => server.close() };
}

/** @returns the port. */
async function bound(
  server: Server,
  { app, port, host = '127.0.0.1' }: ListenOptions,
  bind: (where: { readonly port: number; readonly host: string }) => Promise<unknown>,
): Promise<number> {
  try {
    await bind({ port, host });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new PortError({ app, port }, error);
  }
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

/**
 * The whole HTTP server of a worker app: health, liveness and metrics. A web framework for that would take longer to load than
 * the app to have its tasks back. Throws: PortError (stop).
 */
export async function serve(options: ListenOptions & ServiceRoutesOptions): Promise<RunningServer> {
  const answers = serviceAnswers(options);
  const server = createServer(({ method, url = '' }, response) => {
    const answer = answers.get(url.split('?', 1)[0] ?? '');
    if (answer === undefined) return end(response, { status: 404, type: JSON_TYPE, text: '{}' });
    if (method !== 'GET' && method !== 'HEAD')
      return end(response, { status: 405, type: JSON_TYPE, text: '{}' });
    answer().then(
      (each) => end(response, each),
      (error: unknown) => {
        options.log.error({ err: error }, `${url} could not be answered`);
        end(response, { status: 500, type: JSON_TYPE, text: '{}' });
      },
    );
  });
  const port = await bound(server, options, (where) => once(server.listen(where), 'listening'));
  return {
    port,
    close: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

function end(response: ServerResponse, { status, type, text }: Answer): void {
  response.writeHead(status, { 'content-type': type });
  response.end(text);
}
