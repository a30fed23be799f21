import { describe, expect, it } from 'vitest';
import { eventHeaders } from '../../avro/index.ts';
import { LIMITS } from '../../engine/limits.ts';
import { TaskState } from '../../engine/task-state.ts';
import type { DriverRecord, TopologyDriver } from '../../testing/topology-driver.ts';
import { add, counterDriver, offlineCounterCodec } from '../support/counter.ts';

const codec = offlineCounterCodec();

function recordOf(key: string, id: string, producer?: readonly [string, number]): DriverRecord {
  const event = add(key, id, { amount: 0 });
  const marks = producer && {
    producer_id: producer[0],
    producer_sequence: String(producer[1]),
  };
  return {
    topic: 'adds',
    key: Buffer.from(key),
    value: codec.encode('adds', 'test.count.Add', event),
    headers: eventHeaders(event.envelope, marks),
  };
}

/** A driver that counts what dedupe says. */
function start(): { driver: TopologyDriver; counts: Record<string, number> } {
  const counts: Record<string, number> = {};
  const add = (what: string, count = 1): void => void (counts[what] = (counts[what] ?? 0) + count);
  const driver = counterDriver({
    sanitize: false,
    observer: {
      handled: (actor) => add(actor),
      skipped: (by) => add(by),
      parked: () => add('parked'),
      deadLettered: () => add('dead'),
      dedupeLimit: (limit, count) => add(limit, count),
    },
  });
  return { driver, counts };
}

const stateOf = (driver: TopologyDriver): unknown => {
  const dump = JSON.parse(driver.state.dump()) as Record<string, unknown>;
  return { ...dump, n: null, positions: null };
};

describe('what is remembered of records', () => {
  it('J7a changes nothing when a topic of 10,000 foreign records is replayed whole', () => {
    const { driver, counts } = start();
    // 4,000, 4,000 and 2,000 of a key.
    const records = Array.from({ length: 10_000 }, (_, index) =>
      recordOf(`key-${Math.floor(index / 4_000)}`, `e${index}`),
    );
    driver.publishAll(records);
    const before = stateOf(driver);
    const emitted = driver.outputs.length;
    driver.publishAll(records);
    expect(stateOf(driver)).toEqual(before);
    expect(driver.outputs).toHaveLength(emitted);
    expect(counts).toMatchObject({ adder: 10_000, watcher: 10_000, event_id: 10_000 });
    expect(counts['event_ids_forgotten']).toBeUndefined();
  }, 60_000);

  it('J7a says so when a key has more event ids than are remembered', () => {
    const { driver, counts } = start();
    const records = Array.from({ length: LIMITS.seenIdsPerKey + 3 }, (_, index) =>
      recordOf('key', `e${index}`),
    );
    driver.publishAll(records);
    expect(counts['event_ids_forgotten']).toBe(3);
  }, 60_000);

  it('J7a knows records of a producer by their sequence, and keeps no event ids of them', () => {
    const { driver, counts } = start();
    const records = [1, 2, 4, 3, 2].map((sequence) =>
      recordOf('key', `e${sequence}`, ['bot/1', sequence]),
    );
    driver.publishAll(records);
    expect(counts).toMatchObject({ adder: 4, producer: 1 });
    expect([...driver.state.seen]).toEqual([]);
    // Another run of the producer counts from 1 again.
    driver.publishAll([recordOf('key', 'f1', ['bot/2', 1]), recordOf('key', 'f1', ['bot/2', 1])]);
    expect(counts).toMatchObject({ adder: 5, producer: 2 });
    driver.restart();
    driver.publishAll(records);
    expect(counts).toMatchObject({ adder: 5, producer: 7 });
  });

  it('J7a forgets the producer not heard of for longest, and says so', () => {
    const state = new TaskState();
    const mark = (producer: string) => ({ topic: 't', producer, held: [1, 1], gap_since: null });
    for (let number = 0; number < LIMITS.producersPerTask; number++)
      expect(state.applyProducer(mark(`p/${number}`))).toBe(false);
    state.applyProducer(mark('p/0'));
    expect(state.applyProducer(mark('new/1'))).toBe(true);
    expect(state.producers.has('t|p/0')).toBe(true);
    expect(state.producers.has('t|p/1')).toBe(false);
  });
});
