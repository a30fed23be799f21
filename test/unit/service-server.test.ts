import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createLog } from '../../apps/log.ts';
import { createMetrics } from '../../apps/metrics.ts';
import {
  type Health,
  type HealthChecks,
  PortError,
  registerServiceRoutes,
  type RunningServer,
  serve,
  VERSION,
} from '../../apps/service-server.ts';
import manifest from '../../package.json' with { type: 'json' };

const log = createLog({ app: 'trading', instanceId: '1', level: 'silent' });
const running: RunningServer[] = [];

async function start(checks: HealthChecks, port = 0): Promise<string> {
  const server = await serve({ app: 'trading', port, checks, metrics: createMetrics(), log });
  running.push(server);
  return `http://127.0.0.1:${server.port}`;
}

function routesOnly(checks: HealthChecks): FastifyInstance {
  const server = fastify();
  registerServiceRoutes(server, { checks, metrics: createMetrics(), log });
  return server;
}

async function health(base: string): Promise<{ status: number; body: Health }> {
  const response = await fetch(`${base}/health`);
  return { status: response.status, body: (await response.json()) as Health };
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

describe('the service server', () => {
  it('is healthy when every component is, in exactly the shape of the interface', async () => {
    const base = await start({ kafka: async () => undefined, redis: async () => undefined });
    const { status, body } = await health(base);
    expect(status).toBe(200);
    expect(body).toEqual({
      status: 'healthy',
      version: manifest.version,
      components: {
        service: { status: 'healthy' },
        kafka: { status: 'healthy' },
        redis: { status: 'healthy' },
      },
      uptime: expect.any(Number) as number,
    });
    expect(VERSION).toBe(manifest.version);
  });

  it('is unhealthy with 503 while one is away, says which, and recovers', async () => {
    let away = true;
    const base = await start({
      kafka: async () => undefined,
      postgres: async () => {
        if (away) throw new Error('connection refused');
      },
    });
    const before = await health(base);
    expect(before.status).toBe(503);
    expect(before.body.status).toBe('unhealthy');
    expect(before.body.components).toEqual({
      service: { status: 'healthy' },
      kafka: { status: 'healthy' },
      postgres: { status: 'unhealthy' },
    });
    away = false;
    expect((await health(base)).status).toBe(200);
  });

  it('lets an app say of itself that it does not work', async () => {
    const base = await start({ service: () => Promise.reject(new Error('a task stopped')) });
    const { status, body } = await health(base);
    expect([status, body.components['service']]).toEqual([503, { status: 'unhealthy' }]);
  });

  it('checks all at once, and takes one that hangs for 2 s as away', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const hung = vi.fn(() => new Promise<void>(() => {}));
      const response = routesOnly({ kafka: hung, redis: hung }).inject('/health');
      const status = response.then(({ statusCode }) => statusCode);
      await vi.waitFor(() => expect(hung).toHaveBeenCalledTimes(2));
      await vi.advanceTimersByTimeAsync(2_000);
      expect(await status).toBe(503);
    } finally {
      vi.useRealTimers();
    }
  });

  it('asks a component once for callers that come together', async () => {
    const gate = Promise.withResolvers<void>();
    const check = vi.fn(() => gate.promise);
    const server = routesOnly({ kafka: check });
    await server.ready();
    const callers = [1, 2, 3].map(async () => (await server.inject('/health')).statusCode);
    expect((await server.inject('/livez')).statusCode).toBe(200);
    expect(check).toHaveBeenCalledTimes(1);
    gate.resolve();
    expect(await Promise.all(callers)).toEqual([200, 200, 200]);
    expect(check).toHaveBeenCalledTimes(1);
  });

  it('answers /livez and /metrics', async () => {
    const base = await start({});
    expect((await fetch(`${base}/livez`)).status).toBe(200);
    const metrics = await fetch(`${base}/metrics`);
    expect(metrics.headers.get('content-type')).toContain('text/plain');
    const text = await metrics.text();
    expect(text).toContain('# TYPE millrace_task_lag_records gauge');
    expect(text).toMatch(/^millrace_event_loop_delay_seconds \d/m);
  });

  it('answers nothing else: 404 elsewhere, 405 to what would change something', async () => {
    const base = await start({});
    expect((await fetch(`${base}/intents`)).status).toBe(404);
    expect((await fetch(`${base}/livez`, { method: 'POST' })).status).toBe(405);
    expect((await fetch(`${base}/livez?at=1`, { method: 'HEAD' })).status).toBe(200);
  });

  it('names the port that is taken, and the variable that moves it', async () => {
    const base = await start({});
    const port = Number(new URL(base).port);
    const failure = await start({}, port).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PortError);
    expect((failure as PortError).message).toBe(
      `port ${port} of trading is in use; stop what listens there, or set TRADING_PORT to a free port`,
    );
  });
});
