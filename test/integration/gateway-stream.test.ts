import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { eventually } from '../support/eventually.ts';
import { StreamRig } from '../support/stream-rig.ts';

const FLOOD_MS = 120_000;
const ROUNDS = 100;
const MARKET_A_ROUND = 1_000;

let rig: StreamRig;

beforeEach(async () => {
  const kafka = platformaticClient({
    brokers: [process.env['KAFKA_BROKERS'] ?? ''],
    clientId: 'stream',
  });
  // The flood takes as long as the machine is slow; who answers no pings meanwhile is another test's.
  rig = await StreamRig.start(kafka, `stream-${randomUUID()}.`, { pingMs: 2 * FLOOD_MS });
});

afterEach(async () => {
  await rig.stop();
});

describe('the stream on a broker', () => {
  it('B-28 B-29 B-96 gives what is published, and leaves no consumer group', async () => {
    const admin = rig.kafka.admin();
    const before = (await admin.listGroups()).map(({ id }) => id);
    const client = await rig.connect();
    await client.subscribe({ topics: ['exec.*', 'risk.approved'], correlationId: 'a' });
    await rig.publish('exec.completed', 'a', 10);
    await rig.publish('risk.approved', 'b');
    await rig.publish('risk.approved', 'a');
    await eventually('they came', () => client.events.length === 11);
    const during = (await admin.listGroups()).map(({ id }) => id);
    client.terminate();
    expect(during.filter((id) => !before.includes(id))).toEqual([]);
    await admin.close();
  });

  it('B-30 goes on from a position on another gateway', async () => {
    const client = await rig.connect();
    await client.subscribe({ topics: ['exec.*'] });
    await rig.publish('exec.completed', 'a', 5);
    await eventually('five came', () => client.events.length === 5);
    await rig.publish('exec.completed', 'b', 50);
    await rig.stream.close();
    await eventually('it is closed', () => client.closed !== null);
    expect(client.closed?.code).toBe(1001);
    const resume = client.closed?.reason ?? '';
    const seen = client.marks.length;
    const other = await StreamRig.start(rig.kafka, rig.prefix);
    const again = await other.connect();
    await again.subscribe({ topics: ['exec.*'], resume });
    await eventually('the rest came', () => again.events.length === 55 - seen);
    expect([...client.marks, ...again.marks].sort((left, right) => left - right)).toEqual(
      Array.from({ length: 55 }, (_, index) => index),
    );
    await other.stop();
  });

  it(
    'B-31 B-32 holds 1,024 events for a client that does not read, and loses only market data',
    async () => {
      const slow = await rig.connect();
      const quick = await rig.connect();
      await slow.subscribe({ topics: ['market.*', 'exec.*'] });
      await quick.subscribe({ topics: ['exec.*'] });
      slow.stopReading();
      for (let round = 0; round < ROUNDS; round++) {
        await rig.publish('market.pool_snapshot', 'pool', MARKET_A_ROUND, {
          note: 'x'.repeat(700),
        });
        await rig.publish('exec.completed', `c${round}`);
      }
      await eventually('the other one has them', () => quick.events.length === ROUNDS, FLOOD_MS);
      await eventually('it is measured', async () => (await rig.queueLength()) > 0);
      expect(await rig.queueLength()).toBeLessThanOrEqual(1_024);
      slow.readAgain();
      const isExec = ({ event }: { readonly event?: { readonly topic: string } }): boolean =>
        event?.topic === 'exec.completed';
      await eventually('all came', () => slow.events.filter(isExec).length === ROUNDS, FLOOD_MS);
      const dropped = slow.frames.filter(({ type }) => type === 'dropped');
      expect(new Set(dropped.map(({ topic }) => topic))).toEqual(new Set(['market.pool_snapshot']));
      const market = (): number => slow.events.filter((frame) => !isExec(frame)).length;
      const lost = (): number => slow.frames.reduce((sum, { count = 0 }) => sum + count, 0);
      expect(lost()).toBeGreaterThan(0);
      await eventually('all is accounted for', () => market() + lost() === ROUNDS * MARKET_A_ROUND);
      expect(quick.frames.filter(({ type }) => type === 'dropped')).toEqual([]);
    },
    2 * FLOOD_MS,
  );
});
