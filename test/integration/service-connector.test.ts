import net from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../apps/config.ts';
import { CoreComponents } from '../../apps/core-components.ts';
import { createLog } from '../../apps/log.ts';
import { createMetrics } from '../../apps/metrics.ts';
import { migrate } from '../../connectors/postgres/index.ts';
import { createDatabase } from './own-servers.ts';
import { healthChecks, ServiceConnector, ServiceError } from '../../apps/service-connector.ts';

/** A port on which nobody answers. */
async function deadPort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const prefix = `connector-${process.pid}.`;
const env = { ...process.env, TOPIC_PREFIX: prefix };
const records = [{ topic: 'intents', record: 'millrace.trading.v1.IntentSubmitted' }];
const closing: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const close of closing) await close();
});

describe('ServiceConnector', () => {
  it('B-15 opens broker, registry, Postgres and Redis, and gives out their handles', async () => {
    const services = await new ServiceConnector(loadConfig(env), 'connector', records).connectAll();
    closing.push(() => services.close());
    const needed = ['kafka', 'schema_registry', 'postgres', 'redis'] as const;
    for (const check of Object.values(healthChecks(services, needed))) await check();
    expect(services.codec.idOf('intents', records[0]?.record ?? '')).toBeGreaterThan(0);
  });

  it('B-13 gives a process that is not the coordinator no way to write a store', async () => {
    const database = await createDatabase('reads');
    await migrate(database.url);
    const config = loadConfig({ ...env, DATABASE_URL: database.url });
    const services = await new ServiceConnector(config, 'connector', records).connectAll();
    closing.push(() => services.close(), database.drop);
    expect(services.redisWriter).toBeNull();
    const partitions = [{ topic: 'intents', partition: 0 }];
    const written = services.pg.ensurePositions('somebody', partitions);
    await expect(written).rejects.toThrow(/read-only transaction/);
  });

  it('B-15 names the broker that does not answer, and leaves nothing open', async () => {
    const broker = `127.0.0.1:${await deadPort()}`;
    const config = loadConfig({ ...env, KAFKA_BROKERS: broker });
    const failed = new ServiceConnector(config, 'connector', records).connectAll();
    await expect(failed).rejects.toThrow(ServiceError);
    await expect(failed).rejects.toThrow(`No broker answered at ${broker}`);
    await expect(failed).rejects.toThrow('KAFKA_BROKERS');
  });

  it('K-07 refuses to start without the schema registry', async () => {
    const url = `http://127.0.0.1:${await deadPort()}/apis/ccompat/v7`;
    const config = loadConfig({ ...env, SCHEMA_REGISTRY_URL: url });
    const failed = new ServiceConnector(config, 'connector', records).connectAll();
    await expect(failed).rejects.toMatchObject({ code: 'REGISTRY_AWAY', reaction: 'stop' });
    await expect(failed).rejects.toThrow(url);
  });
});

describe('CoreComponents', () => {
  it('B-16 makes each of the seven once', async () => {
    const config = loadConfig(env);
    const services = await new ServiceConnector(config, 'components', records, {
      writesStores: true,
    }).connectAll();
    const log = createLog({ app: 'test', instanceId: '1', level: 'silent' });
    const components = new CoreComponents(config, services, log, createMetrics());
    closing.push(async () => {
      await components.close();
      await services.close();
    });
    const all = () => [
      components.eventStream,
      components.stateCoordinator,
      components.intentManager,
      components.executionPlanner,
      components.executionOrchestrator,
      components.riskEngine,
      components.venueManager,
    ];
    const first = all();
    expect(new Set(first).size).toBe(7);
    all().forEach((component, index) => expect(component).toBe(first[index]));
    const order = { notional_usd: '10000.01', max_slippage: '0.01' };
    expect(components.riskEngine.evaluate(order)).toMatchObject({ approved: false });
    expect(await components.venueManager.venue.poolSnapshots()).toHaveLength(1);
  });

  it('B-52 says once that the native engine is wanted and missing', async () => {
    const lines: string[] = [];
    const config = loadConfig({ ...env, RUST_ENGINE_ENABLED: 'true' });
    const services = await new ServiceConnector(config, 'components', records).connectAll();
    closing.push(() => services.close());
    const destination = { write: (line: string) => void lines.push(line) };
    const log = createLog({ app: 'test', instanceId: '1', level: 'info', destination });
    const components = new CoreComponents(config, services, log, createMetrics());
    expect(components.executionPlanner.options.engine).toBeDefined();
    expect(components.executionPlanner.options.engine).toBeDefined();
    expect(lines.filter((line) => line.includes('RUST_ENGINE_ENABLED'))).toHaveLength(1);
  });
});
