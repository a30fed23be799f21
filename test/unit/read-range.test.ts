import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SHELL_LIMITS } from '../../kafka/limits.ts';
import { readRange } from '../../kafka/read-range.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';

const TOPIC = 'journal';
const PLACE = { topic: TOPIC, partition: 0 };

let kafka: MemoryKafka;
beforeEach(async () => {
  vi.useFakeTimers();
  kafka = new MemoryKafka();
  const topic = { name: TOPIC, partitions: 1, replicationFactor: 1, configs: {} };
  await kafka.admin().createTopic(topic);
});
afterEach(() => void vi.useRealTimers());

const append = (count: number): Promise<unknown> =>
  kafka
    .producer()
    .send(Array.from({ length: count }, () => ({ ...PLACE, key: null, value: null, headers: {} })));

/** Reads to offset 5, as if so many had been acknowledged; `error`: what ended it. */
function read() {
  const offsets: number[] = [];
  const range = { reader: kafka.reader(), ...PLACE, from: 0, until: 5 };
  const signal = new AbortController().signal;
  const reading = { offsets, isOver: false, error: null as unknown };
  void readRange({ ...range, signal }, ({ offset }) => void offsets.push(offset))
    .catch((error: unknown) => (reading.error = error))
    .finally(() => (reading.isOver = true));
  return reading;
}

it('J3 a log that ends before what was acknowledged is given up within seconds, by name', async () => {
  await append(3);
  const reading = read();
  await vi.advanceTimersByTimeAsync(SHELL_LIMITS.shortLogMs - 500);
  expect(reading.isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(1_500);
  expect(reading.offsets).toEqual([0, 1, 2]);
  expect(reading.error).toMatchObject({
    code: 'LOG_TOO_SHORT',
    canRetry: true,
    message: expect.stringMatching(/journal\/0 has ended at 3 for \d+ ms, and 5 was acknowledged/),
  });
});

it('J3 a leader that only lags behind is waited for, as long as it gets on', async () => {
  const reading = read();
  for (let count = 0; count < 5; count++) {
    expect(reading.isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(SHELL_LIMITS.shortLogMs - 500);
    await append(1);
  }
  await vi.advanceTimersByTimeAsync(500);
  expect([reading.isOver, reading.error]).toEqual([true, null]);
  expect(reading.offsets).toEqual([0, 1, 2, 3, 4]);
});
