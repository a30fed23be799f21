import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KafkaClient, PlainProducer } from '../../kafka/client.ts';
import { SHELL_LIMITS } from '../../kafka/limits.ts';
import { ProducerPool } from '../../kafka/producer-pool.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { add } from '../support/counter.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';

it('F25 gives sixteen tasks one producer, makes it when it is needed, and closes all', async () => {
  const open = new Set<PlainProducer>();
  const pool = new ProducerPool(() => {
    const made: PlainProducer = {
      send: () => Promise.resolve([]),
      close: () => Promise.resolve(void open.delete(made)),
    };
    open.add(made);
    return made;
  });
  expect(open.size).toBe(0);
  expect(pool.of(0)).toBe(pool.of(SHELL_LIMITS.tasksPerProducer - 1));
  expect(pool.of(0)).not.toBe(pool.of(SHELL_LIMITS.tasksPerProducer));
  expect(open.size).toBe(2);
  await pool.close();
  expect(open.size).toBe(0);
});

let fixture: EngineFixture;
let made: number;
beforeEach(async () => {
  const kafka = new MemoryKafka();
  made = 0;
  const client: KafkaClient = {
    admin: () => kafka.admin(),
    reader: () => kafka.reader(),
    joinGroup: (options) => kafka.joinGroup(options),
    producer: () => {
      made += 1;
      return kafka.producer();
    },
  };
  fixture = await EngineFixture.start({ client });
});
afterEach(() => fixture.end());

it('F25 a process of few tasks has one producer for its journals and one for what it publishes', async () => {
  const before = made;
  const run = await fixture.running();
  await fixture.publish(
    ...Array.from({ length: 20 }, (_, n) => add(`k${n}`, `${n}`, { amount: 1 })),
  );
  await run.handled(40);
  expect(run.status.tasks).toHaveLength(PARTITIONS);
  expect(made - before).toBe(2);
});
