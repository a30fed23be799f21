import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClientQueue, QUEUE_EVENTS, type StreamFrame } from '../../gateway/stream/client-queue.ts';
import { parseMessage } from '../../gateway/stream/client-message.ts';
import { formatPosition, parsePosition } from '../../gateway/stream/stream-position.ts';
import { isAllowed, matches } from '../../gateway/stream/topic-pattern.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { withReader } from '../support/altered-reader.ts';
import { eventually } from '../support/eventually.ts';
import { StreamRig, type StreamTestClient } from '../support/stream-rig.ts';

const ALLOWED = ['intent.*', 'plan.created'];

describe('topic patterns', () => {
  it.each([
    ['intent.*', true],
    ['intent.submitted', true],
    ['plan.created', true],
    ['plan.*', false],
    ['plan.rejected', false],
    ['system.*', false],
    ['*', false],
  ])('B-33 %s is allowed: %s', (pattern, expected) => {
    expect(isAllowed(pattern, ALLOWED)).toBe(expected);
  });

  it('B-28 a family takes its events and no other', () => {
    expect(matches('exec.*', 'exec.completed')).toBe(true);
    expect(matches('exec.*', 'execution.completed')).toBe(false);
    expect(matches('exec.completed', 'exec.failed')).toBe(false);
  });
});

describe('messages of a client', () => {
  it.each([
    ['not JSON', '{', 'BAD_MESSAGE', 'subscribe'],
    ['null', 'null', 'BAD_MESSAGE', 'subscribe'],
    ['another type', '{"type":"hello"}', 'BAD_MESSAGE', 'subscribe'],
    ['no topics', '{"type":"subscribe"}', 'BAD_MESSAGE', 'topics'],
    ['an odd topic', '{"type":"subscribe","topics":["Intent .*"]}', 'BAD_MESSAGE', 'Intent .*'],
    ['a number', '{"type":"subscribe","topics":[1]}', 'BAD_MESSAGE', '1'],
    [
      'an empty correlation',
      '{"type":"subscribe","topics":["intent.*"],"correlationId":""}',
      'BAD_MESSAGE',
      'correlationId',
    ],
    [
      'a numeric position',
      '{"type":"subscribe","topics":["intent.*"],"resume":7}',
      'BAD_MESSAGE',
      'resume',
    ],
    ['everything', '{"type":"subscribe","topics":["*"]}', 'TOPIC_NOT_ALLOWED', 'allowed are'],
    [
      'a million topics',
      JSON.stringify({
        type: 'subscribe',
        topics: Array.from({ length: 1_000_000 }, () => 'intent.*'),
      }),
      'TOO_MANY_TOPICS',
      '1000000',
    ],
  ])('B-33 says what is wrong with %s', (_what, text, code, says) => {
    expect(parseMessage(text, ALLOWED)).toMatchObject({
      code,
      message: expect.stringContaining(says),
    });
  });

  it('B-28 takes a sound one, each topic once', () => {
    const text = '{"type":"subscribe","topics":["intent.*","intent.*"],"correlationId":"c"}';
    expect(parseMessage(text, ALLOWED)).toEqual({
      topics: ['intent.*'],
      correlationId: 'c',
      resume: null,
    });
  });
});

describe('positions', () => {
  const offsets = [
    [0, 127, 128],
    [16_384, 2 ** 40, 5],
  ];

  it('B-30 come back as they were, and fit into a close frame', () => {
    const text = formatPosition(offsets);
    expect(parsePosition(text, offsets)).toEqual(offsets);
    const five = Array.from({ length: 5 }, () => Array.from({ length: 4 }, () => 2 ** 27));
    expect(formatPosition(five).length).toBeLessThanOrEqual(123);
  });

  it.each([
    '',
    '!!',
    'AAAA',
    formatPosition([[1]]),
    `${formatPosition(offsets)}A`,
    'AYCAgICAgICAgIA',
  ])('B-30 %j is none of them', (text) => expect(parsePosition(text, offsets)).toBeNull());
});

describe('the queue of a client', () => {
  const frame = (topic: string): StreamFrame => ({ topic, text: '', position: '' });

  it('B-31 B-32 is bounded, and lets market data go first', () => {
    const queue = new ClientQueue();
    for (let index = 0; index < QUEUE_EVENTS - 1; index++)
      queue.push(frame('market.pool_snapshot'));
    expect(queue.push(frame('exec.completed'))).toEqual({ isTaken: true, dropped: null });
    expect(queue.push(frame('market.pool_snapshot')).dropped).toBe('market.pool_snapshot');
    for (let index = 0; index < QUEUE_EVENTS - 1; index++)
      expect(queue.push(frame('exec.failed'))).toEqual({
        isTaken: true,
        dropped: 'market.pool_snapshot',
      });
    expect(queue.size).toBe(QUEUE_EVENTS);
    expect(queue.push(frame('market.pool_snapshot')).isTaken).toBe(true);
    expect(queue.push(frame('exec.failed'))).toEqual({ isTaken: false, dropped: null });
    expect(queue.shift()?.topic).toBe('exec.completed');
    expect([...queue.takeDropped()]).toEqual([['market.pool_snapshot', QUEUE_EVENTS + 1]]);
    expect([...queue.takeDropped()]).toEqual([]);
  });
});

describe('the stream', () => {
  let rig: StreamRig;
  let client: StreamTestClient;

  beforeEach(async () => {
    rig = await StreamRig.start(new MemoryKafka(), '');
    client = await rig.connect();
  });

  afterEach(async () => {
    await rig.stop();
  });

  it('B-28 gives the events of a family and a correlation, in order, in wire form', async () => {
    const { topics } = await client.subscribe({ topics: ['exec.*'], correlationId: 'a' });
    expect(topics).toEqual(['exec.*']);
    await rig.publish('exec.completed', 'a');
    await rig.publish('exec.completed', 'b');
    await rig.publish('risk.approved', 'a');
    await rig.publish('exec.completed', 'a', 2);
    await eventually('three came', () => client.events.length === 3);
    expect(client.marks).toEqual([0, 3, 4]);
    expect(client.events[0]?.event).toMatchObject({ topic: 'exec.completed', correlationId: 'a' });
  });

  it('B-30 goes on after the last position, without gap or repetition, while more is published', async () => {
    await client.subscribe({ topics: ['exec.*'] });
    for (const correlation of ['a', 'b', 'c', 'd', 'e'])
      await rig.publish('exec.completed', correlation);
    await eventually('five came', () => client.events.length === 5);
    const last = client.events[4];
    client.terminate();
    await rig.publish('exec.completed', 'f', 300);
    const again = await rig.connect();
    const resume = last?.position as string;
    expect((await again.subscribe({ topics: ['exec.*'], resume })).position).toBe(resume);
    for (let round = 0; round < 20; round++) await rig.publish('exec.completed', `g${round}`, 10);
    await eventually('all came', () => again.events.length >= 500);
    expect([...again.marks].sort((left, right) => left - right)).toEqual(
      Array.from({ length: 500 }, (_, index) => index + 5),
    );
    for (const key of ['f', 'g3']) {
      const own = again.events.filter(({ event }) => event?.correlationId === key);
      const marks = own.map(({ event }) => (event?.payload as { mark: number }).mark);
      expect(marks).toEqual([...marks].sort((left, right) => left - right));
    }
  });

  it('B-32 closes one that answers no pings with a code, and leaves one that does', async () => {
    const pinging = await StreamRig.start(rig.kafka, 'pinged.', { pingMs: 20 });
    const deaf = await pinging.connect();
    const awake = await pinging.connect();
    await awake.subscribe({ topics: ['exec.*'] });
    deaf.stopReading();
    await eventually('the deaf one is given up', () => pinging.stream.closing === 1);
    expect(deaf.closed).toBeNull();
    deaf.readAgain();
    await eventually('it is told', () => deaf.closed !== null);
    expect(deaf.closed).toEqual({ code: 1013, reason: 'no answer to pings' });
    await pinging.publish('exec.completed', 'a');
    await eventually('the other one still gets events', () => awake.events.length === 1);
    await pinging.stop();
  });

  it('B-32 closes one that does not read what may not be dropped, and loses nothing before that', async () => {
    await client.subscribe({ topics: ['exec.*'] });
    const quick = await rig.connect();
    await quick.subscribe({ topics: ['exec.*'] });
    client.stopReading();
    const count = 12_000;
    await rig.publish('exec.completed', 'a', count, { note: 'x'.repeat(1_000) });
    await eventually('the slow one is given up', () => rig.stream.closing === 1);
    await eventually('the other one has them all', () => quick.events.length === count);
    client.readAgain();
    await eventually('it is told', () => client.closed !== null);
    expect(client.closed).toEqual({ code: 1013, reason: 'too slow' });
    expect(client.marks.length).toBeLessThan(count);
    expect(client.marks).toEqual(client.marks.map((_, index) => index));
    expect(client.frames.filter(({ type }) => type === 'dropped')).toEqual([]);
  });

  it('B-28 gives an event once to one that asks for it in several ways, and to nobody else', async () => {
    await client.subscribe({ topics: ['exec.*', 'exec.completed'] });
    await client.subscribe({ topics: ['exec.completed'], correlationId: 'a' });
    const other = await rig.connect();
    await other.subscribe({ topics: ['exec.failed', 'risk.approved'], correlationId: 'a' });
    await rig.connect();
    await rig.publish('exec.completed', 'a', 2);
    await rig.publish('risk.approved', 'a');
    await eventually('they came', () => client.events.length === 2 && other.events.length === 1);
    expect([client.marks, other.marks]).toEqual([[0, 1], [2]]);
  });

  it('B-30 misses nothing that passes while the reader which caught up is closed', async () => {
    const slowToClose = withReader(new MemoryKafka(), (reader) => ({
      fetch: (...args) => reader.fetch(...args),
      close: () => pause(200).then(() => reader.close()),
    }));
    const slow = await StreamRig.start(slowToClose, '');
    const first = await slow.connect();
    const { position: resume = '' } = await first.subscribe({ topics: ['exec.*'] });
    await slow.publish('exec.completed', 'a', 5);
    const again = await slow.connect();
    await again.subscribe({ topics: ['exec.*'], resume });
    for (let round = 0; round < 40; round += 1) {
      await slow.publish('exec.completed', 'a');
      await pause(10);
    }
    await eventually('all came', () => again.events.length >= 45 || again.marks.at(-1) === 44);
    expect(again.marks).toEqual(Array.from({ length: 45 }, (_, mark) => mark));
    await slow.stop();
  });

  it('B-30 every event in between can be gone on from', async () => {
    await client.subscribe({ topics: ['exec.*'] });
    await rig.publish('exec.completed', 'a', 6);
    await eventually('six came', () => client.events.length === 6);
    for (const [index, { position = '' }] of client.events.entries()) {
      const again = await rig.connect();
      await again.subscribe({ topics: ['exec.*'], resume: position });
      await eventually('the rest came', () => again.events.length === 5 - index);
      expect(again.marks).toEqual(client.marks.slice(index + 1));
    }
  });

  it('B-30 says that a position is none, or lost, and goes on', async () => {
    client.send({ type: 'subscribe', topics: ['exec.*'], resume: 'AAAA' });
    await eventually('it is told', () => client.errors.includes('BAD_POSITION'));
    const { position: resume = '' } = await client.subscribe({ topics: ['exec.*'] });
    await rig.publish('exec.completed', 'a', 3);
    await eventually('they came', () => client.events.length === 3);
    const admin = rig.kafka.admin();
    for (const [partition, { end }] of (await admin.offsets('exec')).entries())
      await admin.deleteRecords('exec', partition, end);
    const late = await rig.connect();
    late.send({ type: 'subscribe', topics: ['exec.*'], resume });
    await eventually('it is told', () => late.errors.includes('POSITION_LOST'));
    expect(late.isOpen).toBe(true);
  });

  it('B-33 refuses what is not allowed with an error and 1008, and sends nothing', async () => {
    for (const topic of ['system.*', '*', 'risk.*']) {
      const refused = await rig.connect();
      refused.send({ type: 'subscribe', topics: [topic] });
      await eventually('it is closed', () => refused.closed !== null);
      expect(refused.errors).toEqual(['TOPIC_NOT_ALLOWED']);
      expect(refused.closed?.code).toBe(1008);
      expect(refused.events).toEqual([]);
    }
  });

  it('B-28 takes eight subscriptions of 32 topics, and messages of 16 KiB', async () => {
    for (let index = 0; index < 8; index++) await client.subscribe({ topics: ['exec.*'] });
    client.send({ type: 'subscribe', topics: ['exec.*'] });
    await eventually('it is told', () => client.errors.includes('TOO_MANY_TOPICS'));
    await rig.publish('exec.completed', 'a');
    await eventually('it came', () => client.events.length > 0);
    expect(client.events.length).toBe(1);
    client.send(' '.repeat(16 * 1024 + 1));
    await eventually('it is closed', () => client.closed !== null);
    expect(client.closed?.code).toBe(1009);
  });

  it('B-28 answers nonsense with an error, and stays open', async () => {
    client.send('nonsense');
    await eventually('it is told', () => client.errors.includes('BAD_MESSAGE'));
    expect(client.isOpen).toBe(true);
  });

  it('B-30 is drained at the end with the last position', async () => {
    await client.subscribe({ topics: ['exec.*'] });
    await rig.publish('exec.completed', 'a', 3);
    await eventually('they came', () => client.events.length === 3);
    await rig.stream.close();
    await eventually('it is closed', () => client.closed !== null);
    expect(client.closed).toEqual({ code: 1001, reason: client.events.at(-1)?.position });
  });

  it('B-86 asks for permission before it opens', async () => {
    const strict = await StreamRig.start(new MemoryKafka(), '', { authorize: () => false });
    const refused = await strict.connect();
    await eventually('it is closed', () => refused.closed !== null);
    expect(refused.closed?.code).toBe(1006);
    await strict.stop();
  });
});
