import { describe, expect, it } from 'vitest';
import type { FetchedPartition, PartitionReader } from '../../kafka/client.ts';
import { KafkaError } from '../../kafka/client.ts';
import { SourceFetcher, type SourceSubscriber } from '../../kafka/source-fetcher.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { add } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';

const LOG = { info: () => {}, warn: () => {}, error: () => {} };

/** A reader whose answers a test gives, one fetch after another. */
class ScriptedReader implements PartitionReader {
  readonly asked: { readonly topic: string; readonly offset: number }[][] = [];
  readonly #answers: ((answer: readonly FetchedPartition[] | Error) => void)[] = [];

  fetch: PartitionReader['fetch'] = (positions) => {
    this.asked.push(positions.map(({ topic, offset }) => ({ topic, offset })));
    return new Promise((resolve, reject) =>
      this.#answers.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer))),
    );
  };

  async answer(answer: readonly FetchedPartition[] | Error): Promise<void> {
    await eventually('a fetch waits', () => this.#answers.length > 0);
    this.#answers.shift()?.(answer);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function fetched(from: number, count: number, extra: Partial<FetchedPartition> = {}) {
  const records = Array.from({ length: count }, (_, index) => ({
    topic: 't',
    partition: 0,
    offset: from + index,
    leaderEpoch: 0,
    timestampMs: 0,
    key: null,
    value: null,
    headers: {},
  }));
  const end = from + count;
  const place = { topic: 't', topicId: 'id', partition: 0, logStartOffset: 0, highWatermark: end };
  return { ...place, records, nextOffset: end, error: null, ...extra };
}

class Subscriber implements SourceSubscriber {
  readonly offsets: number[] = [];
  readonly lost: number[] = [];
  full = false;
  deliver: SourceSubscriber['deliver'] = (_topic, _id, records) => {
    this.offsets.push(...records.map(({ offset }) => offset));
  };
  isFull = (): boolean => this.full;
  outOfRange: SourceSubscriber['outOfRange'] = (_topic, offset) => {
    this.lost.push(offset);
    return null;
  };
  reached = (): void => {};
}

function start(isBusy?: () => boolean) {
  const reader = new ScriptedReader();
  const fetcher = new SourceFetcher(reader, LOG, isBusy);
  const stop = async (): Promise<void> => {
    const stopped = fetcher.stop();
    void reader.answer([]);
    await stopped;
  };
  return { reader, fetcher, stop };
}

describe('the fetcher of sources', () => {
  it('delivers in order from the asked offset, and asks on behind it', async () => {
    const { reader, fetcher, stop } = start();
    const subscriber = new Subscriber();
    fetcher.open('t', 0, 2, subscriber);
    await reader.answer([fetched(0, 5)]);
    await reader.answer([]);
    expect(subscriber.offsets).toEqual([2, 3, 4]);
    expect(reader.asked.slice(0, 2).map(([first]) => first?.offset)).toEqual([2, 5]);
    await stop();
  });

  it('leaves a full subscriber out until it has room again', async () => {
    const { reader, fetcher, stop } = start();
    const [full, free] = [new Subscriber(), new Subscriber()];
    fetcher.open('t', 0, 0, full);
    fetcher.open('u', 0, 0, free);
    full.full = true;
    await reader.answer([]);
    await reader.answer([]);
    expect(reader.asked[1]?.map(({ topic }) => topic)).toEqual(['u']);
    full.full = false;
    await reader.answer([]);
    await reader.answer([]);
    expect(reader.asked[3]?.map(({ topic }) => topic)).toEqual(['t', 'u']);
    await stop();
  });

  it('E-11 asks for what is urgent while an answer full of the rest is on its way', async () => {
    const { reader, fetcher, stop } = start();
    const urgent = Object.assign(new Subscriber(), { paceOf: () => 'urgent' as const });
    fetcher.open('t', 0, 0, new Subscriber());
    fetcher.open('u', 0, 0, urgent);
    await eventually('both are asked for', () => reader.asked.length === 2);
    expect(reader.asked.map((asked) => asked.map(({ topic }) => topic))).toEqual([['t'], ['u']]);
    void reader.answer([]);
    await stop();
  });

  it.each([
    { heard: 'nobody', others: false, asked: 1 },
    { heard: 'somebody else', others: true, asked: 2 },
  ])('K-12 lets an echo gather where $heard is heard: $asked asked', async ({ others, asked }) => {
    const { reader, fetcher, stop } = start();
    const echo = Object.assign(new Subscriber(), {
      paceOf: () => 'echo' as const,
      hearsOthers: () => others,
    });
    fetcher.open('t', 0, 0, echo);
    await reader.answer([fetched(0, 1)]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(echo.offsets).toEqual([0]);
    expect(reader.asked.length).toBe(asked);
    await eventually('it is asked for once more', () => reader.asked.length === 2);
    await stop();
  });

  it.each([
    { busy: true, brought: 1, asked: 1 },
    { busy: true, brought: 0, asked: 2 },
    { busy: true, brought: 64, asked: 2 },
    { busy: false, brought: 1, asked: 2 },
  ])(
    'K-12 lets small answers gather while the process is busy: $busy, $brought',
    async ({ busy, brought, asked }) => {
      const { reader, fetcher, stop } = start(() => busy);
      fetcher.open('t', 0, 0, new Subscriber());
      await reader.answer([fetched(0, brought)]);
      await new Promise((resolve) => setImmediate(resolve));
      expect(reader.asked.length).toBe(asked);
      await eventually('it is asked for once more', () => reader.asked.length === 2);
      await stop();
    },
  );

  it('E-11 lets nothing urgent gather, however busy the process is', async () => {
    const { reader, fetcher, stop } = start(() => true);
    const urgent = Object.assign(new Subscriber(), { paceOf: () => 'urgent' as const });
    fetcher.open('t', 0, 0, urgent);
    await reader.answer([fetched(0, 1)]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(reader.asked.length).toBe(2);
    await stop();
  });

  it('gives nothing of an answer that was asked for before the source was opened anew', async () => {
    const { reader, fetcher, stop } = start();
    const [before, after] = [new Subscriber(), new Subscriber()];
    fetcher.open('t', 0, 10, before);
    await eventually('it asks', () => reader.asked.length === 1);
    fetcher.close('t', 0, before);
    fetcher.open('t', 0, 4, after);
    await reader.answer([fetched(10, 2)]);
    await reader.answer([fetched(4, 8)]);
    await eventually('it is delivered', () => after.offsets.length > 0);
    expect(reader.asked[1]).toEqual([{ topic: 't', offset: 4 }]);
    expect([before.offsets, after.offsets]).toEqual([[], [4, 5, 6, 7, 8, 9, 10, 11]]);
    await stop();
  });

  it('J4 tells the subscriber what the log no longer holds, and reads no further', async () => {
    const { reader, fetcher, stop } = start();
    const subscriber = new Subscriber();
    fetcher.open('t', 0, 3, subscriber);
    fetcher.open('u', 0, 0, new Subscriber());
    await reader.answer([fetched(3, 0, { error: 'OFFSET_OUT_OF_RANGE', logStartOffset: 7 })]);
    await reader.answer([]);
    expect(subscriber.lost).toEqual([3]);
    expect(reader.asked[1]?.map(({ topic }) => topic)).toEqual(['u']);
    await stop();
  });

  it('goes on where it was when the broker was away', async () => {
    const { reader, fetcher, stop } = start();
    const subscriber = new Subscriber();
    fetcher.open('t', 0, 0, subscriber);
    await reader.answer([fetched(0, 2)]);
    await reader.answer(new KafkaError('NETWORK', true, 'away'));
    await reader.answer([fetched(2, 2)]);
    await eventually('it goes on', () => subscriber.offsets.length === 4);
    expect(reader.asked.map(([first]) => first?.offset)).toContain(2);
    await stop();
  });
});

describe('backpressure', () => {
  it('takes a backlog of every task that is larger than the queues in front of them', async () => {
    const fixture = await EngineFixture.start({ client: new MemoryKafka() });
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'];
    const byTask = new Map(keys.map((key) => [fixture.partitionOf(key), key]));
    expect(byTask.size).toBe(4);
    for (const key of byTask.values())
      for (let from = 0; from < 7_000; from += 1_000)
        await fixture.publish(
          ...Array.from({ length: 1_000 }, (_, index) =>
            add(key, `${key}-${from + index}`, { amount: 0, fail: 'quiet' }),
          ),
        );
    const run = await fixture.running();
    await run.handled(4 * 7_000, 8_000);
    await fixture.end();
  });
});
