import { describe, expect, it } from 'vitest';
import type { EngineError } from '../../engine/errors.ts';
import { type JournaledEmit, outputOf, type Watermark } from '../../engine/journal.ts';
import type { RecordToSend, SendResult } from '../../kafka/client.ts';
import { SHELL_LIMITS } from '../../kafka/limits.ts';
import { Publisher } from '../../kafka/publisher.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { eventually } from '../support/eventually.ts';

type Answer = 'confirmed' | 'unknown' | 'refused';

const emit = (topic: string, index: number, bytes = 1): JournaledEmit => ({
  index,
  topic,
  partition: 3,
  key: Buffer.from('k'),
  value: Buffer.alloc(bytes, index),
  headers: { origin: `a/3/0/${index}` },
});

/** A publisher whose requests wait until the test answers them. */
function start() {
  const requests: (readonly RecordToSend[])[] = [];
  const answers: ((of: (topic: string, partition: number) => Answer) => void)[] = [];
  const watermarks: Watermark[] = [];
  const refusals: EngineError[] = [];
  const ends = new Map<string, number>();
  const ended = new AbortController();
  let republished = 0;
  const send = (records: readonly RecordToSend[]): Promise<readonly SendResult[]> => {
    requests.push(records);
    return new Promise((resolve) =>
      answers.push((answerOf) =>
        resolve(
          [...Map.groupBy(records, outputOf).entries()].map(([output, own]): SendResult => {
            const { topic, partition } = own[0] as RecordToSend;
            const place = { topic, partition };
            const result = answerOf(topic, partition);
            if (result === 'refused') return { ...place, result, code: 'MESSAGE_TOO_LARGE' };
            if (result === 'unknown') return { ...place, result, code: 'TIMEOUT', cause: null };
            const baseOffset = ends.get(output) ?? 0;
            ends.set(output, baseOffset + own.length);
            return { ...place, result, baseOffset };
          }),
        ),
      ),
    );
  };
  const publisher = new Publisher({
    producer: { send, close: () => Promise.resolve() },
    names: new TopicNames('p.'),
    signal: ended.signal,
    onWatermark: (watermark) => watermarks.push(watermark),
    onRefused: (error) => {
      refusals.push(error);
      ended.abort();
    },
    onRepublished: (count) => (republished += count),
    onPublished: () => {},
  });
  const answer = async (
    of: Answer | ((topic: string, partition: number) => Answer),
  ): Promise<void> => {
    await eventually('a request waits', () => answers.length > 0);
    answers.shift()?.(typeof of === 'function' ? of : () => of);
  };
  const sent = (request: number): string[] =>
    (requests[request] ?? []).map(({ topic, headers }) => `${topic} ${headers['origin']}`);
  const republishedCount = (): number => republished;
  return { publisher, requests, sent, answer, watermarks, refusals, ended, republishedCount };
}

describe('the publisher', () => {
  it('J5 has one request of an output under way, and the next holds what has gathered', async () => {
    const { publisher, requests, sent, answer } = start();
    publisher.enqueue(1, [emit('t', 0), emit('u', 1)]);
    publisher.enqueue(2, [emit('t', 1)]);
    publisher.enqueue(3, [emit('u', 2), emit('t', 3)]);
    expect(requests).toHaveLength(1);
    await answer('confirmed');
    await answer('confirmed');
    await publisher.drained();
    expect([sent(0).sort(), sent(1).sort()]).toEqual([
      ['p.t a/3/0/0', 'p.u a/3/0/1'],
      ['p.t a/3/0/1', 'p.t a/3/0/3', 'p.u a/3/0/2'],
    ]);
  });

  it('J5 tells who waits for room and who waits for its end, at the same time', async () => {
    const { publisher, answer } = start();
    publisher.enqueue(1, [emit('t', 0, SHELL_LIMITS.publishBytes)]);
    expect(publisher.isFull).toBe(true);
    const waiting = Promise.all([publisher.room(), publisher.drained()]);
    await answer('confirmed');
    await waiting;
    expect(publisher.waiting).toBe(0);
  });

  it('J5 tells the partitions of a topic apart', async () => {
    const { publisher, requests, answer, watermarks } = start();
    publisher.enqueue(1, [emit('t', 0), { ...emit('t', 1), partition: 1 }]);
    await answer((_topic, partition) => (partition === 1 ? 'unknown' : 'confirmed'));
    publisher.enqueue(2, [emit('t', 0)]);
    await answer('confirmed');
    await answer('confirmed');
    await publisher.drained();
    const again = requests.slice(1).map((records) => records.map(({ partition }) => partition));
    expect(again.sort()).toEqual([[1], [3]]);
    expect(watermarks.map(({ partition, offset }) => [partition, offset]).sort()).toEqual([
      [1, 1],
      [3, 1],
      [3, 2],
    ]);
  });

  it('J5 does not let one output wait for another', async () => {
    const { publisher, sent, answer } = start();
    publisher.enqueue(1, [emit('t', 0)]);
    publisher.enqueue(2, [emit('u', 0)]);
    expect(sent(1)).toEqual(['p.u a/3/0/0']);
    await answer('confirmed');
    await answer('confirmed');
    await publisher.drained();
  });

  it('J5 sends again what failed, same bytes, before anything later', async () => {
    const { publisher, requests, answer, republishedCount } = start();
    publisher.enqueue(1, [emit('t', 0), emit('t', 1)]);
    publisher.enqueue(2, [emit('t', 2)]);
    await answer('unknown');
    await answer('confirmed');
    await publisher.drained();
    expect(requests[1]?.slice(0, 2)).toEqual(requests[0]);
    expect(requests[1]).toHaveLength(3);
    expect(requests).toHaveLength(2);
    expect(republishedCount()).toBe(1);
  });

  it('J5 sends again only the output that failed', async () => {
    const { publisher, sent, answer } = start();
    publisher.enqueue(1, [emit('t', 0), emit('u', 1)]);
    await answer((topic) => (topic === 'p.u' ? 'unknown' : 'confirmed'));
    publisher.enqueue(2, [emit('t', 2)]);
    await answer('confirmed');
    await answer('confirmed');
    await publisher.drained();
    expect([...sent(1), ...sent(2)].sort()).toEqual(['p.t a/3/0/2', 'p.u a/3/0/1']);
  });

  it('J5 raises the watermark of an output with each acknowledgement', async () => {
    const { publisher, answer, watermarks } = start();
    publisher.enqueue(1, [emit('t', 0), emit('t', 1)]);
    publisher.enqueue(2, [emit('t', 0)]);
    await answer('confirmed');
    await answer('confirmed');
    await publisher.drained();
    expect(watermarks).toEqual([
      { topic: 't', partition: 3, offset: 2, n: 1, index: 1 },
      { topic: 't', partition: 3, offset: 3, n: 2, index: 0 },
    ]);
  });

  it('J3d stops by name at a definite refusal, and skips nothing', async () => {
    const { publisher, requests, answer, refusals } = start();
    publisher.enqueue(1, [emit('t', 0)]);
    publisher.enqueue(2, [emit('t', 1)]);
    await answer('refused');
    await publisher.drained();
    expect(refusals.map(({ code, reaction }) => [code, reaction])).toEqual([
      ['PUBLISH_REFUSED', 'stop'],
    ]);
    expect(requests).toHaveLength(1);
    expect(publisher.waiting).toBe(2);
  });

  it('keeps every request of an output within what a broker takes as one batch', async () => {
    const { publisher, requests, answer } = start();
    const emits = Array.from({ length: 30 }, (_, index) => emit('t', index, 100_000));
    const small = Array.from({ length: 4_000 }, (_, index) => emit('u', index, 500));
    publisher.enqueue(1, [...emits, emit('t', 30, 900 * 1024), ...small]);
    while (publisher.waiting > 0) {
      const before = publisher.waiting;
      await answer('confirmed');
      await eventually('it goes on', () => publisher.waiting < before);
    }
    const sizes = requests.flatMap((records) =>
      [...Map.groupBy(records, ({ topic }) => topic).values()].map((own) =>
        own.reduce(
          (sum, { value, headers }) =>
            sum + (value?.length ?? 0) + 30 + (headers['origin']?.length ?? 0),
          0,
        ),
      ),
    );
    expect(Math.max(...sizes)).toBeLessThan(1024 * 1024);
    expect(requests.flat().filter(({ topic }) => topic === 'p.t')).toHaveLength(31);
  });

  it('has room again when enough is acknowledged, and at the end of the term', async () => {
    const { publisher, answer, ended } = start();
    const many = Array.from({ length: 10_000 }, (_, index) => emit('t', index));
    publisher.enqueue(1, many);
    expect(publisher.isFull).toBe(true);
    const room = publisher.room();
    await answer('confirmed');
    await room;
    expect(publisher.isFull).toBe(false);
    publisher.enqueue(2, many);
    const never = publisher.room();
    ended.abort();
    await never;
  });

  it('is ended only when the request under way has its answer', async () => {
    const { publisher, requests, answer, ended } = start();
    publisher.enqueue(1, [emit('t', 0)]);
    publisher.enqueue(2, [emit('t', 1)]);
    ended.abort();
    let isEnded = false;
    const end = publisher.ended().then(() => (isEnded = true));
    await Promise.resolve();
    expect(isEnded).toBe(false);
    await answer('confirmed');
    await end;
    expect(requests).toHaveLength(1);
  });
});
