import { describe, expect, it, vi } from 'vitest';
import { KafkaError } from '../../kafka/client.ts';
import { Sink, type SinkMove, type SinkTarget } from '../../kafka/sink.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { eventually } from '../support/eventually.ts';

/** A store that moves its positions with what it holds, and can be away, emptied or moved by another. */
class Store implements SinkTarget {
  readonly name = 'store';
  readonly topics = ['t'];
  mayStartLate = false;
  away = false;
  position = 0;
  held: string[] = [];
  writes = 0;

  positions: SinkTarget['positions'] = async (partitions) => {
    if (this.away) throw new Error('store away');
    return partitions.map((partition) => ({ topic: 't', partition, offset: this.position }));
  };

  write: SinkTarget['write'] = async (records, moves: readonly SinkMove[]) => {
    this.writes += 1;
    if (this.away) throw new Error('store away');
    for (const { from, to } of moves) {
      if (from !== this.position)
        throw Object.assign(new Error('moved by another'), { code: 'POSITION' });
      this.position = to;
    }
    this.held.push(...records.map(({ value }) => Buffer.from(value ?? []).toString()));
  };
}

async function start(store: Store, count: number) {
  const kafka = new MemoryKafka();
  const admin = kafka.admin();
  await admin.createTopic({ name: 'p.t', partitions: 1, replicationFactor: 1, configs: {} });
  const publish = (...values: string[]): Promise<unknown> =>
    kafka.producer().send(
      values.map((value) => ({
        topic: 'p.t',
        partition: 0,
        key: null,
        value: Buffer.from(value),
        headers: {},
      })),
    );
  await publish(...Array.from({ length: count }, (_, index) => String(index)));
  const sink = (): Sink =>
    new Sink({
      target: store,
      reader: kafka.reader(),
      names: new TopicNames('p.'),
      partitions: [0],
      log: { info: () => {}, warn: () => {}, error: () => {} },
    });
  return { kafka, admin, publish, sink };
}

describe('a sink', () => {
  it('carries every record once, in order, from where its store stands', async () => {
    const store = new Store();
    store.position = 2;
    const { sink, publish } = await start(store, 4);
    const running = sink();
    await publish('4', '5');
    await eventually('all is there', () => store.position === 6);
    await running.stop();
    expect(store.held).toEqual(['2', '3', '4', '5']);
  });

  it('waits while its store is away, says why, and goes on', async () => {
    const store = new Store();
    store.away = true;
    const { sink, publish } = await start(store, 3);
    const running = sink();
    const isAway = (): boolean => running.failure?.message === 'store away';
    await eventually('it says so', isAway);
    store.away = false;
    await eventually('all is there', () => store.position === 3);
    await eventually('it says so', () => running.failure === null);
    store.away = true;
    await publish('3');
    await eventually('it says so', isAway, 2_000);
    store.away = false;
    await eventually('all is there', () => store.position === 4);
    await running.stop();
    expect(store.held).toEqual(['0', '1', '2', '3']);
  });

  it('goes back when its store has lost what it held', async () => {
    const store = new Store();
    const { sink } = await start(store, 3);
    const running = sink();
    await eventually('all is there', () => store.position === 3);
    store.held = [];
    store.position = 0;
    const now = performance.now.bind(performance);
    const later = vi.spyOn(performance, 'now').mockImplementation(() => now() + 6_000);
    await eventually('all is there again', () => store.position === 3);
    later.mockRestore();
    await running.stop();
    expect(store.held).toEqual(['0', '1', '2']);
  });

  it('F23 reads the positions anew when another one has moved them', async () => {
    const store = new Store();
    const { sink, publish } = await start(store, 2);
    const running = sink();
    await eventually('all is there', () => store.position === 2);
    store.position = 3;
    await publish('2', '3');
    await eventually('it goes on', () => store.position === 4);
    await running.stop();
    expect(store.held).toEqual(['0', '1', '3']);
  });

  it('passes over what the log no longer holds only where the newest is enough', async () => {
    for (const mayStartLate of [true, false]) {
      const store = new Store();
      store.mayStartLate = mayStartLate;
      const { sink, admin } = await start(store, 5);
      await admin.deleteRecords('p.t', 0, 3);
      const running = sink();
      await eventually(
        'it has met the gap',
        () => store.position === 5 || running.failure !== null,
      );
      const failure = running.failure;
      await running.stop();
      expect(store.held).toEqual(mayStartLate ? ['3', '4'] : []);
      if (!mayStartLate) expect(failure).toBeInstanceOf(KafkaError);
    }
  });

  it('carries nothing for no partitions', async () => {
    const store = new Store();
    const { kafka } = await start(store, 1);
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    const names = new TopicNames('p.');
    const sink = new Sink({ target: store, reader: kafka.reader(), names, partitions: [], log });
    await sink.stop();
    expect(store.writes).toBe(0);
  });
});
