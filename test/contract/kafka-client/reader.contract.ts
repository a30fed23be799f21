import { describe, expect, it } from 'vitest';
import type { FetchedPartition } from '../../../kafka/client.ts';
import { API } from '../../../testing/fault-proxy.ts';
import { eventually } from '../../support/eventually.ts';
import { fetchOne, filled, found, SOON } from './reading.ts';
import { record, type Setup, textOf, timed } from './rig.ts';
import { writeTransaction } from './stranger.ts';

export function readerPositions({ withRig, hasNetwork }: Setup): void {
  it(
    'J4 starts at an offset within a batch',
    withRig(async (rig) => {
      const topic = await filled(rig, 10);
      const fetched = await fetchOne(rig.reader(), { topic, partition: 0, offset: 7 });
      expect(found(fetched)).toEqual([
        [7, 'r7'],
        [8, 'r8'],
        [9, 'r9'],
      ]);
      expect(fetched).toMatchObject({
        topic,
        nextOffset: 10,
        highWatermark: 10,
        logStartOffset: 0,
        error: null,
      });
      expect(fetched.records[0]?.leaderEpoch).toBeGreaterThanOrEqual(0);
    }),
  );

  it(
    'F9 names a position out of range on either side and never jumps',
    withRig(async (rig) => {
      const topic = await filled(rig, 10, 2);
      await rig.admin().deleteRecords(topic, 0, 5);
      const reader = rig.reader();
      for (const offset of [0, 4, 11, 1_000_000]) {
        const fetched = await fetchOne(reader, { topic, partition: 0, offset });
        expect(fetched).toMatchObject({
          error: 'OFFSET_OUT_OF_RANGE',
          nextOffset: offset,
          records: [],
          logStartOffset: 5,
          highWatermark: 10,
        });
      }
      // The log starts in the middle of a batch.
      const fetched = await fetchOne(reader, { topic, partition: 0, offset: 5 });
      expect(fetched.error).toBe(null);
      expect(found(fetched)[0]).toEqual([5, 'r5']);
      expect(fetched.logStartOffset).toBe(5);
      expect(found(await fetchOne(reader, { topic, partition: 0, offset: 10 }))).toEqual([]);
    }),
  );

  if (!hasNetwork) return;

  it(
    'F13 leaves control records out and goes past them',
    withRig(async (rig) => {
      const topic = await rig.topic();
      const reader = rig.reader();
      await writeTransaction(rig.broker, topic, ['a', 'b']);
      const first = await fetchOne(reader, { topic, partition: 0, offset: 0 });
      expect(found(first)).toEqual([
        [0, 'a'],
        [1, 'b'],
      ]);
      await eventually('the commit marker is passed', async () => {
        const { nextOffset } = await fetchOne(reader, { topic, partition: 0, offset: 0 });
        return nextOffset === 3;
      });
      const marker = await fetchOne(reader, { topic, partition: 0, offset: 2 });
      expect(marker).toMatchObject({ records: [], nextOffset: 3, error: null });
      await rig.producer().send([record(topic, 'c')]);
      const rest = await fetchOne(reader, { topic, partition: 0, offset: 2 });
      expect(found(rest)).toEqual([[3, 'c']]);
      expect(rest.nextOffset).toBe(4);
    }),
  );

  it(
    'F13 reads what an open or aborted transaction has written',
    withRig(async (rig) => {
      const topic = await rig.topic();
      await writeTransaction(rig.broker, topic, ['a', 'b'], 'abort');
      await rig.producer().send([record(topic, 'c')]);
      const values = (await rig.records(topic)).map(({ value }) => textOf(value));
      expect(values).toEqual(['a', 'b', 'c']);
    }),
  );
}

export function readerSizes({ withRig, hasNetwork }: Setup): void {
  it(
    'J4 reads a record of more than a mebibyte, and past it, next to a busy partition',
    withRig(async (rig) => {
      const topic = await rig.topic(2, { 'max.message.bytes': '8388608' });
      const producer = rig.producer();
      const large = Buffer.alloc(3 * 1024 * 1024, 'x');
      await producer.send([record(topic, large.subarray(0, 900_000), { partition: 0 })]);
      await producer.send([record(topic, large, { partition: 1 })]);
      await producer.send([record(topic, 'after', { partition: 1 })]);
      const reader = rig.reader();
      const values: string[] = [];
      let next = 0;
      await eventually('everything is read', async () => {
        // Partition 0 has more than enough for each answer, for ever.
        const positions = [0, next].map((offset, partition) => ({ topic, partition, offset }));
        const fetched = await reader.fetch(positions, { ...SOON, maxBytes: 900_000 });
        const rare = fetched.find(({ partition }) => partition === 1);
        next = rare?.nextOffset ?? next;
        values.push(...(rare?.records ?? []).map(({ value }) => textOf(value)));
        return next === 2;
      });
      expect(values.map(({ length }) => length)).toEqual([large.length, 'after'.length]);
    }),
  );

  if (!hasNetwork) return;

  it(
    'J4 does not hold a whole answer in memory for one small record',
    withRig(async (rig) => {
      const topic = await rig.topic();
      const value = Buffer.alloc(100_000, 'x');
      const producer = rig.producer();
      for (let index = 0; index < 10; index++)
        await producer.send([record(topic, 'small'), record(topic, value)]);
      const small = (await rig.records(topic)).filter(({ value }) => textOf(value) === 'small');
      expect(small.length).toBe(10);
      // A chunk of the socket, not the mebibyte that came in one answer.
      for (const { value } of small) expect(value?.buffer.byteLength).toBeLessThanOrEqual(131_072);
    }),
  );
}

export function readerPolls({ withRig, hasNetwork }: Setup): void {
  it(
    'J4 fetches two topics and several partitions at once',
    withRig(async (rig) => {
      const [left, right] = [await rig.topic(3), await rig.topic(2)];
      const places = [
        [left, 0],
        [left, 2],
        [right, 1],
      ] as const;
      await rig
        .producer()
        .send(places.map(([topic, partition]) => record(topic, `${partition}`, { partition })));
      const fetched = await rig.reader().fetch(
        places.map(([topic, partition]) => ({ topic, partition, offset: 0 })),
        SOON,
      );
      const values = fetched.map((each) => [each.topic, each.partition, found(each)]);
      expect(values.sort()).toEqual(
        places.map(([topic, partition]) => [topic, partition, [[0, `${partition}`]]]).sort(),
      );
    }),
  );

  it(
    'J4 answers a position again, older ones too, while other partitions get data',
    withRig(async (rig) => {
      const topic = await rig.topic(3);
      const producer = rig.producer();
      await producer.send([
        record(topic, 'a', { partition: 1 }),
        record(topic, 'b', { partition: 1 }),
      ]);
      const reader = rig.reader();
      let busy = 0;
      const ask = async (offset: number): Promise<FetchedPartition | undefined> => {
        const positions = [
          { topic, partition: 0, offset: busy },
          { topic, partition: 1, offset },
          { topic, partition: 2, offset: 0 },
        ];
        const fetched = await reader.fetch(positions, SOON);
        busy = fetched.find(({ partition }) => partition === 0)?.nextOffset ?? busy;
        return fetched.find(({ partition }) => partition === 1);
      };
      for (const [offset, expected] of [
        [0, ['a', 'b']],
        [0, ['a', 'b']],
        [2, []],
        [2, []],
        [0, ['a', 'b']],
        [1, ['b']],
        [1, ['b']],
      ] as const) {
        await producer.send([record(topic, 'busy', { partition: 0 })]);
        const fetched = await ask(offset);
        expect(fetched?.records.map(({ value }) => textOf(value)) ?? []).toEqual(expected);
      }
      await producer.send([record(topic, 'c', { partition: 1 })]);
      await eventually('news of a quiet partition come', async () => {
        const fetched = await ask(2);
        return fetched?.records.length === 1;
      });
    }),
  );

  it(
    'J4 answers fetches that run at once, a long poll without news among them',
    withRig(async (rig) => {
      const topic = await rig.topic(4);
      const producer = rig.producer();
      await producer.send(
        [0, 1, 2].map((partition) => record(topic, `${partition}`, { partition })),
      );
      const reader = rig.reader();
      const quiet = fetchOne(reader, { topic, partition: 3, offset: 0 }, { maxWaitMs: 8_000 });
      const tookMs = await timed(async () => {
        for (let round = 0; round < 3; round++)
          await Promise.all(
            [0, 1, 2].map(async (partition) => {
              const fetched = await fetchOne(reader, { topic, partition, offset: 0 });
              expect(found(fetched)).toEqual([[0, `${partition}`]]);
            }),
          );
      });
      expect(tookMs).toBeLessThan(6_000);
      await producer.send([record(topic, '3', { partition: 3 })]);
      expect(found(await quiet)).toEqual([[0, '3']]);
    }),
  );

  if (!hasNetwork) return;

  it(
    'J4 wakes from a long poll on an append, and ends one without news in time',
    withRig(async (rig) => {
      const topic = await rig.topic();
      const proxy = await rig.proxy();
      const reader = rig.reader({ proxy });
      const quietMs = await timed(async () =>
        expect(await fetchOne(reader, { topic, partition: 0, offset: 0 })).toMatchObject({
          records: [],
          error: null,
        }),
      );
      expect(quietMs).toBeLessThan(5_000);
      const producer = rig.producer();
      const position = { topic, partition: 0, offset: 0 };
      const fetches = proxy.count(API.fetch);
      const tookMs = await timed(async () => {
        const poll = fetchOne(reader, position, { maxWaitMs: 8_000 });
        await eventually('the poll is there', () => proxy.count(API.fetch) > fetches);
        await producer.send([record(topic, 'news')]);
        expect(found(await poll)).toEqual([[0, 'news']]);
      });
      expect(tookMs).toBeLessThan(6_000);
    }),
  );

  it(
    'J4 waits no longer than its own request time-out allows',
    withRig(async (rig) => {
      const topic = await rig.topic();
      const reader = rig.reader({ requestTimeoutMs: 500 });
      const fetched = await fetchOne(
        reader,
        { topic, partition: 0, offset: 0 },
        { maxWaitMs: 60_000 },
      );
      expect(fetched).toMatchObject({ records: [], error: null });
    }),
  );
}

export function readerContract(setup: Setup): void {
  describe('reader and positions', () => readerPositions(setup));
  describe('reader and sizes', () => readerSizes(setup));
  describe('reader and polls', () => readerPolls(setup));
}
