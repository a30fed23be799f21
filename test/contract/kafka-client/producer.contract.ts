import { describe, expect, it } from 'vitest';
import { API, type ProduceFault, type ProduceFrame } from '../../../testing/fault-proxy.ts';
import { eventually } from '../../support/eventually.ts';
import { record, type Rig, type Setup, timed } from './rig.ts';

/** Where a record batch says how long it is, and which idempotent producer wrote it. */
const BATCH_LENGTH = 8;
const PRODUCER_ID = 43;

const carries = (request: ProduceFrame, value: string): boolean =>
  request.partitions.some(({ records }) => records.includes(value));

/** A topic, and a producer whose requests that carry `value` meet `fault`. */
async function faulty(rig: Rig, value: string, fault: ProduceFault, requestTimeoutMs = 10_000) {
  const topic = await rig.topic();
  const proxy = await rig.proxy();
  let sent = 0;
  proxy.onProduce((request) => {
    if (!carries(request, value)) return 'pass';
    sent += 1;
    return fault;
  });
  const producer = rig.producer({ proxy, requestTimeoutMs });
  const send = async (each: string) => (await producer.send([record(topic, each)]))[0];
  return { topic, proxy, send, sent: () => sent };
}

export function producerOnTheWire({ withRig, hasNetwork }: Setup): void {
  it(
    'J3 names the base offset of each partition, in the order of the records given',
    withRig(async (rig) => {
      const topic = await rig.topic(2);
      const producer = rig.producer();
      const values = ['a', 'b', 'c', 'd', 'e'];
      const batch = values.map((value, index) => record(topic, value, { partition: index % 2 }));
      for (const round of [0, 1]) {
        const results = await producer.send(batch);
        expect([...results].sort((left, right) => left.partition - right.partition)).toEqual([
          { topic, partition: 0, result: 'confirmed', baseOffset: round * 3 },
          { topic, partition: 1, result: 'confirmed', baseOffset: round * 2 },
        ]);
      }
      expect(await rig.values(topic, 0)).toEqual(['a', 'c', 'e', 'a', 'c', 'e']);
      expect(await rig.values(topic, 1)).toEqual(['b', 'd', 'b', 'd']);
    }),
  );

  it(
    'keeps tombstones, empty values, absent keys and headers in UTF-8',
    withRig(async (rig) => {
      const topic = await rig.topic();
      const headers = { event_type: 'größe ✓', empty: '' };
      const sent = [
        record(topic, null, { headers }),
        record(topic, '', { key: null }),
        record(topic, 'v', { key: Buffer.alloc(0) }),
      ];
      await rig.producer().send(sent);
      const found = await rig.records(topic);
      expect(
        found.map(({ key, value, headers }) => ({
          key: key && Buffer.from(key).toString(),
          value: value && Buffer.from(value).toString(),
          headers,
        })),
      ).toEqual([
        { key: 'k', value: null, headers },
        { key: null, value: '', headers: {} },
        { key: '', value: 'v', headers: {} },
      ]);
      const ageMs = Date.now() - (found[0]?.timestampMs ?? 0);
      expect(Math.abs(ageMs)).toBeLessThan(60_000);
    }),
  );

  it(
    'J5 keeps the order of many calls in flight, also while new topics are looked up',
    withRig(async (rig) => {
      const topic = await rig.topic(4);
      const others = await Promise.all([rig.topic(), rig.topic(), rig.topic()]);
      const producer = rig.producer();
      const calls = Array.from({ length: 400 }, (_, index) => {
        const records = [record(topic, `${index}`, { partition: index % 4 })];
        const other = others[Math.floor(index / 100)];
        if (index % 100 === 50 && other !== undefined) records.unshift(record(other, 'other'));
        return producer.send(records);
      });
      const results = (await Promise.all(calls)).flat().filter((each) => each.topic === topic);
      expect(results.every(({ result }) => result === 'confirmed')).toBe(true);
      for (const partition of [0, 1, 2, 3]) {
        const values = (await rig.values(topic, partition)).map(Number);
        expect(values).toEqual([...values].sort((left, right) => left - right));
        expect(values.length).toBe(100);
      }
    }),
  );

  if (!hasNetwork) return;

  it(
    'J3b asks for acks=all, without a producer id, one batch for each partition',
    withRig(async (rig) => {
      const topic = await rig.topic(2);
      const proxy = await rig.proxy();
      const requests: ProduceFrame[] = [];
      proxy.onProduce((request) => {
        requests.push(request);
        return 'pass';
      });
      const producer = rig.producer({ proxy });
      const partitions = [0, 1, 0, 1, 1];
      await producer.send(partitions.map((partition) => record(topic, 'x', { partition })));
      await producer.send([record(topic, 'y')]);
      expect(requests.map(({ acks }) => acks)).toEqual([-1, -1]);
      expect(requests.map((each) => each.partitions.length)).toEqual([2, 1]);
      for (const { records } of requests.flatMap((each) => each.partitions)) {
        expect(records.readInt32BE(BATCH_LENGTH) + BATCH_LENGTH + 4).toBe(records.length);
        expect(records.readBigInt64BE(PRODUCER_ID)).toBe(-1n);
      }
      expect(proxy.count(API.initProducerId)).toBe(0);
    }),
  );
}

export function producerResults({ withRig }: Setup): void {
  it(
    'J3a refuses the partition whose record is too large and confirms the others',
    withRig(async (rig) => {
      const topic = await rig.topic(3, { 'max.message.bytes': '2000' });
      const large = 'x'.repeat(4_000);
      const results = await rig
        .producer()
        .send([
          record(topic, 'a', { partition: 0 }),
          record(topic, large, { partition: 1 }),
          record(topic, 'b', { partition: 2 }),
        ]);
      expect([...results].sort((left, right) => left.partition - right.partition)).toEqual([
        { topic, partition: 0, result: 'confirmed', baseOffset: 0 },
        { topic, partition: 1, result: 'refused', code: 'MESSAGE_TOO_LARGE' },
        { topic, partition: 2, result: 'confirmed', baseOffset: 0 },
      ]);
      expect(await rig.values(topic, 1)).toEqual([]);
    }),
  );

  it(
    'J3a says by name that a topic or partition is not there, and sends the rest',
    withRig(async (rig) => {
      const topic = await rig.topic(2);
      const results = await rig
        .producer()
        .send([
          record(topic, 'a'),
          record('contract-no-such-topic', 'b'),
          record(topic, 'c', { partition: 5 }),
        ]);
      const named = results.map(({ topic, partition, ...each }) => [
        `${topic}/${partition}`,
        each.result,
        'code' in each ? each.code : each.baseOffset,
      ]);
      expect(named.sort()).toEqual(
        [
          [`${topic}/0`, 'confirmed', 0],
          [`${topic}/5`, 'unknown', 'UNKNOWN_TOPIC_OR_PARTITION'],
          ['contract-no-such-topic/0', 'unknown', 'UNKNOWN_TOPIC_OR_PARTITION'],
        ].sort(),
      );
      // The trap: a client that takes the partition modulo the count.
      expect(await rig.values(topic, 1)).toEqual([]);
    }),
  );

  it(
    'J3b writes to a topic as soon as it is there, and to one made anew',
    withRig(async (rig) => {
      const producer = rig.producer();
      const topic = await rig.topic();
      expect((await producer.send([record(topic, 'a')]))[0]?.result).toBe('confirmed');
      await rig.admin().deleteTopics([topic]);
      await eventually('the topic is gone', async () => {
        const [sent] = await producer.send([record(topic, 'b')]);
        return sent?.result === 'unknown' && sent.code === 'UNKNOWN_TOPIC_OR_PARTITION';
      });
      await eventually('the name is free', async () =>
        rig.create(topic).then(
          () => true,
          () => false,
        ),
      );
      await eventually('it takes records again', async () => {
        const [sent] = await producer.send([record(topic, 'c')]);
        return sent?.result === 'confirmed';
      });
      expect(await rig.values(topic)).toEqual(['c']);
    }),
  );

  it(
    'J3a answers unknown what is sent after it was closed, and sends nothing of it',
    withRig(async (rig) => {
      const topic = await rig.topic();
      const producer = rig.client().producer();
      await producer.send([record(topic, 'a')]);
      await producer.close();
      expect((await producer.send([record(topic, 'b')]))[0]).toMatchObject({ result: 'unknown' });
      expect(await rig.values(topic)).toEqual(['a']);
    }),
  );
}

export function producerFaults({ withRig }: Setup): void {
  it(
    'J3b sends nothing again when the answer is lost, and the record stands once',
    withRig(async (rig) => {
      const { topic, send, sent } = await faulty(rig, 'batch-1', 'cut-after');
      expect(await send('batch-0')).toMatchObject({ result: 'confirmed', baseOffset: 0 });
      expect(await send('batch-1')).toMatchObject({ result: 'unknown', code: 'NETWORK' });
      expect(await send('batch-2')).toMatchObject({ result: 'confirmed', baseOffset: 2 });
      expect(sent()).toBe(1);
      expect(await rig.values(topic)).toEqual(['batch-0', 'batch-1', 'batch-2']);
    }),
  );

  it(
    'J3b sends nothing again when the connection is cut before the broker has it',
    withRig(async (rig) => {
      const { topic, send, sent } = await faulty(rig, 'batch-1', 'cut-before');
      expect(await send('batch-1')).toMatchObject({ result: 'unknown', code: 'NETWORK' });
      expect(await send('batch-2')).toMatchObject({ result: 'confirmed', baseOffset: 0 });
      expect(sent()).toBe(1);
      expect(await rig.values(topic)).toEqual(['batch-2']);
    }),
  );

  it(
    'J3a calls a request unknown that arrives after its client gave it up',
    withRig(async (rig) => {
      const { topic, send, sent } = await faulty(rig, 'late', { delayMs: 1_200 }, 400);
      await send('batch-0');
      expect(await send('late')).toMatchObject({ result: 'unknown', code: 'TIMEOUT' });
      const direct = rig.producer();
      expect((await direct.send([record(topic, 'fence')]))[0]).toMatchObject({ baseOffset: 1 });
      await eventually('the late record stands', async () =>
        (await rig.values(topic)).includes('late'),
      );
      expect(await rig.values(topic)).toEqual(['batch-0', 'fence', 'late']);
      expect(sent()).toBe(1);
    }),
  );

  it(
    'J3a gives up an answer that never comes after its request time-out',
    withRig(async (rig) => {
      const { topic, send, sent } = await faulty(rig, 'batch-1', 'mute', 500);
      await send('batch-0');
      const tookMs = await timed(async () =>
        expect(await send('batch-1')).toMatchObject({ result: 'unknown', code: 'TIMEOUT' }),
      );
      expect(tookMs).toBeGreaterThan(450);
      expect(tookMs).toBeLessThan(6_000);
      await eventually('it goes on', async () => (await send('batch-2'))?.result === 'confirmed');
      expect(sent()).toBe(1);
      const values = await rig.values(topic);
      expect(values.filter((value) => value === 'batch-1')).toEqual(['batch-1']);
    }),
  );

  // 45 and 59 are answers to idempotent producers; a client that takes them for its cue sends again.
  for (const [error, code] of [
    [6, 'NOT_LEADER_OR_FOLLOWER'],
    [7, 'REQUEST_TIMED_OUT'],
    [19, 'NOT_ENOUGH_REPLICAS'],
    [20, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'],
    [45, null],
    [59, null],
  ] as const)
    it(
      `J3b keeps the order and sends nothing twice after error ${error} with a second call waiting`,
      withRig(async (rig) => {
        for (const appended of [false, true]) {
          const { topic, send, sent } = await faulty(rig, 'batch-1', { error, appended });
          await send('batch-0');
          const results = await Promise.all([send('batch-1'), send('batch-2'), send('batch-3')]);
          expect(results[0]).toMatchObject({ result: 'unknown', ...(code && { code }) });
          expect(results[0]).not.toHaveProperty('baseOffset');
          expect(results.slice(1).map((each) => each?.result)).toEqual(['confirmed', 'confirmed']);
          expect(sent()).toBe(1);
          const expected = ['batch-0', ...(appended ? ['batch-1'] : []), 'batch-2', 'batch-3'];
          expect(await rig.values(topic)).toEqual(expected);
        }
      }),
    );
}

export function producerConnections({ withRig }: Setup): void {
  it(
    'F25 leaves every call in flight at a reset at most once in the log, in their order, and recovers',
    withRig(async (rig) => {
      const topic = await rig.topic();
      const proxy = await rig.proxy();
      let seen = 0;
      proxy.onProduce(() => {
        seen += 1;
        if (seen === 30) proxy.resetAll();
        return 'pass';
      });
      const producer = rig.producer({ proxy });
      const calls = Array.from({ length: 60 }, (_, index) =>
        producer.send([record(topic, `${index}`)]),
      );
      const results = (await Promise.all(calls)).flat();
      expect(results.some(({ result }) => result === 'unknown')).toBe(true);
      await eventually('it recovers', async () => {
        const [sent] = await producer.send([record(topic, '1000')]);
        return sent?.result === 'confirmed';
      });
      const values = (await rig.values(topic)).map(Number);
      // What the broker had of the cut connection may come after what the new one brought (F1).
      const inFlight = values.filter((value) => value < calls.length);
      expect(inFlight).toEqual([...new Set(inFlight)].sort((left, right) => left - right));
      for (const [index, each] of results.entries())
        if (each.result === 'confirmed') expect(values[each.baseOffset]).toBe(index);
    }),
  );

  it(
    'F25 answers while the broker is away or silent, and recovers',
    withRig(async (rig) => {
      const topic = await rig.topic();
      const proxy = await rig.proxy();
      const producer = rig.producer({ proxy, requestTimeoutMs: 500 });
      const send = async () => (await producer.send([record(topic, 'x')]))[0];
      await send();
      proxy.stall();
      expect(await send()).toMatchObject({ result: 'unknown', code: 'TIMEOUT' });
      proxy.resume();
      await eventually('it recovers', async () => (await send())?.result === 'confirmed');
      await proxy.refuse();
      proxy.resetAll();
      await eventually('it is away', async () => (await send())?.result === 'unknown');
      expect(await send()).toMatchObject({ result: 'unknown', code: 'NETWORK' });
      await proxy.accept();
      await eventually('it recovers', async () => (await send())?.result === 'confirmed');
    }),
  );

  it(
    'J3a answers the calls that are in flight when it is closed, and those after',
    withRig(async (rig) => {
      const { topic, proxy } = await faulty(rig, 'muted', 'mute');
      const producer = rig.client({ proxy }).producer();
      await producer.send([record(topic, 'x')]);
      const muted = producer.send([record(topic, 'muted')]);
      await eventually('the request is there', () => proxy.count(API.produce) === 2);
      await producer.close();
      expect((await muted)[0]).toMatchObject({ result: 'unknown' });
      expect((await producer.send([record(topic, 'y')]))[0]).toMatchObject({ result: 'unknown' });
      expect(await rig.values(topic)).toEqual(['x', 'muted']);
    }),
  );
}

export function producerContract(setup: Setup): void {
  describe('producer on the wire', () => producerOnTheWire(setup));
  describe('producer results', () => producerResults(setup));
  if (setup.hasNetwork) describe('producer under faults', () => producerFaults(setup));
  if (setup.hasNetwork) describe('producer and its connections', () => producerConnections(setup));
}
