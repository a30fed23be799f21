import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { kafkaPart } from '../../../cli/stack/kafka.ts';
import { ownServer } from '../../integration/own-servers.ts';
import { eventually } from '../../support/eventually.ts';
import { fetchOne } from './reading.ts';
import { type MakeClient, record, Rig, textOf } from './rig.ts';

const RECOVERED_MS = 10_000;

/** A broker of its own is stopped and started under a client that has everything open. */
export function restartContract(makeClient: MakeClient): void {
  describe('broker restart', () => {
    it('F25 J5b goes on after the broker was away: producer, reader, member and admin', async () => {
      const server = await ownServer(kafkaPart);
      const rig = new Rig(makeClient, `127.0.0.1:${server.port}`);
      try {
        await server.start();
        await goesOn(rig, {
          stop: () => server.stop(),
          start: () => server.start(),
        });
      } finally {
        await rig.end();
        await server.remove();
      }
    });
  });
}

async function goesOn(
  rig: Rig,
  broker: { stop(): Promise<void>; start(): Promise<void> },
): Promise<void> {
  const topic = await rig.topic(2);
  const [producer, reader, admin] = [rig.producer(), rig.reader(), rig.admin()];
  const member = rig.member({ topic, groupId: randomUUID(), sessionTimeoutMs: 6_000 });
  const send = async (value: string) => (await producer.send([record(topic, value)]))[0];
  const read = (offset: number) => fetchOne(reader, { topic, partition: 0, offset });
  expect(await send('before')).toMatchObject({ result: 'confirmed', baseOffset: 0 });
  await read(0);
  await member.has([0, 1]);
  const poll = reader
    .fetch([{ topic, partition: 0, offset: 1 }], { maxWaitMs: 4_000 })
    .catch(() => []);
  await broker.stop();
  await poll;
  expect(await send('away')).toMatchObject({ result: 'unknown' });
  await expect(read(0)).rejects.toMatchObject({ name: 'KafkaError', canRetry: true });
  await expect(admin.ping(1_000)).rejects.toMatchObject({ name: 'KafkaError' });
  await broker.start();
  const recovered = <Value>(what: string, attempt: () => Promise<Value | null>) =>
    eventually(what, () => attempt().then(Boolean, () => false), RECOVERED_MS);
  await Promise.all([
    recovered('the producer is back', async () => (await send('after'))?.result === 'confirmed'),
    recovered('the reader is back', async () => (await read(0)).records.length > 0),
    recovered('the admin is back', () => admin.ping(1_000).then(() => true)),
    eventually(
      'the member is back',
      () => member.membership.joined && member.membership.heartbeatAgeMs < 1_000,
      RECOVERED_MS,
    ),
  ]);
  expect(member.partitions).toEqual([0, 1]);
  expect(member.fences).toEqual([]);
  const values = (await rig.records(topic)).map(({ value }) => textOf(value));
  expect(values[0]).toBe('before');
  expect(values.filter((value) => value === 'away').length).toBeLessThanOrEqual(1);
  expect(values.at(-1)).toBe('after');
}
