import { expect, it, onTestFinished } from 'vitest';
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
let open: Set<PlainProducer>;

async function start(sharesRequests: boolean): Promise<void> {
  const kafka = new MemoryKafka();
  open = new Set();
  const client: KafkaClient = {
    sharesRequests,
    admin: () => kafka.admin(),
    reader: () => kafka.reader(),
    joinGroup: (options) => kafka.joinGroup(options),
    producer: () => {
      const producer = kafka.producer();
      const made: PlainProducer = {
        send: (records) => producer.send(records),
        close: async () => {
          expect(open.delete(made)).toBe(true);
          await producer.close();
        },
      };
      open.add(made);
      return made;
    },
  };
  fixture = await EngineFixture.start({ client });
  onTestFinished(() => fixture.end());
}

it.each([
  { sharesRequests: false, producers: 2, of: 'one for its journals and one for what it publishes' },
  { sharesRequests: true, producers: 1, of: 'one for both, where calls share a request' },
])('F25 a process of few tasks has of producers $of', async ({ sharesRequests, producers }) => {
  await start(sharesRequests);
  const before = open.size;
  const run = await fixture.running();
  await fixture.publish(
    ...Array.from({ length: 20 }, (_, n) => add(`k${n}`, `${n}`, { amount: 1 })),
  );
  await run.handled(40);
  expect(run.status.tasks).toHaveLength(PARTITIONS);
  expect(open.size - before).toBe(producers);
  await run.stop();
  expect(open.size).toBe(before);
});
