import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { kafkaClientContract } from './kafka-client.contract.ts';
import { processContract } from './kafka-client/process.contract.ts';
import { eventually } from '../support/eventually.ts';
import { record, Rig } from './kafka-client/rig.ts';

describe('connections of the platformatic adapter', () => {
  it('F25 loses sight of no connection that is made right after one that failed', async () => {
    const rig = new Rig(platformaticClient, process.env['KAFKA_BROKERS'] ?? '');
    const proxy = await rig.proxy();
    const admin = rig.client({ proxy }).admin();
    await admin.ping(2_000);
    await proxy.refuse();
    proxy.resetAll();
    await eventually('the connection is gone', () => proxy.connections === 0);
    // The library tries the same address again at once: as the bootstrap's and as the broker's own.
    const failed = 'tracing:plt:kafka:connections:connects:error';
    const onFailed = (): void => void proxy.accept();
    subscribe(failed, onFailed);
    await admin.ping(2_000);
    unsubscribe(failed, onFailed);
    await admin.ping(2_000);
    expect(proxy.connections).toBeGreaterThan(0);
    await admin.close();
    await eventually('none is left', () => proxy.connections === 0, 2_000);
    await rig.end();
  });
});

/** The partitions of a request, in order. */
function namesOf(partitions: readonly { readonly partition: number }[]): string {
  return partitions
    .map(({ partition }) => partition)
    .sort()
    .join();
}

describe('requests of the platformatic producer', () => {
  it('J3b shares one among the calls of a moment, and keeps a batch and an order for each call of a partition', async () => {
    const rig = new Rig(platformaticClient, process.env['KAFKA_BROKERS'] ?? '');
    const proxy = await rig.proxy();
    const topic = await rig.topic(3);
    const requests: string[] = [];
    proxy.onProduce(({ partitions }) => {
      requests.push(namesOf(partitions));
      return 'pass';
    });
    const producer = rig.producer({ proxy });
    const send = (value: string, ...of: number[]) =>
      producer.send(of.map((partition) => record(topic, value, { partition })));
    await send('warm', 0, 1, 2);
    requests.length = 0;

    const [first, second, third, large, last] = await Promise.all([
      send('first', 0),
      send('second', 1, 2),
      send('third', 1, 1),
      send('x'.repeat(100_000), 0),
      send('last', 0),
    ]);

    expect(requests).toEqual(['0,1,2', '1', '0', '0']);
    expect(first).toEqual([{ topic, partition: 0, result: 'confirmed', baseOffset: 1 }]);
    expect([...(second ?? [])].sort((left, right) => left.partition - right.partition)).toEqual([
      { topic, partition: 1, result: 'confirmed', baseOffset: 1 },
      { topic, partition: 2, result: 'confirmed', baseOffset: 1 },
    ]);
    expect(third).toEqual([{ topic, partition: 1, result: 'confirmed', baseOffset: 2 }]);
    expect(large).toMatchObject([{ result: 'confirmed', baseOffset: 2 }]);
    expect(last).toMatchObject([{ result: 'confirmed', baseOffset: 3 }]);
    await rig.end();
  });

  it('J3b K-12 shares the next one among what is called while one is under way, and waits no longer than some milliseconds', async () => {
    const rig = new Rig(platformaticClient, process.env['KAFKA_BROKERS'] ?? '');
    const proxy = await rig.proxy();
    const topic = await rig.topic(3);
    const requests: string[] = [];
    proxy.onProduce(({ partitions }) => {
      requests.push(namesOf(partitions));
      return partitions.some(({ partition }) => partition === 2) ? 'mute' : 'pass';
    });
    const producer = rig.producer({ proxy });
    const send = (partition: number) => producer.send([record(topic, 'x', { partition })]);
    const laterTurn = () => new Promise((resolve) => setImmediate(resolve));
    await send(0);
    requests.length = 0;

    const first = send(0);
    await laterTurn();
    const [second, third] = [send(1), laterTurn().then(() => send(0))];
    await Promise.all([first, second, third]);
    expect(requests).toEqual(['0', '0,1']);

    // The answer to this one never comes.
    const lost = send(2);
    await laterTurn();
    const behind = send(1);
    await eventually('what waits behind it is sent', () => requests.length === 4, 2_000);
    expect(requests.slice(2)).toEqual(['2', '1']);
    void Promise.all([lost, behind]);
    await rig.end();
  });

  it('J3a says of each call of a shared request what became of its own partitions', async () => {
    const rig = new Rig(platformaticClient, process.env['KAFKA_BROKERS'] ?? '');
    const small = await rig.topic(1, { 'max.message.bytes': '2000' });
    const usual = await rig.topic();
    const producer = rig.producer();
    await producer.send([record(small, 'warm'), record(usual, 'warm')]);
    const [refused, taken, missing] = await Promise.all([
      producer.send([record(small, 'x'.repeat(5_000))]),
      producer.send([record(usual, 'fits')]),
      producer.send([record(`${usual}.not-there`, 'nowhere')]),
    ]);
    expect(refused).toMatchObject([{ result: 'refused', code: 'MESSAGE_TOO_LARGE' }]);
    expect(taken).toMatchObject([{ result: 'confirmed', baseOffset: 1 }]);
    expect(missing).toMatchObject([{ result: 'unknown', code: 'UNKNOWN_TOPIC_OR_PARTITION' }]);
    await rig.end();
  });
});

processContract('platformatic');
kafkaClientContract('platformatic', platformaticClient);
