import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadTopologyFile } from '../../apps/topology-file.ts';
import { AvroCodec, eventHeaders } from '../../avro/index.ts';
import { kafkaPart } from '../../cli/stack/kafka.ts';
import { applyTopics } from '../../kafka/topics.ts';
import { topicsOf } from '../../topologies/topics.ts';
import { clientUnderTest } from '../support/client-under-test.ts';
import { type OwnServer, ownServer } from '../integration/own-servers.ts';
import { actualCounts, expectedCounts, repeated, settled } from '../support/counter-model.ts';
import { add } from '../support/counter.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import { TopologyProcess } from '../support/topology-process.ts';

const FILE = join(import.meta.dirname, '..', '..', 'examples', 'accounts.ts');
const BACKLOG = 40_000;
const POSTINGS_PER_REQUEST = 2_000;

let broker: OwnServer;
let fixture: EngineFixture;
beforeAll(async () => {
  broker = await ownServer((place) => ({ ...kafkaPart(place), stopSignal: 'SIGKILL' }));
  await broker.start();
});
afterAll(() => broker.remove());
beforeEach(async () => {
  const brokers = [`127.0.0.1:${broker.port}`];
  fixture = await EngineFixture.start({
    client: clientUnderTest({ brokers, clientId: 'engine-test' }),
  });
});
afterEach(() => fixture.end());

/** Adds to 31 keys until aborted, each addition sent until the broker has confirmed it. */
async function load(signal: AbortSignal): Promise<number> {
  let sent = 0;
  while (!signal.aborted) {
    const batch = Array.from({ length: 10 }, () => {
      sent += 1;
      return add(`key-${sent % 31}`, `e${sent}`, { amount: 1_000 + (sent % 10) });
    });
    await fixture.publish(...batch);
    await pause(20);
  }
  return sent;
}

/** Postings of accounts: a backlog, and then more and more until aborted. `isBehind` is called with the backlog there. */
async function post(signal: AbortSignal, isBehind: () => void): Promise<void> {
  const { names, admin } = fixture;
  const { records, schemas, topologies } = await loadTopologyFile(FILE);
  const made = { partitions: PARTITIONS, replicationFactor: 1, names };
  await applyTopics(admin, topicsOf(topologies), made);
  const codec = await AvroCodec.start({
    registryUrl: process.env['SCHEMA_REGISTRY_URL'] ?? '',
    ...{ topicPrefix: fixture.names.prefix, subjects: records, schemas },
  });
  const { envelope } = add('a', 'posted', { amount: 1 });
  for (let sent = 0; !signal.aborted; sent += POSTINGS_PER_REQUEST) {
    if (sent >= BACKLOG) isBehind();
    await fixture.send(
      ...Array.from({ length: POSTINGS_PER_REQUEST }, (_, nth) => {
        const account = `account-${(sent + nth) % 31}`;
        const own = { event_id: `e${sent + nth}`, event_type: 'account.posted' };
        const posted = { ...envelope, ...own, correlation_id: account };
        const event = { envelope: posted, payload: { cents: 1 }, payload_extra: {}, raw: null };
        return {
          topic: fixture.names.physical('accounts'),
          partition: fixture.partitionOf(account),
          key: Buffer.from(account),
          value: codec.encode('accounts', 'examples.accounts.v1.Posted', event),
          headers: eventHeaders(posted),
        };
      }),
    );
  }
}

describe('a broker that hangs while a member is told to stop', () => {
  afterEach(() => broker.signal('SIGCONT'));

  it('holds it up for less than 10 s: it says that there was more to finish, and the next owner finishes it', async () => {
    const run = fixture.run({ onHandled: () => broker.signal('SIGSTOP') });
    await run.ready();
    await fixture.publish(add('a', 'e1', { amount: 1 }));
    await run.handled(1);
    const startedAt = performance.now();
    await expect(run.stop('stay')).rejects.toMatchObject({ code: 'STOP_UNFINISHED' });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    broker.signal('SIGCONT');
    const next = await fixture.running();
    await settled(fixture);
    expect(await actualCounts(fixture)).toEqual(await expectedCounts(fixture));
    await next.stop();
  });

  it('ends its process with 1 within 10 s of SIGTERM, and with a line that says what becomes of the rest', async () => {
    const posting = new AbortController();
    const behind = Promise.withResolvers<void>();
    const posted = post(posting.signal, behind.resolve);
    await Promise.race([behind.promise, posted]);
    const { prefix } = fixture.names;
    const kafka = { KAFKA_BROKERS: `127.0.0.1:${broker.port}`, TOPIC_PREFIX: prefix };
    const application = new TopologyProcess(FILE, kafka);
    try {
      await application.healthy();
      broker.signal('SIGSTOP');
      const startedAt = performance.now();
      expect(await application.end()).toBe(1);
      expect(performance.now() - startedAt).toBeLessThan(11_000);
      expect(application.output).toContain('STOP_UNFINISHED');
    } finally {
      await application.end();
      posting.abort();
      broker.signal('SIGCONT');
      await posted;
    }
  });

  it('is no failure where there was nothing to finish', async () => {
    const run = await fixture.running();
    broker.signal('SIGSTOP');
    await expect(run.stop('stay')).resolves.toBeUndefined();
  });
});

describe('the broker under a loaded application', () => {
  it.each([
    [
      'is killed and started again',
      async () => {
        await broker.stop();
        await broker.start();
      },
    ],
    [
      'hangs for 5 s',
      async () => {
        broker.signal('SIGSTOP');
        await pause(5_000);
        broker.signal('SIGCONT');
      },
    ],
  ])('%s: it goes on, and nothing is lost or doubled', async (_what, trouble) => {
    const run = await fixture.running();
    const loaded = new AbortController();
    const loading = load(loaded.signal);
    await run.handled(200);
    await trouble();
    const before = run.counts.handled;
    await run.handled(before + 200, 40_000);
    loaded.abort();
    const sent = await loading;
    await run.ready();
    await run.stop();
    await settled(fixture);
    const twice = await repeated(fixture, 'totals');
    console.log(`${sent} additions, ${twice} totals stand twice`);
    expect(await actualCounts(fixture)).toEqual(await expectedCounts(fixture));
    expect(run.failures).toEqual([]);
  });
});
