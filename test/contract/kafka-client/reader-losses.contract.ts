import { describe, expect, it } from 'vitest';
import type { FetchedPartition } from '../../../kafka/client.ts';
import { API } from '../../../testing/fault-proxy.ts';
import { eventually } from '../../support/eventually.ts';
import { fetchOne, filled, found, SOON } from './reading.ts';
import { record, type Setup, timed } from './rig.ts';

export function readerTopics({ withRig }: Setup): void {
  it(
    'J4 names a topic or partition that is not there and reads the others',
    withRig(async (rig) => {
      const topic = await filled(rig, 1);
      const fetched = await rig.reader().fetch(
        [
          { topic, partition: 0, offset: 0 },
          { topic, partition: 9, offset: 0 },
          { topic: 'contract-no-such-topic', partition: 0, offset: 0 },
        ],
        SOON,
      );
      const named = fetched.map((each) => [`${each.topic}/${each.partition}`, each.error]);
      expect(Object.fromEntries(named)).toEqual({
        [`${topic}/0`]: null,
        [`${topic}/9`]: 'UNKNOWN_TOPIC_OR_PARTITION',
        'contract-no-such-topic/0': 'UNKNOWN_TOPIC_OR_PARTITION',
      });
      expect(fetched.find((each) => each.error === null)?.records.length).toBe(1);
    }),
  );

  it(
    'F8 names the loss of a topic deleted and made anew, then reads the new one by its id',
    withRig(async (rig) => {
      const topic = await filled(rig, 3);
      const other = await filled(rig, 1);
      const reader = rig.reader();
      const ask = async () =>
        reader.fetch(
          [
            { topic, partition: 0, offset: 0 },
            { topic: other, partition: 0, offset: 0 },
          ],
          SOON,
        );
      const before = (await ask()).find((each) => each.topic === topic);
      expect(before?.records.length).toBe(3);
      await rig.admin().deleteTopics([topic]);
      await eventually('the name is free', async () =>
        rig.create(topic).then(
          () => true,
          () => false,
        ),
      );
      await rig.producer().send([record(topic, 'new')]);
      const errors: (string | null)[] = [];
      let after: FetchedPartition | undefined;
      await eventually('the new topic is read', async () => {
        const fetched = await ask();
        // The loss of one topic costs the other nothing.
        expect(fetched.find((each) => each.topic === other)?.records.length).toBe(1);
        after = fetched.find((each) => each.topic === topic);
        errors.push(after?.error ?? null);
        return after !== undefined && after.records.length > 0;
      });
      expect(errors[0]).toMatch(
        /^(UNKNOWN_TOPIC_ID|UNKNOWN_TOPIC_OR_PARTITION|INCONSISTENT_TOPIC_ID)$/,
      );
      expect(after && found(after)).toEqual([[0, 'new']]);
      expect(after?.topicId).not.toBe(before?.topicId);
    }),
  );
}

export function readerConnections({ withRig, hasNetwork }: Setup): void {
  it(
    'J4 ends a long poll when it is closed',
    withRig(async (rig) => {
      const topic = await rig.topic();
      const reader = rig.client().reader();
      const position = { topic, partition: 0, offset: 0 };
      await fetchOne(reader, position);
      const poll = fetchOne(reader, position, { maxWaitMs: 8_000 });
      const ended = poll.then(
        () => 'answered',
        () => 'failed',
      );
      expect(await timed(() => reader.close())).toBeLessThan(5_000);
      expect(await timed(() => ended)).toBeLessThan(5_000);
    }),
  );

  if (!hasNetwork) return;

  it(
    'F25 throws what may be tried again while the broker is away, and recovers',
    withRig(async (rig) => {
      const topic = await filled(rig, 2);
      const proxy = await rig.proxy();
      const reader = rig.reader({ proxy, requestTimeoutMs: 600 });
      const position = { topic, partition: 0, offset: 0 };
      const recovers = () =>
        eventually('it recovers', async () => {
          const fetched = await fetchOne(reader, position).catch(() => null);
          return fetched?.records.length === 2;
        });
      await fetchOne(reader, position);
      const poll = fetchOne(reader, { ...position, offset: 2 }, { maxWaitMs: 8_000 });
      const isReset = expect(poll).rejects.toMatchObject({ code: 'NETWORK', canRetry: true });
      await eventually('both are there', () => proxy.count(API.fetch) === 2);
      proxy.resetAll();
      await isReset;
      await recovers();
      proxy.stall();
      const silent = fetchOne(reader, position);
      await expect(silent).rejects.toMatchObject({ code: 'TIMEOUT', canRetry: true });
      proxy.resume();
      await recovers();
      await proxy.refuse();
      proxy.resetAll();
      await eventually('it is away', async () => {
        const failed = await fetchOne(reader, position).catch((error: unknown) => error);
        return failed instanceof Error;
      });
      await expect(fetchOne(reader, position)).rejects.toMatchObject({
        name: 'KafkaError',
        code: 'NETWORK',
        canRetry: true,
      });
      await proxy.accept();
      await recovers();
    }),
  );
}

export function readerLossesContract(setup: Setup): void {
  describe('reader and topics', () => readerTopics(setup));
  describe('reader and its connections', () => readerConnections(setup));
}
